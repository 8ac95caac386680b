"""Exchange between sites: bundles come in as often as they like, in any order, and never overwrite."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from study_records import IMAGE, make_item, make_setting

from medqdeg_desktop.study.audit import event_hash
from medqdeg_desktop.study.bundle import export_bundle, import_bundle
from medqdeg_desktop.study.identifiers import canonical_json
from medqdeg_desktop.study.records import CleanDecision, ImageRecord, Profile, ProfileCell
from medqdeg_desktop.study.store import Study, StudyError
from medqdeg_desktop.taxonomy import Level, Modality


def _site(folder: Path, name: str, *severities: float) -> Study:
    """A site's study with one reader (called R1, as everywhere) who set L1 and changed their mind."""
    study = Study.create(folder / f"{name}.medq", name=name)
    study.ensure_reader("R1")
    study.record_image(ImageRecord(IMAGE, Modality.CT, "CT 1", f"/home/{name}/secret/a.dcm", 12, {"decoder": "pydicom"}))
    for severity in severities:
        last = study.set_level(make_setting(severity=severity))
    study.decide_clean(CleanDecision("R1", IMAGE, 12, (40.0, 400.0), "diagnostic"))
    study.undo(last.event_id, "R1", "too strong")
    return study


def _bundle(study: Study, folder: Path) -> Path:
    target = folder / f"{study.name}.{len(list(folder.iterdir()))}.zip"
    export_bundle(study, target)
    return target


def _said(study: Study) -> list[tuple[str, float, str]]:
    return sorted((s.event_id, s.severity, s.at) for s in study.settings())


def test_decisions_arrive_with_their_identities_times_and_undos(tmp_path: Path) -> None:
    with _site(tmp_path, "a", 0.3, 0.5) as a, Study.create(tmp_path / "b.medq") as b:
        taken = import_bundle(b, _bundle(a, tmp_path))
        assert taken.conflicts == [] and taken.notes == []
        assert b.settings() == a.settings() and b.setting_history() == a.setting_history()
        assert b.clean_decisions() == a.clean_decisions()
        assert b.readers() == a.readers()
        assert {event.origin for event in b.events()} == {a.study_id, b.study_id}
        assert b.verify() == []


def test_taking_the_same_bundle_in_twice_changes_nothing(tmp_path: Path) -> None:
    with _site(tmp_path, "a", 0.3, 0.5) as a, Study.create(tmp_path / "b.medq") as b:
        bundle = _bundle(a, tmp_path)
        first = import_bundle(b, bundle)
        events = b.events()
        second = import_bundle(b, bundle)
        assert (second.added, second.unchanged, second.conflicts) == (0, first.added, [])
        assert b.events() == events


def test_a_bundle_that_comes_home_changes_nothing(tmp_path: Path) -> None:
    with _site(tmp_path, "a", 0.3, 0.5) as a, Study.create(tmp_path / "b.medq") as b:
        import_bundle(b, _bundle(a, tmp_path))
        home = import_bundle(a, _bundle(b, tmp_path))
        assert home.added == 0 and home.conflicts == []
        assert a.verify() == []


def test_two_sites_merge_to_the_same_settings_in_either_order(tmp_path: Path) -> None:
    with _site(tmp_path, "a", 0.3, 0.5) as a, _site(tmp_path, "b", 0.4, 0.6) as b:
        bundles = [_bundle(a, tmp_path), _bundle(b, tmp_path)]
        results = []
        for name, order in (("ab", bundles), ("ba", bundles[::-1])):
            with Study.create(tmp_path / f"{name}.medq") as merged:
                for bundle in order:
                    import_bundle(merged, bundle)
                results.append((_said(merged), {r.reader_id for r in merged.readers()}))
                assert merged.verify() == []
        assert results[0] == results[1]
        assert len(results[0][0]) == 2


def test_a_namesake_from_another_site_is_another_person(tmp_path: Path) -> None:
    with _site(tmp_path, "a", 0.3, 0.5) as a, _site(tmp_path, "b", 0.4, 0.6) as b:
        taken = import_bundle(b, _bundle(a, tmp_path))
        assert len(taken.notes) == 1 and "'R1' is another person here" in taken.notes[0]
        names = [r.pseudonym for r in b.readers()]
        assert len(names) == 2 and "R1" in names and any(name.startswith("R1 (") for name in names)
        assert len(b.settings()) == 2
        assert b.verify() == []


def test_conflicts_are_listed_and_nothing_that_stands_is_changed(tmp_path: Path) -> None:
    with _site(tmp_path, "a", 0.3, 0.5) as a:
        shutil.copy(a.backup(tmp_path / "copy.medq"), tmp_path / "b.medq")
        with Study.open(tmp_path / "b.medq") as b:
            cell = ProfileCell("gaussian_noise", Modality.CT, Level.L1, 0.3, 1, {"sigma": 0.05})
            ours = b.publish_profile(Profile("liver", "1.0.0", "draft", (cell,)), "R1")
            a.publish_profile(Profile("liver", "1.0.0", "draft", (replace(cell, severity=0.4),)), "R1")
            b.record_image(ImageRecord(IMAGE, Modality.MRI, "CT 1", "", 12))
            taken = import_bundle(b, _bundle(a, tmp_path))
            assert len(taken.conflicts) == 2
            assert "is MRI here and CT there; kept MRI" in taken.conflicts[0]
            assert "profile liver 1.0.0 is published here with other content" in taken.conflicts[1]
            assert b.profiles() == [ours]
            assert b.verify() == []
            assert import_bundle(b, _bundle(a, tmp_path)).conflicts == taken.conflicts


def test_both_sites_taking_back_the_same_decision_agree(tmp_path: Path) -> None:
    with _site(tmp_path, "a", 0.3, 0.5) as a, Study.create(tmp_path / "b.medq") as b:
        import_bundle(b, _bundle(a, tmp_path))
        for study in (a, b):
            study.undo(study.settings()[0].event_id, "R1")
        taken = import_bundle(b, _bundle(a, tmp_path))
        assert taken.conflicts == [] and len(taken.notes) == 1
        assert a.settings() == b.settings() == []
        assert b.verify() == []


def test_a_published_profile_travels_with_its_signature(tmp_path: Path) -> None:
    cell = ProfileCell("gaussian_noise", Modality.CT, Level.L1, 0.3, 1, {"sigma": 0.05}, readers=3, decisions=18, basis="x")
    with _site(tmp_path, "a", 0.3, 0.5) as a, Study.create(tmp_path / "b.medq") as b:
        published = a.publish_profile(Profile("liver", "1.0.0", "draft", (cell,)), "Dr Chair")
        import_bundle(b, _bundle(a, tmp_path))
        assert b.newest_profile() == published
        assert b.verify() == []


def test_a_bundle_holds_no_path_no_question_and_no_clearance(tmp_path: Path) -> None:
    with _site(tmp_path, "a", 0.3, 0.5) as a:
        a.add_items([make_item(question="PRIVATE QUESTION")])
        a.clear_items(["q1"], "Dr Lee")
        bundle = _bundle(a, tmp_path)
    with zipfile.ZipFile(bundle) as archive:
        text = b"".join(archive.read(name) for name in archive.namelist()).decode()
    assert "secret" not in text and "PRIVATE" not in text and "items_cleared" not in text


def test_the_same_decisions_give_the_same_bytes(tmp_path: Path) -> None:
    with _site(tmp_path, "a", 0.3, 0.5) as a:
        first, second = _bundle(a, tmp_path), _bundle(a, tmp_path)
        assert first.read_bytes() == second.read_bytes()
        with pytest.raises(StudyError, match="already exists"):
            export_bundle(a, first)


def _rewritten(bundle: Path, name: str, change: tuple[str, str], *, honest: bool) -> Path:
    """``bundle`` with a text replaced in the file ``name``; ``honest`` also corrects the manifest."""
    with zipfile.ZipFile(bundle) as archive:
        files = {entry: archive.read(entry) for entry in archive.namelist()}
    assert change[0].encode() in files[name]
    files[name] = files[name].replace(change[0].encode(), change[1].encode())
    if honest:
        manifest = json.loads(files["manifest.json"])
        manifest["files"][name]["sha256"] = hashlib.sha256(files[name]).hexdigest()
        files["manifest.json"] = json.dumps(manifest).encode()
    target = bundle.with_suffix(".changed.zip")
    with zipfile.ZipFile(target, "w") as archive:
        for entry, data in files.items():
            archive.writestr(entry, data)
    return target


@pytest.mark.parametrize(
    ("honest", "reason"), [(False, "events.jsonl: has been changed"), (True, "events.jsonl line 2: the content is not")]
)
def test_a_changed_bundle_is_refused_as_a_whole(tmp_path: Path, honest: bool, reason: str) -> None:
    with _site(tmp_path, "a", 0.3, 0.5) as a, Study.create(tmp_path / "b.medq") as b:
        changed = _rewritten(_bundle(a, tmp_path), "events.jsonl", ('"severity":0.3', '"severity":0.2'), honest=honest)
        with pytest.raises(StudyError, match=reason):
            import_bundle(b, changed)
        assert b.events() == [] and b.readers() == []


def test_a_file_that_is_no_bundle_is_refused_in_one_line(tmp_path: Path) -> None:
    text, other, gone = tmp_path / "a.zip", tmp_path / "b.zip", tmp_path / "c.zip"
    text.write_text("hello")
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("manifest.json", '{"format": "else"}')
    with Study.create(tmp_path / "s.medq") as study:
        for path, reason in ((text, "not a bundle"), (other, "not a bundle of this program"), (gone, "No such file")):
            with pytest.raises(StudyError, match=reason) as error:
                import_bundle(study, path)
            assert "\n" not in str(error.value)


def test_a_reader_who_works_on_two_copies_has_one_newest_setting(tmp_path: Path) -> None:
    with _site(tmp_path, "a", 0.3, 0.5) as a:
        a.backup(tmp_path / "b.medq")
        with Study.open(tmp_path / "b.medq") as b:
            a.set_level(make_setting(severity=0.45))
            later = b.set_level(make_setting(severity=0.55))
            import_bundle(a, _bundle(b, tmp_path))
            import_bundle(b, _bundle(a, tmp_path))
            assert a.settings() == b.settings() == [later]


def _forged(bundle: Path, change: Callable[[dict[str, list[dict[str, Any]]]], object]) -> Path:
    """``bundle`` after ``change`` of its lines, with every hash made anew: as another program would write it."""
    with zipfile.ZipFile(bundle) as archive:
        files = {entry: archive.read(entry) for entry in archive.namelist()}
    manifest = json.loads(files.pop("manifest.json"))
    lines = {name: [json.loads(line) for line in data.splitlines()] for name, data in files.items()}
    change(lines)
    for line in lines["events.jsonl"]:
        content = {**line, "payload": canonical_json(line["payload"])}
        del content["hash"], content["seq"]
        line["hash"] = event_hash(**content)
    target = bundle.with_suffix(".forged.zip")
    with zipfile.ZipFile(target, "w") as archive:
        for name, said in lines.items():
            data = "".join(f"{canonical_json(line)}\n" for line in said).encode()
            manifest["files"][name]["sha256"] = hashlib.sha256(data).hexdigest()
            archive.writestr(name, data)
        archive.writestr("manifest.json", json.dumps(manifest))
    return target


def _of_kind(kind: str, **changes: Any) -> Callable[[dict[str, list[dict[str, Any]]]], None]:
    """Makes the setting of a bundle an event of ``kind``."""

    def change(lines: dict[str, list[dict[str, Any]]]) -> None:
        line = next(line for line in lines["events.jsonl"] if line["kind"] == "setting")
        line.update({"kind": kind, **changes})

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_of_kind("setting", payload={"type": "low_dose"}), "events.jsonl line 2: lacks 'modality'"),
        (_of_kind("setting", payload=[1]), "events.jsonl line 2: payload is no record"),
        (_of_kind("setting", at="x" * 27), "events.jsonl line 2: .*x"),
        (_of_kind("trial_answered", payload={"trial": "p/adjust/k"}), "events.jsonl line 2: lacks 'protocol'"),
        (_of_kind("stage_locked", payload={}), "events.jsonl line 2: lacks 'protocol'"),
        (_of_kind("protocol_fixed", payload={"protocol": "p", "body": {"readers": 1}}), "not the one that its identifier names"),
        (_of_kind("item_reviewed", payload={"item": "q1"}), "events.jsonl line 2: lacks 'version'"),
        (_of_kind("items_cleared", payload={"items": {"q1": 1}}), "holds no events of kind 'items_cleared'"),
        (_of_kind("review_opened", payload={"seed": "1"}), "holds no events of kind 'review_opened'"),
        (lambda lines: lines["images.jsonl"][0].update(modality="nope"), "images.jsonl line 1: unknown modality 'nope'"),
        (lambda lines: lines["images.jsonl"][0].update(facts="{"), "images.jsonl line 1: Expecting"),
        (lambda lines: lines["readers.jsonl"][0].pop("role"), "readers.jsonl line 1: lacks 'role'"),
        (lambda lines: lines["items.jsonl"].append({"item_id": "q1"}), "items.jsonl line 1: lacks 'sha256'"),
    ],
)
def test_a_line_that_no_study_says_is_refused_with_its_number_and_nothing_is_taken_in(
    tmp_path: Path, change: Callable[[dict[str, list[dict[str, Any]]]], object], reason: str
) -> None:
    with _site(tmp_path, "a", 0.3, 0.5) as a, Study.create(tmp_path / "b.medq") as b:
        forged = _forged(_bundle(a, tmp_path), change)
        with pytest.raises(StudyError, match=reason):
            import_bundle(b, forged)
        assert b.events() == [] and b.readers() == [] and b.images() == [] and b.verify() == []


def test_a_bundle_takes_back_nothing_of_another_person_and_no_clearance(tmp_path: Path) -> None:
    with _site(tmp_path, "a", 0.3, 0.5) as a, _site(tmp_path, "b", 0.4, 0.6) as b:
        b.add_items([make_item("q1")])
        clearance = b.clear_items(["q1"], "R1")
        own = b.settings()[0]
        for undone in (clearance.event_id, own.event_id):

            def change(lines: dict[str, list[dict[str, Any]]], undone: str = undone) -> None:
                next(line for line in lines["events.jsonl"] if line["undoes"]).update(undoes=undone)

            taken = import_bundle(b, _forged(_bundle(a, tmp_path), change))
            assert any(f"takes back event {undone}" in conflict for conflict in taken.conflicts)
        item = b.item("q1")
        assert item is not None and item.cleared_by == "R1"
        assert own in b.settings() and b.verify() == []


def test_a_profile_that_an_event_names_must_be_in_the_bundle(tmp_path: Path) -> None:
    published = {"name": "p", "version": "1.0.0", "sha256": "ab" * 32, "content_hash": "ab" * 32}
    with _site(tmp_path, "a", 0.3, 0.5) as a, Study.create(tmp_path / "b.medq") as b:
        forged = _forged(_bundle(a, tmp_path), _of_kind("profile_published", payload=published))
        taken = import_bundle(b, forged)
        assert any("profile p 1.0.0 was published there but is not in the bundle" in c for c in taken.conflicts)
        assert b.verify() == []
