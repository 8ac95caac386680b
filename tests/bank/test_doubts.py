"""Doubts about a question: told where they are due, silent where a question only looks like one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from bank_samples import picture
from PIL import Image

from medqdeg_desktop.bank.doubts import KnownQuestions, about_wording
from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.bank.views import View
from medqdeg_desktop.bank.writing import (
    Draft,
    begin_on,
    discard,
    doubts_about,
    drafts,
    following,
    problems,
    save,
    submit,
    take_up,
)
from medqdeg_desktop.bank.written_items import Standing, read_book
from medqdeg_desktop.study.records import Review
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Modality

ORGANS = {"A": "Liver", "B": "Spleen", "C": "Kidney"}


@pytest.mark.parametrize(
    ("question", "answer", "doubt"),
    [
        ("Is the liver shown, or what else?", "A", "names its answer, 'Liver'"),
        ("Which is it, liver, spleen or kidney?", "A", ""),
        ("Is the liver shown, or what else?", "B", ""),
        ("Which deliverance is shown?", "A", ""),
        ("What does this chest radiograph show?", "A", "speaks of X-ray, the picture is CT"),
        ("What does this CT slice show?", "A", ""),
    ],
)
def test_a_question_that_gives_itself_away_is_doubted(question: str, answer: str, doubt: str) -> None:
    found = about_wording(question, ORGANS, answer, Modality.CT)
    assert (doubt in found[0]) if doubt else found == []


def test_an_answer_told_by_its_length_is_doubted() -> None:
    long = "A subcapsular haematoma with active extravasation of contrast"
    assert "far longer" in about_wording("What is it?", {"A": long, "B": "Cyst"}, "A", Modality.CT)[0]
    assert about_wording("What is it?", {"A": long, "B": long[:-9]}, "A", Modality.CT) == []


@pytest.fixture
def blank(tmp_path: Path) -> Draft:
    for n in range(2):
        Image.fromarray(picture(n)).save(tmp_path / f"{n}.png")
    return begin_on(View(str(tmp_path / "0.png"), Modality.XRAY, 0), patient="p1")


def whole(draft: Draft, **changed: object) -> Draft:
    said = {"question": "What is shown?", "options": ("Effusion", "None", "Nodule"), "answer": "B", "skill": "Disease Diagnosis"}
    return replace(draft, **(said | changed))


def test_the_same_question_about_the_same_picture_is_found_whatever_its_spelling_and_window(tmp_path: Path, blank: Draft) -> None:
    with Study.create(tmp_path / "w.medq") as study:
        first = submit(study, whole(blank, question="Which abnormality of the lung is shown?"), "dr_a")
        book = read_book(study)
        again = replace(begin_on(*blank.pictures), window=(50.0, 20.0))
        options = ("none", "Nodule", "effusion.")
        same = whole(again, question="  which abnormality OF the lung is shown ", options=options, answer="A")
        assert doubts_about(same, book.known) == ["another question written here asks the same of this picture"]
        assert "nearly the same" in doubts_about(whole(again, question="What abnormality of the lung is shown?"), book.known)[0]
        assert doubts_about(whole(again, question="Which side is affected?"), book.known) == []
        other = again.on((View(str(tmp_path / "1.png"), Modality.XRAY, 0),))
        assert doubts_about(replace(same, item_id=other.item_id, image=other.image), book.known) == []
        assert doubts_about(whole(blank, question=first.question), book.known) == []
        study.judge_items([first.item_id], "removed", "dr_a", "a slip")
        kept = study.item(first.item_id)
        assert kept is not None
        book.known.note(kept)
        assert doubts_about(same, book.known) == []


def test_a_question_about_a_mark_wants_one(blank: Draft) -> None:
    asked = whole(blank, question="Which structure is marked by the green box?")
    assert "no region is drawn" in doubts_about(asked)[0]
    assert doubts_about(replace(asked, region={"kind": "box", "at": [1, 1, 9, 9]})) == []
    assert doubts_about(whole(blank, question="Is there remarkable cardiomegaly?")) == []


def test_options_inside_the_question_are_taken_out_and_must_be_the_options(tmp_path: Path, blank: Draft) -> None:
    listed = whole(blank, question="What is shown?\nOptions: A) Effusion B) None C) Nodule")
    with Study.create(tmp_path / "w.medq") as study:
        assert submit(study, listed, "dr_a").question == "What is shown?"
    assert "are not the options" in problems(replace(listed, options=("Effusion", "None", "Mass")))[0]


def test_more_options_than_eight_and_options_equal_but_for_signs_are_refused(blank: Draft) -> None:
    assert "more than 8" in problems(whole(blank, options=tuple(f"option {n}" for n in range(9))))[0]
    assert "stands twice" in problems(whole(blank, options=("Left lung", "left lung.")))[0]
    assert problems(whole(blank, options=("+", "-"))) == []


def test_the_next_question_takes_over_what_is_wanted_and_never_the_answer(blank: Draft) -> None:
    before = whole(blank, region={"kind": "box", "at": [1, 1, 9, 9]}, licence="CC0-1.0")
    view = View("/x.png", Modality.XRAY, 0)
    after = following(before, (view,))
    assert (after.options, after.skill, after.licence, after.patient) == (before.options, before.skill, "CC0-1.0", "p1")
    assert (after.question, after.answer, after.region, after.image) == ("", "", None, "/x.png")
    assert after.item_id != before.item_id
    emptied = following(before, (view,), question=True, options=False)
    assert (emptied.question, set(emptied.options)) == ("What is shown?", {""})


def test_the_book_tells_how_far_each_question_has_come_and_nothing_of_what_was_decided(tmp_path: Path, blank: Draft) -> None:
    with Study.create(tmp_path / "w.medq") as study:
        ids = []
        for n in range(5):
            draft = whole(begin_on(*blank.pictures), question=f"Question {n}?")
            save(study, draft, "dr_a")
            ids.append(draft.item_id)
            if n:
                submit(study, draft, "dr_b")
        study.ensure_reader("dr_c")
        study.record_review(Review("dr_c", ids[2], {"motion_blur": 3}))
        study.judge_items([ids[3]], "accepted", "dr_c")
        study.judge_items([ids[4]], "removed", "dr_c", "out of place")
        book = read_book(study)
        assert [one.standing for one in book.written] == [
            Standing.DRAFT, Standing.SUBMITTED, Standing.IN_REVIEW, Standing.ACCEPTED, Standing.REMOVED,
        ]  # fmt: skip
        assert [one.by for one in book.written] == ["dr_a"] * 5
        assert all(one.at for one in book.written)


def test_a_discarded_draft_leaves_the_list_and_comes_back(tmp_path: Path, blank: Draft) -> None:
    with Study.create(tmp_path / "w.medq") as study:
        save(study, whole(blank), "dr_a")
        discard(study, blank.item_id, "dr_a")
        discard(study, blank.item_id, "dr_a")
        assert list(drafts(study)) == []
        assert read_book(study).written[0].standing is Standing.REMOVED
        assert take_up(study, blank.item_id, "dr_a") == whole(blank)
        assert list(drafts(study)) == [whole(blank)]
        submit(study, whole(blank), "dr_a")
        with pytest.raises(BankError, match="no draft"):
            discard(study, blank.item_id, "dr_a")


def test_questions_known_for_long_are_replaced_by_what_they_have_become(tmp_path: Path, blank: Draft) -> None:
    with Study.create(tmp_path / "w.medq") as study:
        submit(study, whole(blank), "dr_a")
        known = KnownQuestions(study.items())
        draft = take_up(study, blank.item_id, "dr_a")
        changed = submit(study, replace(draft, question="Is there a nodule?", options=("Yes", "No"), answer="A"), "dr_a")
        known.note(changed)
        twin = begin_on(*blank.pictures)
        assert doubts_about(whole(twin), known) == []
        again = whole(twin, question="Is there a nodule?", options=("No", "Yes"))
        assert "asks the same" in doubts_about(again, known)[0]
