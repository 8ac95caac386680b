"""Review: what decisions add up to, who may see and settle what, undo, edits, claims, and what generation makes of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bank_samples import here
from sklearn.metrics import cohen_kappa_score

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.bank.generate import generate
from medqdeg_desktop.bank.plan import Asked
from medqdeg_desktop.bank.review import REASONS, State, agreement_on_items, dashboard, decide, outcome, take_back
from medqdeg_desktop.bank.review_queue import Entry, queue, queue_order
from medqdeg_desktop.bank.reviewed_draw import check_reviewed_draw, draw_under_review
from medqdeg_desktop.engine.reading import read_image
from medqdeg_desktop.study.records import CleanDecision, ImageRecord, ItemNote, Review, ReviewSetup
from medqdeg_desktop.study.store import Study, StudyError

BankOf = Callable[..., Study]


def review(reader: str, marks: dict[str, int], item_id: str = "q000", **changes: object) -> Review:
    return Review(reader, item_id, marks, **changes)  # type: ignore[arg-type]


@pytest.fixture
def study(bank_of: BankOf) -> Study:
    study = bank_of(4)
    for name in ("ann", "ben", "dov"):
        study.ensure_reader(name, "curator")
    study.ensure_reader("cem", "adjudicator")
    return study


def drawn(study: Study, item_id: str = "q000") -> tuple[str, ...]:
    item = study.item(item_id)
    assert item is not None
    return draw_under_review(study)(item)


def keep_all(study: Study, reader: str, item_id: str = "q000") -> Review:
    return decide(study, review(reader, dict.fromkeys(drawn(study, item_id), 0), item_id))


def entry_of(study: Study, reader: str, item_id: str = "q000") -> Entry:
    return next(e for page in queue(study, reader) for e in page if e.item_id == item_id)


# -- what decisions add up to -------------------------------------------------------------------------------------


def test_one_decision_settles_nothing_and_two_alike_accept_what_they_keep() -> None:
    one = review("a", {"low_dose": 0, "motion_blur": 3})
    assert outcome([one], 2).state is State.OPEN
    both = outcome([one, review("b", {"low_dose": 0, "motion_blur": 5})], 2)
    assert both.state is State.ACCEPTED
    assert both.kept == {"low_dose"} and both.removed == {"motion_blur"}, "reasons may differ, removal is removal"


@pytest.mark.parametrize("marks", list(itertools.product((0, 1), repeat=4)))
def test_two_readers_and_two_types_give_the_outcome_of_the_truth_table(marks: tuple[int, int, int, int]) -> None:
    a1, a2, b1, b2 = marks
    found = outcome([review("a", {"x": a1, "y": a2}), review("b", {"x": b1, "y": b2})], 2)
    if a1 != b1 or a2 != b2:
        assert found.state is State.CONFLICT
        assert found.disputed == {name for name, one, two in (("x", a1, b1), ("y", a2, b2)) if one != two}
    else:
        assert found.state is (State.REMOVED if a1 and a2 else State.ACCEPTED)


def test_a_release_waits_for_the_third_decision_and_a_settled_one_rules() -> None:
    two = [review("a", {"x": 0}), review("b", {"x": 0})]
    assert outcome(two, 3).state is State.OPEN
    third = [*two, review("c", {"x": 4})]
    assert outcome(third, 3).state is State.CONFLICT
    assert outcome([*third, review("d", {"x": 4}, stage="settled")], 3).state is State.REMOVED


# -- in a study ---------------------------------------------------------------------------------------------------


def test_two_blind_decisions_accept_an_item_and_taking_one_back_reopens_it(study: Study) -> None:
    keep_all(study, "ann")
    assert study.item("q000").state == "imported"  # type: ignore[union-attr]
    second = keep_all(study, "ben")
    assert study.item("q000").state == "accepted"  # type: ignore[union-attr]
    take_back(study, second.event_id, "ben")
    assert study.item("q000").state == "imported"  # type: ignore[union-attr]
    assert study.verify() == []


def test_the_same_person_twice_is_one_decision_and_the_newer_counts(study: Study) -> None:
    keep_all(study, "ann")
    decide(study, review("ann", dict.fromkeys(drawn(study), 4)))
    assert study.item("q000").state == "imported"  # type: ignore[union-attr]
    assert [set(r.marks.values()) for r in study.own_reviews("ann")] == [{4}]


def test_nobody_takes_back_a_colleagues_decision(study: Study) -> None:
    kept = keep_all(study, "ann")
    with pytest.raises(StudyError, match="is no decision of 'ben'"):
        take_back(study, kept.event_id, "ben")


def test_a_disagreement_is_settled_by_a_third_person_alone(study: Study) -> None:
    keep_all(study, "ann")
    decide(study, review("ben", dict.fromkeys(drawn(study), 3)))
    ruling = dict.fromkeys(drawn(study), 3)
    for party in ("ann", "ben"):
        with pytest.raises(StudyError, match="settled by a person who has not decided"):
            decide(study, review(party, ruling, stage="settled"))
    decide(study, review("cem", ruling, stage="settled"))
    assert study.item("q000").state == "removed"  # type: ignore[union-attr]


def test_only_an_adjudicator_settles_and_sees_that_there_is_a_dispute(study: Study) -> None:
    keep_all(study, "ann")
    decide(study, review("ben", dict.fromkeys(drawn(study), 3)))
    ruling = review("dov", dict.fromkeys(drawn(study), 3), stage="settled")
    with pytest.raises(StudyError, match="settled by an adjudicator, and dov is a curator here"):
        decide(study, ruling)
    assert entry_of(study, "dov").state is State.OPEN
    study.give_role("dov", "adjudicator", "chair")
    assert entry_of(study, "dov").state is State.CONFLICT
    decide(study, ruling)
    assert study.item("q000").state == "removed"  # type: ignore[union-attr]


def test_what_is_not_disputed_is_not_settled(study: Study) -> None:
    keep_all(study, "ann")
    with pytest.raises(BankError, match="nothing to settle"):
        decide(study, review("cem", dict.fromkeys(drawn(study), 0), stage="settled"))


def test_no_question_to_the_study_tells_a_reader_what_a_colleague_decided(study: Study) -> None:
    keep_all(study, "ann")
    decide(study, review("ben", dict.fromkeys(drawn(study), 3)))
    for party in ("ann", "ben"):
        with pytest.raises(StudyError, match="has not decided on it before"):
            study.decisions_to_settle("q000", party)
        assert {r.reader for r in study.own_reviews(party)} == {study.ensure_reader(party).reader_id}
    seen = {r.reader for r in study.decisions_to_settle("q000", "cem")}
    assert len(seen) == 2
    # Before deciding, an item decided by others looks as untouched as any; a dispute shows as such, never its content.
    keep_all(study, "ann", "q001")
    keep_all(study, "ben", "q001")
    entries = {e.item_id: e for page in queue(study, "cem") for e in page}
    assert entries["q001"].state is State.OPEN and not entries["q001"].mine
    assert entries["q000"].state is State.CONFLICT
    assert {e.item_id: e for page in queue(study, "ann") for e in page}["q001"].state is State.ACCEPTED


def test_a_failed_consequence_takes_the_decision_with_it(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_all(study, "ann")
    events = len(study.events())

    def refuses(*args: object) -> None:
        raise StudyError("the disk is full")

    monkeypatch.setattr(study, "judge_items", refuses)
    with pytest.raises(StudyError, match="the disk is full"):
        keep_all(study, "ben")
    assert len(study.events()) == events and study.own_reviews("ben") == []


def test_a_removal_needs_one_of_the_five_reasons(study: Study) -> None:
    assert set(REASONS) == {1, 2, 3, 4, 5}
    for mark in (6, -1):
        with pytest.raises(StudyError, match="is no reason"):
            decide(study, review("ann", {drawn(study)[0]: mark}))
    with pytest.raises(StudyError, match="unknown degradation type 'fog'"):
        decide(study, review("ann", {"fog": 0}))


def test_an_edit_makes_a_new_version_on_which_nobody_has_decided(study: Study) -> None:
    keep_all(study, "ann")
    keep_all(study, "ben")
    item = study.item("q000")
    assert item is not None and item.state == "accepted"
    version = study.item_version("q000")
    edited = study.edit_item(replace(item, question="Which organ is it?"), "cem", "typing error")
    assert edited.question == "Which organ is it?" and edited.state == "imported"
    assert study.reviews("q000") == [] and len(study.item_versions("q000")) == 2
    with pytest.raises(StudyError, match="has been edited meanwhile"):
        decide(study, review("dov", dict.fromkeys(drawn(study), 0), version=version))
    with pytest.raises(StudyError, match="needs a reason"):
        study.edit_item(replace(item, question="Again?"), "cem", " ")
    with pytest.raises(StudyError, match="says this already"):
        study.edit_item(edited, "cem", "none")
    assert study.verify() == []


def test_a_flag_and_a_comment_stay_with_the_version(study: Study) -> None:
    study.note_item(ItemNote("ann", "q001", True, "mark covers the finding"))
    assert [n.comment for n in study.notes("q001")] == ["mark covers the finding"]
    assert next(e for page in queue(study, "ben") for e in page if e.item_id == "q001").flagged
    item = study.item("q001")
    assert item is not None
    study.edit_item(replace(item, question="Other?"), "ann", "unclear")
    assert study.notes("q001") == []


def test_a_colleagues_comment_is_withheld_until_one_has_decided(study: Study) -> None:
    study.note_item(ItemNote("ann", "q001", True, "low dose hides the nodule: out"))
    assert [(n.flagged, n.comment) for n in study.notes_for("q001", "ben")] == [(True, "")]
    assert study.notes_for("q001", "ann")[0].comment and not study.notes_for("q001", "nobody yet")[0].comment
    keep_all(study, "ben", "q001")
    assert study.notes_for("q001", "ben")[0].comment == "low dose hides the nodule: out"


# -- two windows --------------------------------------------------------------------------------------------------


def test_two_windows_of_one_reader_do_not_meet_on_an_item(study: Study) -> None:
    assert study.claim_item("q000", "ann", "window 1", places=2, seconds=60)
    assert not study.claim_item("q000", "ann", "window 2", places=2, seconds=60)
    assert study.claim_item("q000", "ann", "window 1", places=2, seconds=60), "a claim is renewed by its holder"
    study.release_claims("window 1")
    assert study.claim_item("q000", "ann", "window 2", places=2, seconds=60)


def test_no_more_readers_are_at_work_on_an_item_than_it_has_places(study: Study) -> None:
    assert study.claim_item("q000", "ann", "w1", places=2, seconds=60)
    assert study.claim_item("q000", "ben", "w2", places=2, seconds=60)
    assert not study.claim_item("q000", "cem", "w3", places=2, seconds=60)
    keep_all(study, "ann")  # deciding gives the claim back
    assert study.claim_item("q000", "cem", "w3", places=2, seconds=60)


def test_a_claim_of_a_window_that_died_runs_out(study: Study) -> None:
    assert study.claim_item("q000", "ann", "dead", places=1, seconds=-1)
    assert study.claim_item("q000", "ann", "alive", places=1, seconds=60)


def test_decisions_of_two_windows_on_one_file_all_survive(study: Study) -> None:
    with Study.open(study.path) as other:
        for n in range(4):
            keep_all(study, "ann", f"q00{n}")
            keep_all(other, "ben", f"q00{n}")
    assert [i.state for i in study.items()] == ["accepted"] * 4
    assert study.verify() == []


# -- queue and dashboard ------------------------------------------------------------------------------------------


def test_the_queue_holds_each_item_once_with_the_draw_that_generate_makes(study: Study, tmp_path: Path) -> None:
    study.open_review(ReviewSetup(seed=5), "ann")
    entries = sorted((e for page in queue(study, "ann") for e in page), key=queue_order)
    assert sorted(e.item_id for e in entries) == ["q000", "q001", "q002", "q003"]
    generate(study, tmp_path / "set", Asked(seed=5), workers=1, make_executor=here)
    made: dict[str, set[str]] = {}
    for row in Dataset.open(tmp_path / "set").rows():
        if row["degradation"]:
            made.setdefault(row["item_id"], set()).add(row["degradation"])
    assert {e.item_id: set(e.types) for e in entries} == made


def test_the_dashboard_counts_states_pace_agreement_and_gold(study: Study) -> None:
    decide(study, review("dov", dict.fromkeys(drawn(study), 3), stage="gold"))
    for item_id in ("q000", "q001", "q002"):
        marks = dict.fromkeys(drawn(study, item_id), 0)
        decide(study, review("ann", marks, item_id, seconds=10.0))
        decide(study, review("ben", marks if item_id != "q002" else dict.fromkeys(marks, 4), item_id, seconds=30.0))
    told = dashboard(study, "ann", replicates=200)
    assert told.states == {"accepted": 2, "conflict": 1} and told.accepted_share == 1
    assert told.mine == 3 and told.pace == 10.0
    assert told.agreement is not None and told.agreement.clusters == 3
    assert (told.gold_hits, told.gold_marks) == (0, len(drawn(study)))
    assert study.item("q000").state == "accepted", "a gold decision is no vote"  # type: ignore[union-attr]


def test_agreement_on_items_is_the_weighted_kappa_of_what_two_people_left_of_them(study: Study) -> None:
    names = ("low_dose", "motion_blur", "sparse_view")
    rng = np.random.default_rng(3)
    left: list[tuple[int, int]] = []
    by_item: dict[str, list[Review]] = {}
    for n in range(40):
        removed = rng.integers(0, 4)
        two = [int(removed), int(rng.integers(0, 4)) if rng.random() < 0.5 else int(removed)]
        left.append(tuple((k > 0) + (k == 3) for k in two))  # type: ignore[arg-type]
        item = f"q{n:03d}"
        marks = [{name: 4 * (i < k) for i, name in enumerate(names)} for k in two]
        # Who settles and who made the gold item are no blind readers.
        by_item[item] = [
            review("ann", marks[0], item),
            review("cem", marks[0], item, stage="settled"),
            review("ben", marks[1], item),
        ]
    found = agreement_on_items(by_item, replicates=300)
    assert found is not None
    ann, ben = zip(*left, strict=True)
    assert found.kappa == pytest.approx(cohen_kappa_score(ann, ben, weights="linear"))
    assert found.kappa != pytest.approx(cohen_kappa_score(ann, ben), abs=0.01)
    assert found.low < found.kappa < found.high and (found.subjects, found.clusters) == (40, 40)
    alone = {item: [r for r in reviews if r.reader == "ann"] for item, reviews in by_item.items()}
    assert agreement_on_items(alone) is None


# -- what generation makes of it ----------------------------------------------------------------------------------


def test_a_removed_type_is_not_generated_and_the_rest_of_the_set_stays_as_it_was(study: Study, tmp_path: Path) -> None:
    generate(study, tmp_path / "before", Asked(), workers=1, make_executor=here)
    victim = next(i.item_id for i in study.items() if len(drawn(study, i.item_id)) > 1)
    out, *others = drawn(study, victim)
    for reader in ("ann", "ben"):
        decide(study, review(reader, {out: 3, **dict.fromkeys(others, 0)}, victim))
    generate(study, tmp_path / "after", Asked(), workers=1, make_executor=here)

    def pixels(name: str) -> dict[tuple[str, str, str], str]:
        rows = Dataset.open(tmp_path / name).rows()
        return {(r["item_id"], r["degradation"], r["level"]): r["pixel_sha256"] for r in rows}

    before, after = pixels("before"), pixels("after")
    assert before.keys() - after.keys() == {(victim, out, "L1"), (victim, out, "L2")}
    assert {key: before[key] for key in after} == after


def test_a_release_takes_the_reviewed_draw_and_three_decisions(study: Study) -> None:
    check_reviewed_draw(study, 9)  # nothing was reviewed: items may have been accepted as a whole
    keep_all(study, "ann")
    with pytest.raises(BankError, match="needs --seed 0"):
        check_reviewed_draw(study, 9)
    with pytest.raises(BankError, match="needs 3 blind decisions"):
        check_reviewed_draw(study, 0)
    with pytest.raises(StudyError, match="a set with seed 0 is under review; take another seed"):
        study.open_review(ReviewSetup(seed=0, decisions=3, release=True), "ann")
    study.open_review(ReviewSetup(seed=9, decisions=3, release=True), "ann")
    for item_id in ("q000", "q001", "q002", "q003"):
        with pytest.raises(BankError, match=f"{item_id} is not decided under this draw"):
            check_reviewed_draw(study, 9)
        for reader in ("ann", "ben", "cem"):
            keep_all(study, reader, item_id)
    check_reviewed_draw(study, 9)


def test_decisions_on_another_draw_do_not_count_for_this_one(study: Study) -> None:
    keep_all(study, "ann")
    study.open_review(ReviewSetup(seed=9), "ann")
    keep_all(study, "ben")
    assert study.item("q000").state == "imported"  # type: ignore[union-attr]
    keep_all(study, "cem")
    assert study.item("q000").state == "accepted"  # type: ignore[union-attr]
    assert dashboard(study, "ann", replicates=50).mine == 0


# -- the rule published -------------------------------------------------------------------------------------------


def test_under_the_rule_published_the_review_shows_what_generate_draws_and_removals_leave_the_rest_alone(
    study: Study, tmp_path: Path
) -> None:
    study.open_review(ReviewSetup(5, 2, rule="published"), "ann")
    before = {e.item_id: e.types for page in queue(study, "ann") for e in page}
    planned = generate(study, tmp_path / "all", Asked(5, "published"), workers=1, make_executor=here)
    rows = [row for row in Dataset.open(planned.folder).rows() if row["level"] == "L1"]
    assert {(row["item_id"], row["degradation"]) for row in rows} == {(i, name) for i, names in before.items() for name in names}
    gone = next(iter(before))
    for reader in ("ann", "ben"):
        decide(study, review(reader, dict.fromkeys(before[gone], 4), gone))
    assert study.item(gone).state == "removed"  # type: ignore[union-attr]
    assert {e.item_id: e.types for page in queue(study, "ann") for e in page} == before
    left = generate(study, tmp_path / "left", Asked(5, "published"), workers=1, make_executor=here)
    kept = [row for row in Dataset.open(left.folder).rows() if row["level"] == "L1"]
    assert [r["sha256"] for r in kept] == [r["sha256"] for r in rows if r["item_id"] != gone]
    notes = Dataset.open(left.folder).manifest["notes"]
    assert f"the review has taken out {len(before[gone]):,} pairs a level" in notes


def test_a_release_under_the_rule_published_needs_its_own_draw_reviewed(study: Study) -> None:
    study.open_review(ReviewSetup(5, 3, release=True, rule="published"), "ann")
    drawn_there = draw_under_review(study)
    for item in study.items():
        for reader in ("ann", "ben", "dov") if drawn_there(item) else ():
            decide(study, review(reader, dict.fromkeys(drawn_there(item), 0), item.item_id))
    check_reviewed_draw(study, 5, "published")
    with pytest.raises(BankError, match="needs --seed 5 --rule published"):
        check_reviewed_draw(study, 5, "uniform")
    # An item more deals the types anew: what was reviewed is not what would be drawn.
    first = study.item("q000")
    assert first is not None
    study.add_items(replace(first, item_id=f"n{n}") for n in range(40))
    with pytest.raises(BankError, match=r"not decided under this draw|drawn with other types than were reviewed"):
        check_reviewed_draw(study, 5, "published")


def test_a_limited_or_marked_release_holds_nothing_but_pairs_that_were_reviewed(study: Study, tmp_path: Path) -> None:
    first = study.item("q000")
    assert first is not None
    study.add_items(
        replace(first, item_id=f"n{n:02d}", region={"kind": "box", "at": [4, 4, 20, 20]} if n % 2 else None) for n in range(30)
    )
    study.open_review(ReviewSetup(5, 3, release=True, rule="published"), "ann")
    drawn_there = draw_under_review(study)
    reviewed = {item.item_id: drawn_there(item) for item in study.items() if drawn_there(item)}
    for item_id, types in reviewed.items():
        for reader in ("ann", "ben", "dov"):
            decide(study, review(reader, dict.fromkeys(types, 0), item_id))
    for item in study.items():
        image = read_image(item.images[0], modality=item.modality)
        study.record_image(ImageRecord(image.source_sha256, item.modality, item.item_id, item.images[0]))
        study.decide_clean(CleanDecision("ann", image.source_sha256, 0, None, "diagnostic"))
    for name, limit, marked in (("limited", 7, False), ("marked", None, True)):
        asked = Asked(5, "published", release=True, limit=limit, mark_regions=marked)
        made = generate(study, tmp_path / name, asked, workers=1, make_executor=here)
        rows = [row for row in Dataset.open(made.folder).rows() if row["level"] == "L1"]
        assert rows and all(row["degradation"] in reviewed[row["item_id"]] for row in rows)
        assert limit is None or made.items == limit


def test_a_merged_double_leaves_the_queue_and_decisions_do_not_bring_it_back(study: Study) -> None:
    keep_all(study, "ann")
    merged = study.judge_doubles(["q000", "q002"], "q002", "cem")
    assert "q000" not in {e.item_id for page in queue(study, "ben") for e in page}
    keep_all(study, "ben")
    assert study.item("q000").state == "removed"  # type: ignore[union-attr]
    study.undo_doubles(merged.event_id, "cem")
    assert "q000" in {e.item_id for page in queue(study, "ben") for e in page}
