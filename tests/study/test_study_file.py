"""Opening, creating and closing study files, and what a broken file makes the program say."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest
from study_records import make_answer, make_item, make_run, make_setting

from medqdeg_desktop.study import connection, errors
from medqdeg_desktop.study.migrations import newest_version
from medqdeg_desktop.study.store import Study, StudyError


def _one_line(error: pytest.ExceptionInfo[StudyError], path: Path) -> str:
    text = str(error.value)
    assert text.startswith(str(path)) and "\n" not in text
    return text


def test_a_new_study_keeps_name_and_identity(tmp_path: Path) -> None:
    path = tmp_path / "liver.medq"
    with Study.create(path, name=" Liver CT ") as made:
        identity = (made.study_id, made.name, made.created_at)
    with Study.open(path) as opened:
        assert (opened.study_id, opened.name, opened.created_at) == identity
        assert opened.name == "Liver CT"
    assert list(tmp_path.iterdir()) == [path], "no journal or partial file is left beside a closed study"


def test_a_study_without_a_name_is_called_as_its_file(tmp_path: Path) -> None:
    with Study.create(tmp_path / "liver.medq") as made:
        assert made.name == "liver"


def test_creating_over_an_existing_file_is_refused_and_leaves_it_alone(tmp_path: Path) -> None:
    path = tmp_path / "liver.medq"
    path.write_text("precious")
    with pytest.raises(StudyError, match="already exists"):
        Study.create(path)
    assert path.read_text() == "precious"


def test_creating_in_a_missing_folder_names_the_folder(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"the folder .*nowhere does not exist"):
        Study.create(tmp_path / "nowhere" / "a.medq")


def test_the_connection_is_set_up_for_safety(study: Study) -> None:
    with study._reading() as db:
        pragma = {
            name: db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("foreign_keys", "synchronous", "trusted_schema", "journal_mode", "busy_timeout", "recursive_triggers")
        }
        header = (db.execute("PRAGMA application_id").fetchone()[0], db.execute("PRAGMA user_version").fetchone()[0])
        tables = db.execute("SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND type = 'table'").fetchall()
    wal = sqlite3.sqlite_version_info >= (3, 51, 3)
    assert pragma == {
        "foreign_keys": 1,
        "synchronous": 2,
        "trusted_schema": 0,
        "journal_mode": "wal" if wal else "truncate",
        "busy_timeout": 10_000,
        "recursive_triggers": 1,
    }
    assert header == (int.from_bytes(b"MEDQ", "big"), newest_version())
    assert {name for name, strict in tables if not strict} == {"_sqlite_migrations", "sqlite_schema"}


def test_a_missing_file_a_folder_and_a_text_file_are_told_apart(tmp_path: Path) -> None:
    text = tmp_path / "notes.medq"
    text.write_text("this is no database, however long it may become\n" * 100)
    for path, reason in ((tmp_path / "gone.medq", "no such study"), (tmp_path, "a folder"), (text, "not a study file")):
        with pytest.raises(StudyError, match=reason) as error:
            Study.open(path)
        _one_line(error, path)


def test_an_empty_file_and_another_programs_database_are_no_studies(tmp_path: Path) -> None:
    empty, other = tmp_path / "empty.medq", tmp_path / "other.medq"
    empty.touch()
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE study (id INTEGER)")
    connection.commit()
    connection.close()
    before = other.read_bytes()
    for path in (empty, other):
        with pytest.raises(StudyError, match="not a study file"):
            Study.open(path)
    assert empty.stat().st_size == 0 and other.read_bytes() == before


def test_a_study_of_a_newer_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "new.medq"
    Study.create(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StudyError, match=r"written by a newer version .*schema 99.*update the program"):
        Study.open(path)
    assert path.read_bytes() == before


def test_a_file_cut_in_half_is_called_damaged(study: Study) -> None:
    study.add_items(make_item(f"q{n}") for n in range(500))
    study.close()
    os.truncate(study.path, study.path.stat().st_size // 2 // 4096 * 4096)
    with pytest.raises(StudyError, match="damaged") as error, Study.open(study.path) as opened:
        list(opened.items())
    _one_line(error, study.path)


def test_overwritten_pages_are_reported_by_verify_and_not_raised(study: Study) -> None:
    study.add_items(make_item(f"q{n}") for n in range(500))
    study.close()
    with study.path.open("r+b") as file:
        file.seek(study.path.stat().st_size // 2 // 4096 * 4096)
        file.write(os.urandom(8192))
    with Study.open(study.path) as opened:
        problems = opened.verify()
    assert problems and all("\n" not in line for line in problems)


def test_a_study_opened_for_reading_refuses_to_write(study: Study) -> None:
    study.close()
    with Study.open(study.path, read_only=True) as opened:
        assert opened.readers()[0].pseudonym == "R1"
        with pytest.raises(StudyError, match="opened for reading only"):
            opened.set_level(make_setting())


def test_a_read_only_file_is_named_as_such(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    # File permissions do not bind root; SQLite's own read-only mode gives the same error to everybody.
    real = sqlite3.connect

    def read_only(address: str, **options: object) -> sqlite3.Connection:
        return real(address.replace("mode=rw", "mode=ro"), **options)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(connection.sqlite3, "connect", read_only)
    with Study.open(study.path) as opened, pytest.raises(StudyError, match="cannot be written") as error:
        opened.set_level(make_setting())
    _one_line(error, study.path)


def test_a_full_disk_loses_nothing_that_was_kept(study: Study) -> None:
    kept = study.set_level(make_setting())
    with study._reading() as db:
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StudyError, match="the disk is full; nothing was changed") as error:
        study.add_items(make_item(f"q{n}") for n in range(900))
    _one_line(error, study.path)
    study.close()
    with Study.open(study.path) as opened:
        assert opened.settings() == [kept]
        assert opened.item_count() == 0
        assert opened.verify() == []


def test_a_locked_file_is_waited_for_and_then_named(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    with study._reading() as db:
        db.execute("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(study.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(StudyError, match="in use by another program") as error:
            study.set_level(make_setting())
        _one_line(error, study.path)
    finally:
        other.execute("ROLLBACK")
        other.close()
    study.set_level(make_setting())
    assert study.verify() == []
    assert errors.BUSY_SECONDS == 10


def test_a_closed_study_says_that_it_is_closed(study: Study) -> None:
    study.close()
    study.close()
    with pytest.raises(StudyError, match="has been closed"):
        study.settings()


def test_a_value_that_json_cannot_hold_is_refused_and_nothing_is_kept(study: Study) -> None:
    with pytest.raises(StudyError, match="a value cannot be kept"):
        study.set_level(make_setting(parameters={"sigma": float("nan")}))
    assert study.settings() == [] and study.verify() == []


def test_a_backup_is_a_whole_study_made_while_the_original_is_open(study: Study, tmp_path: Path) -> None:
    kept = study.set_level(make_setting())
    copy = study.backup(tmp_path / "copy.medq")
    study.set_level(make_setting(severity=0.5))
    with Study.open(copy) as opened:
        assert opened.settings() == [kept]
        assert opened.study_id == study.study_id
        assert opened.verify() == []
    with pytest.raises(StudyError, match="already exists"):
        study.backup(copy)


def test_everything_a_study_holds_survives_reopening(study: Study) -> None:
    kept = study.set_level(make_setting())
    study.add_items([make_item()])
    run = study.start_run(make_run())
    study.append_answers(run.run_id, [make_answer()])
    study.close()
    with Study.open(study.path) as opened:
        assert opened.settings() == [kept]
        assert opened.item("q1") == make_item()
        assert opened.runs() == [run]
        assert list(opened.answers(run.run_id)) == [make_answer()]
        assert opened.verify() == []


@pytest.mark.parametrize("kind", ["nfs4", "ext4"])
def test_a_network_disk_is_recognised_from_the_mount_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    table = f"/dev/sda1 / ext4 rw 0 0\nserver:/x {tmp_path} {kind} rw 0 0\n"
    monkeypatch.setattr(Path, "read_text", lambda self, **options: table)
    assert connection.network_file_system(tmp_path / "a.medq") == ("nfs4" if kind == "nfs4" else "")


def test_the_file_names_itself_to_other_programs(study: Study) -> None:
    study.close()
    header = study.path.read_bytes()[:100]
    assert header[68:72] == b"MEDQ"


def test_where_sqlite_is_sound_and_the_disk_local_a_study_uses_wal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def journal(study: Study) -> str:
        with study._reading() as db:
            return str(db.execute("PRAGMA journal_mode").fetchone()[0])

    path = tmp_path / "liver.medq"
    monkeypatch.setattr(connection, "WAL_IS_SOUND", True)
    with Study.create(path) as study, Study.open(path) as other, Study.open(path, read_only=True) as reading:
        assert [journal(s) for s in (study, other, reading)] == ["wal"] * 3
        study.ensure_reader("R1")
        other.ensure_reader("R2")
        assert [r.pseudonym for r in reading.readers()] == ["R1", "R2"]
        study.backup(tmp_path / "copy.medq")
        assert study.verify() == []
    assert sorted(tmp_path.iterdir()) == [tmp_path / "copy.medq", path]
    monkeypatch.setattr(connection, "network_file_system", lambda path: "nfs4")
    with Study.open(path) as study:
        assert journal(study) == "truncate", "WAL does not work over a network"
        assert len(study.readers()) == 2
    assert sorted(tmp_path.iterdir()) == [tmp_path / "copy.medq", path]
