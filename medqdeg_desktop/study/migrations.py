"""Bringing a study file to the newest schema: sqlite-utils' migrations, each in a transaction of its own.

The write lock is taken before asking what is pending, so that two programs that open an old file together do not both
upgrade it. A copy of the file is made before the first step. After each step triggers and views are made anew
(sqlite-utils' ``transform`` drops triggers) and ``integrity_check`` and ``foreign_key_check`` must pass before it is committed.
"""

from __future__ import annotations

import re
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from sqlite_utils import Database, Migrations

from medqdeg_desktop.study import schema
from medqdeg_desktop.study.backup import copy_study
from medqdeg_desktop.study.errors import StudyError

MIGRATIONS = Migrations("medqdeg_study")
_TRIGGERED = re.compile(r"(?:INSERT|UPDATE|DELETE) ON (\w+)")


def statements(script: str) -> list[str]:
    """The SQL statements of ``script``, one by one: ``executescript`` would commit the transaction it runs in."""
    found, text = [], ""
    for line in script.splitlines(keepends=True):
        text += line
        if sqlite3.complete_statement(text):
            found.append(text.strip())
            text = ""
    return found


@MIGRATIONS()
def version_1(db: Database) -> None:
    for statement in statements(schema.VERSION_1):
        db.execute(statement)


@MIGRATIONS()
def version_2(db: Database) -> None:
    for statement in statements(schema.VERSION_2):
        db.execute(statement)


@MIGRATIONS()
def version_3(db: Database) -> None:
    for statement in statements(schema.VERSION_3):
        db.execute(statement)


@MIGRATIONS()
def version_4(db: Database) -> None:
    for statement in statements(schema.VERSION_4):
        db.execute(statement)


@MIGRATIONS()
def version_5(db: Database) -> None:
    for statement in statements(schema.VERSION_5):
        db.execute(statement)


def newest_version(migrations: Migrations = MIGRATIONS) -> int:
    return len(migrations._migrations)


def check_version(db: Database, path: Path, migrations: Migrations = MIGRATIONS) -> int:
    """The schema version of the file, or StudyError where it is no study or was written by a newer program."""
    application = db.execute("PRAGMA application_id").fetchone()[0]
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if application != schema.APPLICATION_ID:
        raise StudyError(f"{path}: not a study file")
    if version > newest_version(migrations):
        raise StudyError(
            f"{path}: written by a newer version of this program (schema {version}, "
            f"this one knows {newest_version(migrations)}); update the program"
        )
    return version


def upgrade(db: Database, path: Path, migrations: Migrations = MIGRATIONS, *, keep_copy: bool = True) -> Path | None:
    """Applies what is pending; returns the path of the copy made before, or None where nothing was pending.

    Raises StudyError, with the file as before the failing step, where a step leaves the file inconsistent.
    """
    copy: Path | None = None
    # Rebuilding a referenced table needs foreign keys off, which SQLite only accepts outside a transaction.
    db.execute("PRAGMA foreign_keys = OFF")
    try:
        while True:
            db.execute("BEGIN IMMEDIATE")
            try:
                pending = migrations.pending(db)
                if pending and keep_copy and copy is None:
                    copy = _copy_before(path, newest_version(migrations) - len(pending))
                if pending:
                    migrations.apply(db, stop_before=[m.name for m in pending[1:]])
                    done = newest_version(migrations) - len(pending) + 1
                    make_triggers_and_views(db, newer_steps=len(pending) > 1)
                    _check(db, path, pending[0].name)
                    db.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
                    db.execute(f"PRAGMA user_version = {done}")
                db.execute("COMMIT")
            except BaseException:
                if db.conn.in_transaction:
                    db.execute("ROLLBACK")
                raise
            if not pending:
                return copy
    finally:
        db.execute("PRAGMA foreign_keys = ON")


def make_triggers_and_views(db: Database, *, newer_steps: bool = False) -> None:
    """Triggers and views exactly as this version of the program declares them.

    While ``newer_steps`` are still to come, triggers of tables that those will make are left to them.
    """
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for kind, wanted in (("trigger", schema.TRIGGERS), ("view", schema.VIEWS)):
        rows = db.execute("SELECT name FROM sqlite_master WHERE type = ?", (kind,)).fetchall()
        for (name,) in rows:
            db.execute(f'DROP {kind.upper()} "{name}"')
        for text in wanted.values():
            table = _TRIGGERED.search(text)
            if newer_steps and kind == "trigger" and table is not None and table[1] not in tables:
                continue
            db.execute(text.strip())


def _copy_before(path: Path, version: int) -> Path:
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return copy_study(path, path.with_name(f"{path.stem}.schema-{version}.{moment}{path.suffix}"))


def _check(db: Database, path: Path, step: str) -> None:
    problems = [row[0] for row in db.execute("PRAGMA integrity_check(3)") if row[0] != "ok"]
    problems += [f"{row[0]} row {row[1]} refers to a missing {row[2]}" for row in db.execute("PRAGMA foreign_key_check")]
    if problems:
        raise StudyError(f"{path}: upgrading ({step}) would damage the file and was undone: {problems[0]}")
