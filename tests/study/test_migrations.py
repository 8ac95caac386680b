"""Old study files become new ones in safe steps, or stay exactly as they were."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlite_utils import Database, Migrations
from study_records import make_item, make_setting

from medqdeg_desktop.study import migrations, schema, store
from medqdeg_desktop.study.connection import connect
from medqdeg_desktop.study.store import Study, StudyError
from medqdeg_desktop.study.verification import declarations, fresh_declarations

HISTORY = sorted((Path(__file__).parent / "history").glob("schema-*.sql"))


def _with(*steps: object) -> Migrations:
    """The product's migrations followed by ``steps``."""
    extended = Migrations(migrations.MIGRATIONS.name)
    for migration in migrations.MIGRATIONS._migrations:
        extended(name=migration.name)(migration.fn)
    for step in steps:
        extended()(step)  # type: ignore[arg-type]
    return extended


def _rebuilt(db: Database) -> None:
    db["events"].transform(types={"reason": str}, column_order=["seq"])


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Database]:
    with contextlib.closing(connect(path)) as db:
        yield db


def _historic_file(path: Path, script: Path) -> None:
    """A study file as the version of ``script`` made it, with one reader's decision in it."""
    version = int(script.stem.split("-")[1])
    db = sqlite3.connect(path, isolation_level=None)
    for statement in migrations.statements(script.read_text()):
        if not statement.endswith("sqlite_sequence(name,seq);"):
            db.execute(statement)
    db.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {version}")
    db.executemany(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('medqdeg_study', ?, '')",
        [(m.name,) for m in migrations.MIGRATIONS._migrations[:version]],
    )
    db.execute("INSERT INTO study (id, study_id, name, created_at) VALUES (1, ?, 'old', '')", ("s" * 36,))
    db.close()


@pytest.mark.parametrize("script", HISTORY, ids=lambda path: path.stem)
def test_a_file_of_every_released_version_becomes_declared_as_a_fresh_study(tmp_path: Path, script: Path) -> None:
    path = tmp_path / "old.medq"
    _historic_file(path, script)
    with Study.open(path) as opened:
        assert opened.name == "old"
        opened.ensure_reader("R1")
        assert opened.verify() == []
    with _opened(path) as db:
        assert declarations(db) == fresh_declarations()


def test_the_text_of_every_released_version_is_kept() -> None:
    assert len(HISTORY) == migrations.newest_version()


def test_a_step_that_rebuilds_a_table_keeps_decisions_and_triggers(study: Study) -> None:
    kept = study.set_level(make_setting())
    study.add_items([make_item()])
    study.clear_items(["q1"], "Dr Lee")
    study.close()
    with _opened(study.path) as db:
        before = declarations(db)
        copy = migrations.upgrade(db, study.path, _with(_rebuilt))
        after = declarations(db)
        assert {key for key in after if key[0] in ("trigger", "view")} == {key for key in before if key[0] in ("trigger", "view")}
        assert all(after[key] == before[key] for key in after if key[0] in ("trigger", "view"))
        with pytest.raises(sqlite3.IntegrityError, match="never changed"):
            db.execute("UPDATE events SET reason = 'x'")
        assert db.execute("PRAGMA user_version").fetchone()[0] == migrations.newest_version() + 1
        assert db.execute("PRAGMA foreign_keys").fetchone()[0] == 1
        assert db.execute("SELECT count(*) FROM events WHERE event_id = ?", (kept.event_id,)).fetchone()[0] == 1
    assert copy is not None and copy.name.startswith(f"liver.schema-{migrations.newest_version()}.")
    with Study.open(copy) as old:
        assert old.settings() == [kept] and old.verify() == []


def test_nothing_is_copied_or_written_where_nothing_is_pending(study: Study) -> None:
    study.close()
    before = study.path.read_bytes()
    with _opened(study.path) as db:
        assert migrations.upgrade(db, study.path) is None
    assert study.path.read_bytes() == before
    assert list(study.path.parent.iterdir()) == [study.path]


def test_a_step_that_fails_leaves_the_file_as_it_was_and_the_copy_beside_it(study: Study) -> None:
    kept = study.set_level(make_setting())
    study.close()

    def breaks_off(db: Database) -> None:
        db["extra"].create({"id": int})
        db.execute("DROP TRIGGER events_no_update")
        raise OSError("the power went")

    with _opened(study.path) as db, pytest.raises(OSError, match="the power went"):
        migrations.upgrade(db, study.path, _with(breaks_off))
    with Study.open(study.path) as opened:
        assert opened.settings() == [kept] and opened.verify() == []
    assert len(list(study.path.parent.glob(f"liver.schema-{migrations.newest_version()}.*.medq"))) == 1


def test_a_step_that_would_break_references_is_undone_and_named(study: Study) -> None:
    study.set_level(make_setting())
    study.close()

    def loses_images(db: Database) -> None:
        db.execute("DELETE FROM images")

    with _opened(study.path) as db, pytest.raises(StudyError, match=r"upgrading \(loses_images\) would damage the file"):
        migrations.upgrade(db, study.path, _with(loses_images))
    with Study.open(study.path) as opened:
        assert len(opened.images()) == 1 and opened.verify() == []


def test_steps_done_before_a_failing_one_stay_done(study: Study) -> None:
    study.close()

    def fails(db: Database) -> None:
        raise OSError("no")

    with _opened(study.path) as db:
        with pytest.raises(OSError, match="no"):
            migrations.upgrade(db, study.path, _with(_rebuilt, fails))
        assert db.execute("PRAGMA user_version").fetchone()[0] == migrations.newest_version() + 1
        assert migrations.upgrade(db, study.path, _with(_rebuilt)) is None


def test_two_programs_that_open_an_old_file_together_upgrade_it_once(study: Study) -> None:
    study.close()
    runs: list[int] = []
    together = threading.Barrier(2)
    failures: list[BaseException] = []

    def adds_a_table(db: Database) -> None:
        runs.append(1)
        db["later"].create({"id": int}, pk="id", strict=True)

    def open_old() -> None:
        try:
            with _opened(study.path) as db:
                together.wait()
                migrations.upgrade(db, study.path, _with(adds_a_table))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=open_old) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [] and runs == [1]
    assert len(list(study.path.parent.glob(f"liver.schema-{migrations.newest_version()}.*"))) == 1


def test_an_old_file_is_not_upgraded_by_opening_it_for_reading(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    study.close()
    monkeypatch.setattr(store, "newest_version", lambda: migrations.newest_version() + 1)
    before = study.path.read_bytes()
    with pytest.raises(StudyError, match="made by an older version"):
        Study.open(study.path, read_only=True)
    assert study.path.read_bytes() == before
