"""Keys of servers in the window: typed, stored, tested, replaced and deleted, and nowhere to be seen again."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from evaluated import Evaluated
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from medqdeg_desktop.eval.keys import key_name
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.ui.evaluate.key_row import KeyRow
from medqdeg_desktop.ui.evaluate.workspace import EvaluateWorkspace
from medqdeg_desktop.ui.jobs import Jobs
from medqdeg_desktop.ui.main_window import MainWindow
from tests.guarded_server import Guarded, guarded_server
from tests.kept_keyring import KeptKeyring

LONG = 60_000
KEY = "sk-test-0123456789abcdef"


@pytest.fixture
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeptKeyring:
    """The keyring of every command that the window starts."""
    held = KeptKeyring(tmp_path / "ring.json")
    root = str(Path(__file__).resolve().parents[2])
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "tests.kept_keyring.KeptKeyring")
    monkeypatch.setenv("MEDQDEG_TEST_KEYRING", str(held.path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", "")))))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return held


@pytest.fixture
def server() -> Iterator[Guarded]:
    with guarded_server(KEY) as guarded:
        yield guarded


@pytest.fixture
def row(qtbot: QtBot, ring: KeptKeyring) -> Iterator[KeyRow]:
    jobs = Jobs()
    made = KeyRow(jobs)
    qtbot.addWidget(made)
    made.show()
    yield made
    jobs.stop_all()


def click(widget: QWidget) -> None:
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)
    QApplication.processEvents()


def held_as_bytes(secret: str) -> bool:
    """Whether an object that can hold others holds ``secret`` as bytes, which stand in no list of objects themselves."""
    parts = (part for thing in gc.get_objects() for part in gc.get_referents(thing))
    return any(isinstance(part, bytes) and part == secret.encode() for part in parts)


def says(qtbot: QtBot, row: KeyRow, words: str) -> None:
    qtbot.waitUntil(lambda: words in row.state.text(), timeout=LONG)


def test_a_key_is_stored_tested_replaced_and_deleted(
    row: KeyRow, ring: KeptKeyring, server: Guarded, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = key_name(server.url)
    row.ask_about((server.url,))
    says(qtbot, row, "mostly needs no key")
    assert row.store.text() == "Store" and not row.store.isEnabled() and not row.test.isEnabled() and row.delete.isHidden()
    assert row.field.echoMode() is QLineEdit.EchoMode.Password
    QTest.keyClicks(row.field, "wrong-key-entirely")
    click(row.store)
    assert row.field.text() == ""
    says(qtbot, row, f"The key of {name} is in the keyring of the tests")
    assert ring.held() == {f"medqdeg_desktop/{name}": "wrong-key-entirely"}
    click(row.test)
    says(qtbot, row, f"{name}: HTTP 401, the key is not accepted")
    assert row.state.property("role") == "error"
    with qtbot.waitSignal(row.changed, timeout=LONG):
        QTest.keyClicks(row.field, KEY)
        assert row.store.text() == "Replace"
        QTest.keyClick(row.field, Qt.Key.Key_Return)
    says(qtbot, row, f"The key of {name} is in the keyring of the tests")
    click(row.test)
    says(qtbot, row, f"{name} accepts the key")
    answers = [QMessageBox.StandardButton.Cancel, QMessageBox.StandardButton.Ok]
    monkeypatch.setattr(QMessageBox, "question", lambda *asked: answers.pop(0))
    click(row.delete)
    assert ring.held()
    click(row.delete)
    says(qtbot, row, "mostly needs no key")
    assert ring.held() == {} and answers == []


def test_a_typed_key_leaves_the_field_for_good(row: KeyRow, ring: KeptKeyring, qtbot: QtBot) -> None:
    row.ask_about(("https://one.example/v1",))
    says(qtbot, row, "No key of one.example is known")
    clipboard = QGuiApplication.clipboard()
    clipboard.setText("what was there before")
    QTest.keyClicks(row.field, KEY)
    row.field.selectAll()
    for key in (Qt.Key.Key_C, Qt.Key.Key_X):
        QTest.keyClick(row.field, key, Qt.KeyboardModifier.ControlModifier)
    assert clipboard.text() == "what was there before"
    row.field.setText(KEY)
    click(row.store)
    assert row._working is not None and not held_as_bytes(KEY), "the command that is at it has given it away"
    says(qtbot, row, "is in the keyring of the tests")
    row.field.undo()
    row.field.redo()
    assert row.field.text() == ""
    QTest.keyClicks(row.field, KEY)
    row.ask_about(("https://two.example/v1",))
    assert row.field.text() == "", "what was typed for one server goes to no other"
    says(qtbot, row, "No key of two.example is known")
    QTest.keyClicks(row.field, KEY)
    row.hide()
    row.show()
    assert row.field.text() == ""


def test_of_several_servers_the_one_that_is_chosen_is_asked_and_what_is_found_too_late_holds_no_more(
    row: KeyRow, ring: KeptKeyring, server: Guarded, qtbot: QtBot
) -> None:
    # Two addresses of one server share its key.
    row.ask_about(("https://one.example/v1", "https://one.example/v2", server.url))
    says(qtbot, row, "No key of one.example is known")
    assert [row.server.itemText(i) for i in range(row.server.count())] == ["one.example", key_name(server.url)]
    row.server.setCurrentIndex(1)
    row.server.activated.emit(1)
    QTest.keyClicks(row.field, KEY)
    click(row.store)
    says(qtbot, row, f"The key of {key_name(server.url)} is in the keyring of the tests")
    click(row.test)
    says(qtbot, row, f"{key_name(server.url)} accepts the key")
    row.ask_about(("https://two.example/v1",))
    late = row._looking
    assert late is not None
    row.ask_about(())
    qtbot.waitUntil(lambda: late.has_ended, timeout=LONG)
    assert row.state.text() == "" and not row.field.isEnabled() and not row.test.isEnabled()


@pytest.mark.parametrize(
    ("mood", "words"),
    [
        ("denied", "the keyring refuses (PasswordSetError: Can't store '[key]' on keychain"),
        ("forgetful", "does not give it back"),
    ],
)
def test_a_keyring_that_refuses_is_an_error_in_the_window(
    row: KeyRow, ring: KeptKeyring, mood: str, words: str, qtbot: QtBot
) -> None:
    ring.become(mood)
    row.ask_about(("https://one.example/v1",))
    says(qtbot, row, "No key of one.example is known")
    QTest.keyClicks(row.field, KEY)
    click(row.store)
    says(qtbot, row, words)
    assert "MEDQDEG_KEY_ONE_EXAMPLE" in row.state.text() and KEY not in row.state.text()
    assert row.state.property("role") == "error" and row.store.text() == "Store"


def test_without_a_keyring_the_window_names_the_variable(
    row: KeyRow, ring: KeptKeyring, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    row.ask_about(("https://api.anthropic.com",))
    says(qtbot, row, "this machine has no keyring")
    assert "variable ANTHROPIC_API_KEY set instead" in row.state.text()
    assert row.field.isHidden() and row.store.isHidden()
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    row.ask_about(("https://api.openai.com/v1",))
    says(qtbot, row, "comes from the variable OPENAI_API_KEY")
    assert row.test.isEnabled()


def test_a_model_behind_a_key_is_added_in_the_window_and_the_key_is_written_nowhere(
    open_window: Callable[..., MainWindow],
    evaluated: Evaluated,
    ring: KeptKeyring,
    server: Guarded,
    tmp_path: Path,
    data_home: Path,
    qtbot: QtBot,
) -> None:
    study = evaluated.copy_of_study(tmp_path / "study")
    window = open_window(study)
    window.go_to("evaluate")
    workspace = window.workspace("evaluate")
    assert isinstance(workspace, EvaluateWorkspace)
    qtbot.waitUntil(lambda: workspace.book.loaded, timeout=LONG)
    workspace.add_model()
    page = workspace.add_page
    click(page.kinds.button(1))
    page.url.setText(server.url)
    page.model.setEditText("guarded")
    page.trials.setValue(1)
    qtbot.waitUntil(lambda: "the key is not accepted" in page.trouble.text(), timeout=LONG)
    says(qtbot, page.key, "mostly needs no key")
    QTest.keyClicks(page.key.field, KEY)
    click(page.key.store)
    qtbot.waitUntil(lambda: page.add.isEnabled(), timeout=LONG)
    click(page.add)
    qtbot.waitUntil(lambda: workspace.book.rows[-1].state == "done", timeout=LONG)
    window.close()
    assert KEY in server.shown
    with Study.open(study, read_only=True) as opened:
        assert opened.runs()[-1].spec == f"openai:guarded@{server.url}"
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path != ring.path]
    assert study in written and (data_home / "window.json") in written
    assert not [path for path in written if KEY.encode() in path.read_bytes()]
