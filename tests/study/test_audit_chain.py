"""Whoever edits a study behind the program's back is found out, by the row."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator

import pytest
from study_records import make_item, make_setting

from medqdeg_desktop.study.records import Profile, ProfileCell
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Level, Modality


@pytest.fixture
def busy(study: Study) -> Iterator[Study]:
    """A study with decisions, a profile and questions."""
    for severity in (0.3, 0.4, 0.5):
        study.set_level(make_setting(severity=severity))
    cell = ProfileCell("gaussian_noise", Modality.CT, Level.L1, 0.4, 1, {"sigma": 0.05}, 1, 3)
    study.publish_profile(Profile("liver", "1.0.0", "draft", (cell,)), "Dr Chair")
    study.add_items([make_item("q1"), make_item("q2")])
    study.clear_items(["q1"], "Dr Chair")
    assert study.verify() == []
    yield study


def _tamper(study: Study, *statements: str) -> list[str]:
    """Problems found after ``statements`` were run without triggers and foreign keys, as an editor of the file would."""
    connection = sqlite3.connect(study.path, isolation_level=None)
    triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        assert connection.execute(statement).rowcount != 0, f"{statement} must change something"
    for _, sql in triggers:
        connection.execute(sql)
    connection.close()
    return study.verify()


def test_the_chain_can_be_checked_by_anyone_with_a_hash_function(busy: Study) -> None:
    connection = sqlite3.connect(busy.path)
    rows = connection.execute(
        "SELECT previous_hash, event_id, kind, ifnull(reader_id, ''), at, reason, ifnull(image_id, ''), ifnull(undoes, ''),"
        " origin, payload, hash FROM events ORDER BY seq"
    ).fetchall()
    connection.close()
    head = ""
    for previous, *content, digest in rows:
        assert previous == head
        text = json.dumps([previous, *content], separators=(",", ":"))
        assert hashlib.sha256(text.encode()).hexdigest() == digest
        head = digest
    assert len(rows) == 8


def test_an_altered_severity_is_found_by_its_row(busy: Study) -> None:
    problems = _tamper(busy, "UPDATE events SET payload = replace(payload, '0.4', '0.1'), severity = 0.1 WHERE seq = 3")
    assert len(problems) == 1
    assert "event 3 (setting, " in problems[0] and "its content is not what its hash was made from" in problems[0]


def test_a_column_that_no_longer_says_what_the_payload_says_is_found(busy: Study) -> None:
    problems = _tamper(busy, "UPDATE events SET severity = 0.9 WHERE seq = 4")
    assert len(problems) == 1 and "event 4" in problems[0] and "its columns" in problems[0]


@pytest.mark.parametrize("column", ["at = '2001-01-01T00:00:00.000000Z'", "reason = 'better'", "origin = 'x'"])
def test_who_when_and_why_are_covered(busy: Study, column: str) -> None:
    assert any("event 2 " in line and "hash" in line for line in _tamper(busy, f"UPDATE events SET {column} WHERE seq = 2"))


def test_a_removed_event_leaves_a_gap_that_is_named(busy: Study) -> None:
    problems = _tamper(busy, "DELETE FROM events WHERE seq = 3")
    assert any("events 3 to 3 are missing before event 4" in line for line in problems)
    assert any("does not follow the event before it" in line for line in problems)


def test_a_cut_off_end_is_found(busy: Study) -> None:
    problems = _tamper(busy, "DELETE FROM item_clearances", "DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)")
    assert problems == ["the study row counts 8 events, the file has 7: the end was cut off or rows were added"]


def test_two_swapped_events_are_found(busy: Study) -> None:
    problems = _tamper(
        busy,
        "UPDATE events SET seq = 100 WHERE seq = 3",
        "UPDATE events SET seq = 3 WHERE seq = 4",
        "UPDATE events SET seq = 4 WHERE seq = 100",
    )
    assert any("does not follow" in line for line in problems)


def test_a_missing_or_weakened_trigger_is_named(busy: Study) -> None:
    connection = sqlite3.connect(busy.path)
    connection.execute("DROP TRIGGER events_no_update")
    connection.execute("DROP TRIGGER events_no_delete")
    connection.execute("CREATE TRIGGER events_no_delete BEFORE DELETE ON events BEGIN SELECT 1; END")
    connection.execute("CREATE TABLE extra (x)")
    connection.close()
    assert busy.verify() == [
        "table extra does not belong to a study",
        "trigger events_no_delete is not declared as this program declares it",
        "trigger events_no_update is missing",
    ]


def test_an_altered_profile_is_found(busy: Study) -> None:
    problems = _tamper(busy, "UPDATE profiles SET cells = replace(cells, '0.4', '0.6')")
    assert problems == ["profile liver 1.0.0: its cells are not what its hash was made from"]


def test_a_profile_replaced_together_with_its_hash_still_differs_from_what_was_published(busy: Study) -> None:
    problems = _tamper(busy, f"UPDATE profiles SET sha256 = '{'0' * 64}'")
    assert "profile liver 1.0.0: differs from what was published" in problems
    assert _tamper(busy, "DELETE FROM profiles") == ["profile liver 1.0.0: was published but is missing"]


def test_an_altered_question_and_an_invented_clearance_are_found(busy: Study) -> None:
    assert _tamper(busy, "UPDATE item_versions SET body = replace(body, 'liver', 'heart') WHERE item_id = 'q2'") == [
        "item 'q2' version 1: its content is not what its hash was made from"
    ]
    event = busy.events(1)[0]
    problems = _tamper(busy, f"INSERT INTO item_clearances VALUES ('q2', 1, '{event.event_id}')")
    assert f"item_clearances, item 'q2' version 1: event {event.event_id} does not say so" in problems
    problems = _tamper(busy, "DELETE FROM item_clearances WHERE item_id = 'q1'")
    assert f"item_clearances, item 'q1' version 1: is missing though event {event.event_id} says so" in problems


def test_a_renamed_reader_is_found(busy: Study) -> None:
    problems = _tamper(busy, "UPDATE readers SET pseudonym = 'Somebody' WHERE pseudonym = 'R1'")
    assert len(problems) == 1 and "reader 'Somebody'" in problems[0] and "joined as 'R1'" in problems[0]


def test_a_reference_to_nothing_is_found(busy: Study) -> None:
    problems = _tamper(busy, "DELETE FROM images")
    assert any(line.startswith("events row ") and "images" in line for line in problems)
