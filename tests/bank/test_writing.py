"""Questions written from an open study: drafts kept as typed, versioned, checked when submitted, drawn like any other item."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bank_samples import here, picture
from PIL import Image

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.bank.errors import BankError, DatasetError
from medqdeg_desktop.bank.generate import generate
from medqdeg_desktop.bank.plan import Asked
from medqdeg_desktop.bank.planning import preview
from medqdeg_desktop.bank.writing import Draft, begin, drafts, problems, save, submit, take_up, versions
from medqdeg_desktop.engine import png
from medqdeg_desktop.engine.display import to_display
from medqdeg_desktop.engine.image import Window
from medqdeg_desktop.engine.reading import read_image
from medqdeg_desktop.study.records import Item
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Modality


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Study]:
    with Study.create(tmp_path / "ward.medq") as opened:
        yield opened


@pytest.fixture
def blank(tmp_path: Path) -> Draft:
    Image.fromarray(picture(0)).save(tmp_path / "chest.png")
    image = read_image(tmp_path / "chest.png", modality=Modality.XRAY)
    return begin(image, tmp_path / "chest.png")


def whole(draft: Draft) -> Draft:
    options = ("Effusion", "None", "Pneumothorax", "")
    return replace(draft, question=" What is shown? ", options=options, answer="a", skill="Disease Diagnosis")


def test_a_draft_is_kept_as_typed_and_every_saving_is_a_version(study: Study, blank: Draft) -> None:
    typed = [
        blank,
        replace(blank, question="  Wha"),
        replace(blank, question="What?\n ", options=("", " B", "", "", "fifth"), answer="F", skill="Diseas"),
    ]
    assert [save(study, draft, "dr_a") for draft in typed] == [True, True, True]
    assert save(study, typed[-1], "dr_b") is False
    assert list(drafts(study)) == [typed[-1]]
    assert versions(study, blank.item_id) == typed
    names = {reader.reader_id: reader.pseudonym for reader in study.readers()}
    wrote = [(names[e.reader], e.payload["items"]) for e in reversed(study.events()) if e.kind == "items_added"]
    assert wrote == [("dr_a", {blank.item_id: version}) for version in (1, 2, 3)]
    assert study.verify() == []


def test_a_draft_survives_the_program(study: Study, blank: Draft, tmp_path: Path) -> None:
    save(study, whole(blank), "dr_a")
    study.close()
    with Study.open(tmp_path / "ward.medq", read_only=True) as again:
        assert list(drafts(again)) == [whole(blank)]


def test_a_draft_takes_no_part_in_a_set_until_it_is_submitted(study: Study, blank: Draft, tmp_path: Path) -> None:
    save(study, whole(blank), "dr_a")
    with pytest.raises(DatasetError, match="no items"):
        generate(study, tmp_path / "set", Asked(), workers=1, make_executor=here)
    item = submit(study, whole(blank), "dr_a")
    assert study.item(item.item_id) == item
    assert (item.question, item.options, item.answer) == (
        "What is shown?",
        {"A": "Effusion", "B": "None", "C": "Pneumothorax"},
        "A",
    )
    assert (item.capability, item.task, item.state) == ("Medical Perception", "Clinical Understanding", "imported")
    assert list(drafts(study)) == []
    assert preview(study, Asked())["items"] == 1
    generate(study, tmp_path / "set", Asked(), workers=1, make_executor=here)
    assert {row["item_id"] for row in Dataset.open(tmp_path / "set").rows()} == {item.item_id}


def test_a_submitted_item_is_taken_up_again_and_loses_its_acceptance(study: Study, blank: Draft) -> None:
    item = submit(study, whole(blank), "dr_a")
    study.judge_items([item.item_id], "accepted", "curator")
    with pytest.raises(BankError, match="submitted already"):
        save(study, whole(blank), "dr_a")
    draft = take_up(study, item.item_id, "dr_b")
    assert take_up(study, item.item_id, "dr_b") == draft
    assert preview(study, Asked())["items"] == 0
    again = submit(study, replace(draft, question="What else?"), "dr_b")
    kept = study.item(again.item_id)
    assert kept is not None
    assert (kept.question, kept.state) == ("What else?", "imported")
    with pytest.raises(BankError, match="no item that was written"):
        take_up(study, "q001", "dr_a")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"question": " \n"}, "question is missing"),
        ({"options": ("Effusion", "", "None", "")}, "option B is empty"),
        ({"options": ("Effusion", "", "", "")}, "fewer than two options"),
        ({"options": ("Effusion", "effusion")}, "stands twice"),
        ({"answer": ""}, "answer is missing"),
        ({"answer": "D"}, "answer 'D' is not one of A, B, C"),
        ({"skill": ""}, "skill is missing"),
        ({"skill": "Lesion Gradings"}, "nearest: Lesion Grading"),
        ({"region": {"kind": "box", "at": [0, 0, 400, 10]}}, "out of the picture of 48 x 40"),
        ({"region": {"kind": "cloud"}}, "kind 'cloud'"),
        ({"image": "/nowhere/chest.png"}, "is not there"),
    ],
)
def test_what_a_draft_lacks_is_said_and_it_is_not_submitted(study: Study, blank: Draft, change: dict, reason: str) -> None:
    assert problems(whole(blank), (40, 48)) == []
    draft = replace(whole(blank), **change)
    (said,) = problems(draft, (40, 48))
    assert reason in said
    with pytest.raises(BankError, match=blank.item_id):
        submit(study, draft, "dr_a", (40, 48))
    assert study.item_count() == 0


def test_a_blank_draft_lists_everything_it_lacks(blank: Draft) -> None:
    assert len(problems(blank)) == 3


def test_an_image_without_a_modality_takes_no_question(tmp_path: Path) -> None:
    Image.fromarray(picture(0)).save(tmp_path / "a.png")
    with pytest.raises(BankError, match="modality is not known"):
        begin(read_image(tmp_path / "a.png"), tmp_path / "a.png")


def test_a_question_on_a_ct_slice_is_shown_with_the_window_it_was_written_under(
    study: Study, tmp_path: Path, shared_data: Path
) -> None:
    path = sorted((shared_data / "dicom" / "ct_series_j2k").iterdir())[3]
    image = read_image(path)
    region = {"kind": "ellipse", "at": [60, 60, 120, 100]}
    draft = replace(whole(begin(image, path, window=Window(-600, 1500), patient="p7")), region=region)
    save(study, draft, "dr_a")
    submit(study, draft, "dr_a", image.pixels.shape)
    generate(study, tmp_path / "set", Asked(mark_regions=True), workers=1, make_executor=here)
    dataset = Dataset.open(tmp_path / "set")
    clean = next(row for row in dataset.rows() if row["level"] == "L0")
    assert json.loads(clean["window"]) == [-600.0, 1500.0]
    shown = png.decode(dataset.image_path(clean).read_bytes())
    plain = to_display(image, Window(-600, 1500))
    outside = (shown[..., 0] == shown[..., 1]) & (shown[..., 1] == shown[..., 2])
    np.testing.assert_array_equal(shown[..., 0][outside], plain[outside])
    assert 50 < (~outside).sum() < 2000


def test_a_save_never_undoes_what_another_window_submits_meanwhile(
    study: Study, blank: Draft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(study, blank, "dr_a")
    with Study.open(tmp_path / "ward.medq") as other:
        elsewhere = threading.Thread(target=submit, args=(other, whole(blank), "dr_a"))
        looked = study.item

        def look_while_another_submits(item_id: str) -> Item | None:
            found = looked(item_id)
            elsewhere.start()
            elsewhere.join(0.5)
            return found

        monkeypatch.setattr(study, "item", look_while_another_submits)
        save(study, replace(blank, question="Wha"), "dr_a")
        elsewhere.join()
    monkeypatch.undo()
    item = study.item(blank.item_id)
    assert item is not None and not item.draft
