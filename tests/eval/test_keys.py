"""Keys: kept in a real keyring through the command line, told of without being shown, and never in anything that is written."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import keyring
import platformdirs
import pytest
from click.testing import CliRunner
from keyring.backends import fail, null

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.cli import group
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.keys import (
    LOOPBACK_KEY,
    KeyMissingError,
    key_for,
    key_name,
    state_of,
    store_key,
    stored_names,
    without_key,
)
from medqdeg_desktop.eval.plan import EvaluateOptions
from medqdeg_desktop.eval.runner import evaluate
from medqdeg_desktop.eval.spec import parse_spec
from medqdeg_desktop.progress import JsonProgress, Progress
from medqdeg_desktop.study.store import Study
from tests.guarded_server import guarded_server
from tests.kept_keyring import KeptKeyring

KEY = "sk-test-0123456789abcdef"


@pytest.fixture
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KeptKeyring]:
    """The keyring of this process, and a data folder of its own."""
    held, previous = KeptKeyring(tmp_path / "ring.json"), keyring.get_keyring()
    monkeypatch.setattr(platformdirs, "user_data_dir", lambda *args, **kwargs: str(tmp_path / "home"))
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    keyring.set_keyring(held)
    try:
        yield held
    finally:
        keyring.set_keyring(previous)


def medqdeg(*arguments: str, typed: str = "") -> tuple[int, str]:
    """(exit status, everything that was said) of a command; ``typed`` is what stands on its standard input."""
    result = CliRunner().invoke(group, ["keys", *arguments], input=typed)
    said = result.output
    if isinstance(result.exception, MedqdegError):
        said += str(result.exception)
    assert KEY not in said
    return result.exit_code, said


@pytest.mark.parametrize(
    ("where", "name"),
    [
        ("openai", "api.openai.com"),
        ("Anthropic", "api.anthropic.com"),
        ("https://Models.Example/v1", "models.example"),
        ("https://models.example:443/v1", "models.example"),
        ("https://models.example:8443/v1", "models.example:8443"),
        ("http://127.0.0.1:8000/v1", "127.0.0.1:8000"),
        ("gpu1:8000", "gpu1:8000"),
        ("models.example:443", "models.example"),
        ("::1", "[::1]"),
        ("http://[::1]:8000", "[::1]:8000"),
    ],
)
def test_a_key_is_filed_under_its_host_and_a_port_of_its_own(where: str, name: str) -> None:
    assert key_name(where) == name == key_name(name)


@pytest.mark.parametrize("where", [KEY, "", "two words", "https://user:word@models.example", "h:port"])
def test_what_is_no_host_is_refused_without_being_repeated(where: str) -> None:
    with pytest.raises(MedqdegError) as refused:
        key_name(where)
    assert not where or where not in str(refused.value)


def test_a_repeated_key_is_blotted_out_however_json_writes_its_slashes() -> None:
    key = "c2VjcmV0/c2VjcmV0+=="
    for said in (json.dumps({"key": key}), json.dumps({"key": key}).replace("/", "\\/")):
        assert json.loads(said) == {"key": key} and json.loads(without_key(said, key)) == {"key": "[key]"}


def test_a_key_is_stored_replaced_told_of_and_deleted(ring: KeptKeyring) -> None:
    status, said = medqdeg("set", "openai", typed=f" {KEY}\n")
    assert (status, said) == (0, "the key of api.openai.com is stored in the keyring of the tests\n")
    assert ring.held() == {"medqdeg_desktop/api.openai.com": KEY} and key_for("https://api.openai.com/v1") == KEY
    assert medqdeg("set", "https://gpu1.example:8000/v1", typed="another-key-1")[0] == 0
    assert medqdeg("set", "openai", typed="a-newer-key")[0] == 0
    assert key_for("api.openai.com") == "a-newer-key" and key_for("https://gpu1.example:8000/v1") == "another-key-1"
    status, said = medqdeg("list")
    assert status == 0 and "newer" not in said and "another" not in said
    places = [tuple(line.split(None, 1)) for line in said.splitlines()]
    assert places == [
        ("api.openai.com", "in the keyring of the tests"),
        ("api.anthropic.com", "none (keyring, or the variable ANTHROPIC_API_KEY)"),
        ("gpu1.example:8000", "in the keyring of the tests"),
    ]
    assert medqdeg("list", "a-server-with-a-long-name.example:8443")[1].split()[0] == "a-server-with-a-long-name.example:8443"
    assert medqdeg("delete", "openai") == (0, "the key of api.openai.com is deleted\n")
    assert stored_names() == ("gpu1.example:8000",) and list(ring.held()) == ["medqdeg_desktop/gpu1.example:8000"]
    status, said = medqdeg("delete", "openai")
    assert status == 1 and "the keyring of the tests has no key of api.openai.com" in said


def test_the_key_of_a_vendor_goes_to_no_server_that_merely_speaks_its_language(
    ring: KeptKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert key_for("https://api.openai.com/v1") == KEY
    with pytest.raises(KeyMissingError, match=r"no key for two\.example: .*medqdeg keys set two.*MEDQDEG_KEY_TWO_EXAMPLE"):
        key_for("https://two.example/v1")
    monkeypatch.setenv("MEDQDEG_KEY_TWO_EXAMPLE", "of-the-site")
    assert key_for("https://two.example/v1") == "of-the-site"


def test_a_key_of_one_port_goes_to_no_other(ring: KeptKeyring) -> None:
    store_key("gpu1.example:8000", KEY)
    with pytest.raises(KeyMissingError):
        key_for("http://gpu1.example:9000/v1")
    store_key("gpu1.example", "of-the-whole-host")
    assert key_for("http://gpu1.example:9000/v1") == "of-the-whole-host" and key_for("http://gpu1.example:8000/v1") == KEY


def test_a_key_is_never_taken_from_an_argument_nor_with_signs_that_no_key_has(ring: KeptKeyring) -> None:
    result = CliRunner().invoke(group, ["keys", "set", "openai", KEY])
    assert result.exit_code == 2 and "never an argument" in result.output and KEY not in result.output
    for typed in ("", f"{KEY} {KEY}", f"{KEY}\N{EN DASH}"):
        status, said = medqdeg("set", "openai", typed=typed)
        assert status == 1 and "the key of api.openai.com" in said
    assert ring.held() == {} and stored_names() == ()


def test_a_key_is_asked_for_without_echo_at_a_terminal(ring: KeptKeyring, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden: list[bool] = []

    def prompt(text: str, *, hide_input: bool, err: bool) -> str:
        hidden.append(hide_input)
        return KEY

    monkeypatch.setattr("click.prompt", prompt)
    monkeypatch.setattr("sys.stdin", type("Terminal", (), {"isatty": lambda self: True})())
    group.main(["keys", "set", "anthropic"], standalone_mode=False)
    assert hidden == [True] and ring.held() == {"medqdeg_desktop/api.anthropic.com": KEY}


def test_the_environment_goes_before_the_keyring_and_is_told(ring: KeptKeyring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDQDEG_KEY_ONE_EXAMPLE", "of-the-session")
    status, said = medqdeg("set", "one.example", typed=KEY)
    assert status == 0 and "the variable MEDQDEG_KEY_ONE_EXAMPLE is set and goes before it" in said
    assert key_for("one.example") == "of-the-session" and state_of("one.example").where == "environment"
    told = json.loads(medqdeg("list", "--json", "one.example")[1])
    assert told["variables"] == ["MEDQDEG_KEY_ONE_EXAMPLE"] and told["keys"][0]["where"] == "environment"


@pytest.mark.parametrize(
    ("mood", "words"),
    [
        ("locked", "the keyring is locked: unlock it"),
        ("denied", r"the keyring refuses \(PasswordSetError: Can't store '\[key\]' on keychain"),
        ("absent", "this machine has no keyring"),
        ("forgetful", "took the key and does not give it back"),
    ],
)
def test_a_keyring_that_refuses_says_how_and_names_the_variable(ring: KeptKeyring, mood: str, words: str) -> None:
    ring.become(mood)
    with pytest.raises(
        MedqdegError, match=rf"the key of one\.example was not stored: .*{words}.*MEDQDEG_KEY_ONE_EXAMPLE"
    ) as refused:
        store_key("one.example", KEY)
    assert KEY not in str(refused.value) and stored_names() == () and ring.held() == {}
    if mood in ("locked", "absent"):
        with pytest.raises(KeyMissingError, match=rf"no key for one\.example: {words}.*MEDQDEG_KEY_ONE_EXAMPLE"):
            key_for("one.example")
        status, said = medqdeg("list", "one.example")
        assert status == 0 and words in said


@pytest.mark.parametrize(
    ("backend", "words"),
    [(fail.Keyring, "this machine has no keyring"), (null.Keyring, "the keyring of this machine is switched off")],
)
def test_a_machine_without_a_keyring_is_told_what_to_do_instead(
    ring: KeptKeyring, backend: type, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring.set_keyring(backend())
    status, said = medqdeg("set", "anthropic", typed=KEY)
    assert status == 1 and words in said and "set the variable ANTHROPIC_API_KEY instead, which serves for one session" in said
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    assert key_for("https://api.anthropic.com") == KEY


def test_the_doctor_names_the_keyring_without_opening_it(ring: KeptKeyring, monkeypatch: pytest.MonkeyPatch) -> None:
    ring.become("locked")
    told = CliRunner().invoke(group, ["doctor"])
    assert (
        told.exit_code == 0 and re.search(r"^keyring +the keyring of the tests$", told.output, re.MULTILINE) and ring.asked == []
    )
    keyring.set_keyring(fail.Keyring())
    assert "this machine has no keyring" in CliRunner().invoke(group, ["doctor"]).output


def test_without_the_extra_the_message_names_it(ring: KeptKeyring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert "pip install 'medqdeg-desktop[api]'" in medqdeg("set", "openai", typed=KEY)[1]
    assert medqdeg("list", "openai")[0] == 0


def test_a_server_on_this_machine_opens_the_keyring_only_for_a_key_stored_on_purpose(ring: KeptKeyring) -> None:
    assert key_for("http://127.0.0.1:8000/v1") == LOOPBACK_KEY and ring.asked == []
    assert state_of("127.0.0.1:8000").where == "not needed"
    store_key("http://127.0.0.1:8000/v1", KEY)
    assert key_for("http://127.0.0.1:8000/v1") == KEY and key_for("http://127.0.0.1:8001/v1") == LOOPBACK_KEY


def test_a_key_is_tested_at_the_server_itself(ring: KeptKeyring) -> None:
    with guarded_server(KEY) as server:
        name = key_name(server.url)
        assert "none is needed" in medqdeg("test", server.url)[1] and server.shown == []
        store_key(server.url, "wrong-key-entirely")
        status, said = medqdeg("test", server.url)
        assert (status, said) == (1, f"{name}: HTTP 401, the key is not accepted")
        store_key(server.url, KEY)
        assert medqdeg("test", server.url) == (0, f"{name} accepts the key, 1 models offered\n")
        assert server.shown == ["wrong-key-entirely", KEY, ""], (
            "once with the key, and once to see whether it is asked for at all"
        )
        server.silent = True
        status, said = medqdeg("test", server.url)
        assert status == 1 and "HTTP 404" in said and "is not known" in said
        server.silent, server.key = False, ""
        assert medqdeg("test", server.url)[1].startswith(f"{name} answers, but it answers without a key as well")
    assert "is the server running?" in medqdeg("test", server.url)[1]
    status, said = medqdeg("test", "http://models.example/v1")
    assert status == 1 and "not encrypted" in said and "--allow-plain-http" in said
    assert "is tested at an address" in medqdeg("test", "models.example")[1]


def test_a_key_that_a_server_repeats_stands_in_no_study_no_log_and_no_message(
    ring: KeptKeyring, dataset: Dataset, study_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with guarded_server("the-right-key-of-the-server") as server:
        store_key(server.url, KEY)
        spec = parse_spec(f"openai:guarded@{server.url}")
        with pytest.raises(MedqdegError, match=r"HTTP 401 Incorrect API key provided: \[key\]") as refused:
            evaluate(dataset.folder, study_path, spec, EvaluateOptions(trials=2), JsonProgress("evaluate"))
        assert KEY in server.shown and KEY not in str(refused.value)
        server.key = KEY
        done = evaluate(dataset.folder, study_path, spec, EvaluateOptions(trials=2), Progress("evaluate"))
        assert done.answered == done.total
    assert KEY not in "".join(capsys.readouterr())
    written = [path for path in study_path.parent.rglob("*") if path.is_file() and path != ring.path]
    assert study_path in written and not [path for path in written if KEY.encode() in path.read_bytes()]
    with Study.open(study_path) as study:
        assert study.runs()[0].spec == f"openai:guarded@{server.url}"
