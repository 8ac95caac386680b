"""Questions that look alike: merged into one or kept apart, by chained events that can be taken back; and given roles."""

from __future__ import annotations

from dataclasses import replace

import pytest
from study_records import make_item

from medqdeg_desktop.study.records import ReviewSetup
from medqdeg_desktop.study.store import Study, StudyError


@pytest.fixture
def doubled(study: Study) -> Study:
    study.add_items([replace(make_item(), item_id=name, source=f"S{name}", source_id=f"{name}-1") for name in ("a", "b", "c")])
    return study


def state(study: Study, item_id: str) -> str:
    item = study.item(item_id)
    assert item is not None
    return item.state


def test_merging_removes_the_others_and_keeps_where_they_came_from(doubled: Study) -> None:
    kept = doubled.judge_doubles(["a", "b"], "b", "ann", "same words, pictures differ in 2 of 64 bits")
    assert (state(doubled, "a"), state(doubled, "b")) == ("removed", "imported")
    assert kept.sources == {"a": ("Sa", "a-1"), "b": ("Sb", "b-1")} and kept.merged == ("a",)
    assert doubled.doubles() == [kept] and doubled.merged_items() == {"a": "b"}
    assert [e.kind for e in doubled.events(2)] == ["doubles_judged", "item_judged"]
    assert doubled.verify() == []


def test_taking_a_merge_back_brings_the_question_back_as_it_stood(doubled: Study) -> None:
    doubled.judge_items(["a"], "accepted", "ann")
    kept = doubled.judge_doubles(["a", "b"], "b", "ann")
    with pytest.raises(StudyError, match="is no decision of 'ben' on doubles"):
        doubled.ensure_reader("ben")
        doubled.undo_doubles(kept.event_id, "ben")
    doubled.undo_doubles(kept.event_id, "ann")
    assert state(doubled, "a") == "accepted" and doubled.doubles() == []
    assert doubled.verify() == []


def test_what_is_kept_apart_is_looked_at_again_once_one_of_it_says_something_else(doubled: Study) -> None:
    apart = doubled.judge_doubles(["a", "b", "c"], "", "ann")
    assert doubled.doubles() == [apart] and apart.merged == ()
    item = doubled.item("b")
    assert item is not None
    doubled.edit_item(replace(item, question="Which organ?"), "ann", "clearer")
    assert doubled.doubles() == []


def test_an_edit_of_the_one_that_stays_does_not_bring_the_other_back(doubled: Study) -> None:
    doubled.judge_doubles(["a", "b"], "b", "ann")
    item = doubled.item("b")
    assert item is not None
    doubled.edit_item(replace(item, question="Which organ?"), "ann", "clearer")
    assert doubled.merged_items() == {"a": "b"} and state(doubled, "a") == "removed"


def test_what_cannot_be_merged_is_refused_and_leaves_nothing(doubled: Study) -> None:
    doubled.judge_doubles(["a", "b"], "b", "ann")
    events = len(doubled.events())
    for items, kept, words in (
        (["b"], "b", "two questions or more"),
        (["b", "c"], "a", "a is not one of the questions"),
        (["a", "c"], "c", "a has been removed meanwhile"),
        (["b", "z"], "b", "no item 'z'"),
    ):
        with pytest.raises(StudyError, match=words):
            doubled.judge_doubles(items, kept, "ann")
    assert len(doubled.events()) == events


def test_a_role_is_given_by_an_event_and_counts_from_then_on(study: Study) -> None:
    study.ensure_reader("ann")
    assert study.give_role("ann", "adjudicator", "chair").role == "adjudicator"
    assert study.ensure_reader("ann").role == "adjudicator"
    roles = {r.pseudonym: r.role for r in study.readers()}
    assert (roles["ann"], roles["chair"]) == ("adjudicator", "chair")
    events = len(study.events())
    study.give_role("ann", "adjudicator", "chair")
    assert len(study.events()) == events
    with pytest.raises(StudyError, match="role 'king'"):
        study.give_role("ann", "king", "chair")
    assert study.verify() == []


def test_the_rule_under_review_is_part_of_what_is_fixed(study: Study) -> None:
    study.open_review(ReviewSetup(3, 2, rule="published"), "ann")
    assert study.review_setup() == ReviewSetup(3, 2, rule="published")
    study.open_review(ReviewSetup(3, 2), "ann")
    assert study.review_setup().rule == "uniform"
