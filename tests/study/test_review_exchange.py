"""Decisions of a review between sites: taken in where the same question stands, once, with what was taken back."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from study_records import make_item

from medqdeg_desktop.bank.review import follow_bundle
from medqdeg_desktop.study.bundle import TakenIn, export_bundle, import_bundle
from medqdeg_desktop.study.records import ItemNote, Review, ReviewSetup
from medqdeg_desktop.study.store import Study

MARKS = {"gaussian_noise": 0, "low_dose": 3}
KEEP = {"gaussian_noise": 0, "low_dose": 0}


def _site(folder: Path, name: str, *items: str, **changes: object) -> Study:
    """A site that has imported the same questions into another folder."""
    study = Study.create(folder / f"{name}.medq", name=name)
    study.add_items([make_item(i, images=(f"/home/{name}/bank/{i}.dcm",), **changes) for i in items])
    study.open_review(ReviewSetup(seed=5, decisions=2), "chair")
    return study


def _send(study: Study, folder: Path) -> Path:
    target = folder / f"{study.name}.{len(list(folder.iterdir()))}.zip"
    export_bundle(study, target)
    return target


def _take(study: Study, bundle: Path) -> TakenIn:
    taken = import_bundle(study, bundle)
    follow_bundle(study, taken.reviewed)
    return taken


def test_two_sites_that_reviewed_the_same_questions_agree_in_either_order(tmp_path: Path) -> None:
    with _site(tmp_path, "a", "q1", "q2") as a, _site(tmp_path, "b", "q1", "q2") as b:
        for study, person in ((a, "ann"), (b, "ben")):
            study.ensure_reader(person, "curator")
            study.record_review(Review(person, "q1", KEEP, seed=5))
            study.record_review(Review(person, "q2", MARKS if person == "ann" else KEEP, seed=5))
            study.note_item(ItemNote(person, "q1", True, f"seen by {person}"))
        from_a, from_b = _send(a, tmp_path), _send(b, tmp_path)
        assert _take(a, from_b).conflicts == _take(b, from_a).conflicts == []
        said = [sorted((r.event_id, r.item_id, tuple(r.marks.items()), r.at) for r in s.reviews()) for s in (a, b)]
        assert said[0] == said[1] and len(said[0]) == 4
        assert (
            sorted(n.comment for n in a.notes("q1")) == sorted(n.comment for n in b.notes("q1")) == ["seen by ann", "seen by ben"]
        )
        # Both keep q1: it is accepted at both sites. On q2 they disagree: it waits for a third person.
        states = [[item.state for i in ("q1", "q2") if (item := s.item(i))] for s in (a, b)]
        assert states == [["accepted", "imported"]] * 2
        assert a.verify() == b.verify() == []
        again = _take(a, from_b)
        assert again.added == 0 and again.conflicts == []


def test_what_was_taken_back_there_is_taken_back_here(tmp_path: Path) -> None:
    with _site(tmp_path, "a", "q1") as a, _site(tmp_path, "b", "q1") as b:
        a.ensure_reader("ann", "curator")
        kept = a.record_review(Review("ann", "q1", KEEP, seed=5))
        _take(b, _send(a, tmp_path))
        assert len(b.reviews("q1")) == 1
        a.undo_review(kept.event_id, "ann")
        taken = _take(b, _send(a, tmp_path))
        assert b.reviews("q1") == [] and taken.reviewed == {"q1"} and b.verify() == []


def test_a_question_that_is_not_here_is_counted_and_one_with_other_words_is_a_conflict(tmp_path: Path) -> None:
    with _site(tmp_path, "a", "q1", "q2") as a, _site(tmp_path, "b", "q1", question="Which side is shown?") as b:
        a.ensure_reader("ann", "curator")
        a.record_review(Review("ann", "q1", KEEP, seed=5))
        gone = a.record_review(Review("ann", "q2", KEEP, seed=5))
        a.undo_review(gone.event_id, "ann")
        taken = _take(b, _send(a, tmp_path))
        assert len(taken.conflicts) == 1 and "question 'q1' (version 1) says something else here" in taken.conflicts[0]
        assert any("1 decisions are on questions that are not here" in note for note in taken.notes)
        assert b.reviews() == [] and b.verify() == []


def test_no_words_and_no_paths_travel_and_an_older_bundle_is_still_read(tmp_path: Path) -> None:
    with _site(tmp_path, "a", "q1", question="PRIVATE WORDS") as a, Study.create(tmp_path / "b.medq") as b:
        a.ensure_reader("ann", "curator")
        a.record_review(Review("ann", "q1", KEEP, seed=5))
        bundle = _send(a, tmp_path)
        with zipfile.ZipFile(bundle) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        assert b"PRIVATE" not in b"".join(files.values()) and b"/home" not in b"".join(files.values())
        manifest = json.loads(files["manifest.json"])
        manifest["format"] = "medqdeg-bundle/1"
        del manifest["files"]["items.jsonl"], files["items.jsonl"]
        with zipfile.ZipFile(tmp_path / "older.zip", "w") as archive:
            for name, data in {**files, "manifest.json": json.dumps(manifest).encode()}.items():
                archive.writestr(name, data)
        assert import_bundle(b, tmp_path / "older.zip").conflicts == []
        assert {r.pseudonym for r in b.readers()} == {"chair", "ann"}


@pytest.mark.parametrize("windows", [False, True])
def test_the_hash_of_a_question_does_not_know_where_its_pictures_lie(windows: bool) -> None:
    from medqdeg_desktop.study.items import item_body
    from medqdeg_desktop.study.review_exchange import content_sha256

    here = make_item(images=("/data/a.dcm",))
    there = make_item(images=("C:\\bank\\a.dcm" if windows else "/srv/bank/a.dcm",))
    other = make_item(images=("/data/b.dcm",))
    hashes = [content_sha256(item_body(item)) for item in (here, there, other)]
    assert hashes[0] == hashes[1] != hashes[2]
