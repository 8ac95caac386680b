"""Review decisions in the study file: append-only, chained, verified, and kept through an upgrade."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest
from study_records import make_item

from medqdeg_desktop.study.connection import connect
from medqdeg_desktop.study.records import ItemNote, Review, ReviewSetup
from medqdeg_desktop.study.store import Study, StudyError

MARKS = {"gaussian_noise": 0, "low_dose": 3}


@pytest.fixture
def reviewed(study: Study) -> Study:
    """A study with two people and one question."""
    study.add_items([make_item()])
    for name in ("ann", "ben"):
        study.ensure_reader(name, "curator")
    return study


def test_a_decision_comes_back_as_it_was_made(reviewed: Study) -> None:
    kept = reviewed.record_review(Review("ann", "q1", MARKS, seed=2**127 + 1, seconds=12.25))
    assert kept.marks == MARKS and kept.seed == 2**127 + 1 and kept.seconds == 12.25 and kept.version == 1
    assert reviewed.own_reviews("ann") == [kept] == reviewed.reviews("q1")
    assert reviewed.verify() == []


def test_the_newest_decision_of_a_reader_counts_until_it_is_taken_back(reviewed: Study) -> None:
    first = reviewed.record_review(Review("ann", "q1", MARKS))
    second = reviewed.record_review(Review("ann", "q1", {"gaussian_noise": 4}))
    assert reviewed.reviews() == [second]
    assert reviewed.undo_review(second.event_id, "ann") == second
    assert reviewed.reviews() == [first]
    with pytest.raises(StudyError, match="taken back already"):
        reviewed.undo_review(second.event_id, "ann")


@pytest.mark.parametrize("table", ["item_reviews", "item_notes"])
def test_decisions_and_notes_are_neither_changed_nor_deleted(reviewed: Study, table: str) -> None:
    reviewed.record_review(Review("ann", "q1", MARKS))
    reviewed.note_item(ItemNote("ann", "q1", True, ""))
    with contextlib.closing(connect(reviewed.path)) as db:
        for statement in (f"UPDATE {table} SET version = 1", f"DELETE FROM {table}"):
            with pytest.raises(sqlite3.IntegrityError, match="never changed"):
                db.execute(statement)


def test_a_row_that_was_put_aside_is_found_by_verify(reviewed: Study) -> None:
    reviewed.record_review(Review("ann", "q1", MARKS))
    with contextlib.closing(connect(reviewed.path)) as db:
        (trigger,) = db.execute("SELECT sql FROM sqlite_master WHERE name = 'item_reviews_no_delete'").fetchone()
        db.execute("DROP TRIGGER item_reviews_no_delete")
        db.execute("DELETE FROM item_reviews")
        db.execute(trigger)
    assert any("item_reviews: has no row" in line for line in reviewed.verify())


def test_a_decision_on_an_unknown_item_or_by_nobody_is_refused(reviewed: Study) -> None:
    with pytest.raises(StudyError, match="no item 'q9'"):
        reviewed.record_review(Review("ann", "q9", MARKS))
    with pytest.raises(StudyError, match="no reader 'zoe'"):
        reviewed.record_review(Review("zoe", "q1", MARKS))
    with pytest.raises(StudyError, match="says nothing"):
        reviewed.record_review(Review("ann", "q1", {}))
    assert reviewed.reviews() == []


def test_what_is_under_review_is_fixed_by_an_event_and_opening_it_again_writes_nothing(reviewed: Study) -> None:
    assert reviewed.review_setup() == ReviewSetup()
    setup = ReviewSetup(seed=2**100, decisions=3, release=True)
    reviewed.open_review(setup, "ann")
    events = len(reviewed.events())
    reviewed.open_review(setup, "ben")
    assert reviewed.review_setup() == setup and len(reviewed.events()) == events
    with pytest.raises(StudyError, match="at least one decision"):
        reviewed.open_review(ReviewSetup(decisions=0), "ann")


def test_decisions_outlast_the_program(reviewed: Study, tmp_path: Path) -> None:
    kept = reviewed.record_review(Review("ann", "q1", MARKS))
    reviewed.close()
    with Study.open(reviewed.path, read_only=True) as again:
        assert again.reviews() == [kept]
