"""Severity profiles: medians that can be computed by hand, JSON that comes back equal, differences by cell."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest

from medqdeg_desktop.calibration.errors import CalibrationError
from medqdeg_desktop.calibration.profiles import (
    compare,
    draft_from_settings,
    load_default_profile,
    path_parameters,
    profile_from_json,
    profile_to_json,
    read_profile,
)
from medqdeg_desktop.engine.degradation import find, registry
from medqdeg_desktop.study.records import ImageRecord, Profile, ProfileCell, Setting
from medqdeg_desktop.study.store import Study, StudyError
from medqdeg_desktop.taxonomy import Level, Modality


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Study]:
    with Study.create(tmp_path / "liver.medq", name="Liver CT") as made:
        for reader in ("R1", "R2", "R3"):
            made.ensure_reader(reader)
        for number in range(4):
            made.record_image(ImageRecord(f"image-{number}", Modality.CT, f"CT {number}"))
        yield made


def _set(
    study: Study,
    reader: str,
    image: int,
    severity: float,
    level: Level = Level.L1,
    *,
    type_name: str = "gaussian_noise",
    modality: Modality = Modality.CT,
    custom: bool = False,
    path_version: int | None = None,
) -> Setting:
    degradation = find(type_name)
    return study.set_level(
        Setting(
            reader=reader,
            type=type_name,
            modality=modality,
            level=level,
            severity=severity,
            path_version=degradation.path_version if path_version is None else path_version,
            parameters=degradation.path(severity, modality),
            custom=custom,
            seed=1,
            image_id=f"image-{image}",
            frame=0,
            window=None,
            value_range=(-160.0, 240.0),
            render_sha256="",
        )
    )


def test_a_draft_is_the_median_over_readers_of_each_readers_median(study: Study) -> None:
    # R1 decides four times, R2 and R3 once: pooled decisions would give 0.22, the mean 0.33.
    for image, severity in enumerate((0.20, 0.22, 0.24, 0.21)):
        _set(study, "R1", image, severity)
    _set(study, "R2", 0, 0.40)
    _set(study, "R3", 0, 0.60)
    draft = draft_from_settings(study)
    (cell,) = draft.cells
    assert cell.severity == median([median([0.20, 0.22, 0.24, 0.21]), 0.40, 0.60]) == 0.40
    assert (cell.readers, cell.decisions) == (3, 6)
    assert cell.parameters == path_parameters("gaussian_noise", 0.40, Modality.CT)
    assert cell.parameters["sigma"] == find("gaussian_noise").path(0.40, Modality.CT)["sigma"]
    assert (draft.status, draft.name) == ("draft", "Liver CT")


def test_only_current_settings_count(study: Study) -> None:
    _set(study, "R1", 0, 0.8)
    second = _set(study, "R1", 0, 0.3)
    third = _set(study, "R1", 0, 0.5)
    study.undo(third.event_id, "R1")
    assert [c.severity for c in draft_from_settings(study).cells] == [second.severity]


def test_custom_settings_and_older_paths_are_left_out_and_said(study: Study) -> None:
    _set(study, "R1", 0, 0.3)
    _set(study, "R2", 0, 0.9, custom=True)
    _set(study, "R3", 0, 0.9, path_version=find("gaussian_noise").path_version + 1)
    (cell,) = draft_from_settings(study).cells
    assert (cell.severity, cell.readers, cell.decisions) == (0.3, 1, 1)
    assert cell.basis == "median of reader medians; 1 custom not pooled; 1 older path not pooled"


def test_a_cell_with_custom_settings_alone_is_not_in_the_draft(study: Study) -> None:
    _set(study, "R1", 0, 0.3, custom=True)
    assert draft_from_settings(study).cells == ()


def test_one_readers_draft_is_that_readers(study: Study) -> None:
    _set(study, "R1", 0, 0.2)
    _set(study, "R2", 0, 0.6)
    assert [c.severity for c in draft_from_settings(study, "R2").cells] == [0.6]


def test_a_draft_does_not_depend_on_the_order_of_decisions(study: Study, tmp_path: Path) -> None:
    decisions = [
        (reader, image, round(0.2 + 0.03 * image + 0.05 * number, 3), level)
        for number, reader in enumerate(("R1", "R2", "R3"))
        for image in range(4)
        for level in (Level.L1, Level.L2)
    ]
    for decision in decisions:
        _set(study, *decision)
    first = draft_from_settings(study).content_hash
    random.Random(3).shuffle(decisions)
    with Study.create(tmp_path / "other.medq") as other:
        for reader in ("R3", "R1", "R2"):
            other.ensure_reader(reader)
        for number in range(4):
            other.record_image(ImageRecord(f"image-{number}", Modality.CT, ""))
        for decision in decisions:
            _set(other, *decision)
        assert draft_from_settings(other).content_hash == first


def test_what_the_seed_decides_is_no_part_of_a_profile() -> None:
    for degradation in registry().values():
        for modality in (m for m in Modality if degradation.type.suits(m)):
            stored = path_parameters(degradation.name, 0.4, modality)
            drawn = degradation.drawn_parameters(7, modality).keys() - degradation.path(0.4, modality).keys()
            assert not stored.keys() & drawn
            assert degradation.path(0.4, modality).keys() <= stored.keys()


def test_the_default_profile_says_what_a_draft_at_its_severities_would_say() -> None:
    default = load_default_profile()
    assert default.status == "default" and default.cells
    for cell in default.cells:
        assert cell.path_version == find(cell.type).path_version
        assert cell.parameters == path_parameters(cell.type, cell.severity, cell.modality), f"{cell.type} on {cell.modality}"


def test_a_profile_comes_back_from_json_equal_and_with_its_hash(study: Study) -> None:
    _set(study, "R1", 0, 0.1 + 0.2)
    _set(study, "R1", 0, 0.7, Level.L2)
    published = study.publish_profile(draft_from_settings(study, version="1.0.0"), "Dr Chair \u2013 \u00e9")
    text = profile_to_json(published)
    assert profile_from_json(text) == published
    assert json.loads(text)["content_hash"] == published.content_hash


def test_a_profile_file_changed_by_hand_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text(profile_to_json(load_default_profile()).replace('"severity": 0.3,', '"severity": 0.25,', 1))
    with pytest.raises(CalibrationError, match=r"p\.json: its cells have been changed"):
        read_profile(path)


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("type", "sharpness", "cell 1: unknown type 'sharpness'"),
        ("modality", "sonar", "cell 1: unknown modality 'sonar'"),
        ("level", "L0", "cell 1: level 'L0' is not L1 or L2"),
        ("severity", 1.5, "cell 1: severity 1.5 is not a number from 0 to 1"),
        ("severity", True, "severity True is not"),
        ("path_version", "1", "path_version '1' is not a count"),
        ("parameters", None, "parameters are missing"),
    ],
)
def test_a_wrong_cell_is_named_with_its_field(key: str, value: object, reason: str) -> None:
    document = json.loads(profile_to_json(load_default_profile()))
    document["cells"][0][key] = value
    del document["content_hash"]
    with pytest.raises(CalibrationError, match=reason):
        profile_from_json(json.dumps(document), "p.json")


def test_files_that_are_no_profiles_are_refused_in_one_line(tmp_path: Path) -> None:
    document = json.loads(profile_to_json(load_default_profile()))
    document["cells"].append(document["cells"][0])
    for text, reason in (("{", "not JSON"), ("[]", "not a severity profile"), (json.dumps(document), "comes twice")):
        with pytest.raises(CalibrationError, match=reason) as error:
            profile_from_json(text, "p.json")
        assert "\n" not in str(error.value)
    binary = tmp_path / "b.json"
    binary.write_bytes(b"\xff\xfe\x00")
    for path, reason in ((binary, "not UTF-8 text"), (tmp_path / "gone.json", "No such file")):
        with pytest.raises(CalibrationError, match=reason):
            read_profile(path)


def test_two_profiles_are_compared_by_what_their_cells_mean() -> None:
    default = load_default_profile()
    first, second, *rest = sorted(default.cells, key=lambda c: (c.type, c.modality, c.level))
    changed = replace(default, cells=(replace(first, severity=0.31), *(replace(c, basis="other words") for c in rest)))
    found = compare(default, changed)
    assert [(d.before, d.after) for d in found] == [(first, replace(first, severity=0.31)), (second, None)]
    assert compare(default, default) == []


def test_publishing_refuses_what_no_profile_may_be(study: Study) -> None:
    with pytest.raises(StudyError, match="has no cells"):
        study.publish_profile(draft_from_settings(study, version="1.0.0"), "Dr Chair")
    _set(study, "R1", 0, 0.6)
    _set(study, "R1", 0, 0.5, Level.L2)
    with pytest.raises(StudyError, match=r"L1 of gaussian_noise on CT \(0.6\) is not milder than its L2 \(0.5\)"):
        study.publish_profile(draft_from_settings(study, version="1.0.0"), "Dr Chair")
    _set(study, "R1", 0, 0.3)
    for version in ("1", "1.0", "v1.0.0", "01.0.0", ""):
        with pytest.raises(StudyError, match="not a semantic version"):
            study.publish_profile(draft_from_settings(study, version=version), "Dr Chair")


def test_a_published_version_stands_for_good(study: Study) -> None:
    _set(study, "R1", 0, 0.3)
    published = study.publish_profile(draft_from_settings(study, version="1.0.0"), "Dr Chair")
    events = study.events()
    assert study.publish_profile(draft_from_settings(study, version="1.0.0"), "R1") == published
    assert study.events() == events
    _set(study, "R1", 0, 0.4)
    with pytest.raises(StudyError, match=r"published with other content .*choose a new version"):
        study.publish_profile(draft_from_settings(study, version="1.0.0"), "Dr Chair")
    assert study.profiles() == [published]


def test_the_newest_profile_is_the_one_with_the_highest_version(study: Study) -> None:
    assert study.newest_profile() is None
    for n, version in enumerate(("1.9.0", "1.10.0", "1.10.0-rc.2", "1.10.0-rc.10", "1.2.0")):
        _set(study, "R1", 0, 0.30 + n / 100)
        study.publish_profile(draft_from_settings(study, version=version), "Dr Chair")
    assert [p.version for p in study.profiles()] == ["1.2.0", "1.9.0", "1.10.0-rc.2", "1.10.0-rc.10", "1.10.0"]
    newest = study.newest_profile()
    assert newest is not None and newest.version == "1.10.0"


def test_a_profile_published_elsewhere_is_taken_in_as_it_stands(study: Study, tmp_path: Path) -> None:
    _set(study, "R1", 0, 0.3)
    published = study.publish_profile(draft_from_settings(study, version="1.0.0"), "Dr Chair")
    with Study.create(tmp_path / "b.medq") as other:
        assert other.import_profile(published) == published
        assert other.import_profile(published) == published
        assert other.profiles() == [published] and other.verify() == []
        with pytest.raises(StudyError, match="is a default profile; only published ones travel"):
            other.import_profile(load_default_profile())
        changed = replace(published, cells=(replace(published.cells[0], severity=0.4),))
        with pytest.raises(StudyError, match="published with other content"):
            other.import_profile(changed)


def test_the_content_hash_covers_meaning_and_not_counts_or_order() -> None:
    mild = ProfileCell("gaussian_noise", Modality.CT, Level.L1, 0.3, 1, {"sigma": 0.05}, 3, 18, "x")
    severe = replace(mild, level=Level.L2, severity=0.6)
    profile = Profile("p", "1.0.0", "draft", (mild, severe))
    assert profile.content_hash == replace(profile, cells=(severe, replace(mild, readers=9, basis="y"))).content_hash
    assert profile.content_hash != replace(profile, cells=(replace(mild, severity=0.31), severe)).content_hash
