"""``medqdeg study`` and ``medqdeg profile`` as other programs call them: exit status, one line on standard error, JSON."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medqdeg_desktop import cli
from medqdeg_desktop.engine.degradation import Prepared, parameters_at
from medqdeg_desktop.engine.image import pixel_sha256
from medqdeg_desktop.engine.reading import read_image, read_series
from medqdeg_desktop.study.records import ImageRecord, Setting
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Level, Modality


class Commands:
    """Runs ``medqdeg ...`` in this process as its entry point does."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys, self._monkeypatch = capsys, monkeypatch

    def __call__(self, *arguments: object, code: int = 0) -> str:
        """Standard output, or standard error where ``code`` is not 0."""
        self._monkeypatch.setattr(sys, "argv", ["medqdeg", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = self._capsys.readouterr()
        assert ended.value.code == code, err
        assert "Traceback" not in err
        return err if code else out


@pytest.fixture
def medqdeg(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    return Commands(capsys, monkeypatch)


@pytest.fixture
def file(tmp_path: Path, medqdeg: Commands) -> Path:
    medqdeg("study", "create", tmp_path / "liver.medq", "--name", "Liver CT")
    return tmp_path / "liver.medq"


def _set(medqdeg: Commands, file: Path, level: str, severity: float, reader: str = "R1", **options: str) -> str:
    chosen = {"type": "gaussian_noise", "modality": "CT"} | options
    said = medqdeg(
        "profile", "set", file, "--type", chosen["type"], "--modality", chosen["modality"], "--level", level,
        "--severity", severity, "--reader", reader,
    )  # fmt: skip
    return said.split()[0]


def test_a_study_is_created_once(medqdeg: Commands, file: Path) -> None:
    assert json.loads(medqdeg("study", "info", file, "--json"))["name"] == "Liver CT"
    before = file.read_bytes()
    assert medqdeg("study", "create", file, code=1) == f"medqdeg: {file}: already exists; open it, or choose another name\n"
    assert file.read_bytes() == before


def test_an_l2_that_is_not_above_l1_is_kept_with_a_warning(
    medqdeg: Commands, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def warned(level: str, severity: float) -> str:
        arguments = ["profile", "set", str(file), "--type", "low_dose", "--modality", "CT", "--reader", "R1"]
        with pytest.raises(SystemExit) as ended, pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["medqdeg", *arguments, "--level", level, "--severity", str(severity)])
            cli.main()
        assert ended.value.code == 0
        return capsys.readouterr().err

    assert warned("L1", 0.5) == ""
    assert warned("L2", 0.3) == "warning: low_dose on CT: L2 (0.3) is not above L1 (0.5); set one of them again\n"
    assert warned("L2", 0.5).count("\n") == 1
    assert warned("L2", 0.8) == ""


def test_levels_are_set_and_published_by_commands_alone(medqdeg: Commands, file: Path) -> None:
    _set(medqdeg, file, "L1", 0.2, "R1")
    _set(medqdeg, file, "L1", 0.4, "R2")
    _set(medqdeg, file, "L2", 0.7, "R1", modality="ct")
    said = medqdeg("profile", "publish", file, "--version", "1.0.0", "--by", "Dr Chair")
    assert said.startswith("Liver CT 1.0.0: 2 cells, ")
    shown = json.loads(medqdeg("profile", "show", file, "--json"))
    assert [(c["level"], c["severity"], c["readers"], c["decisions"]) for c in shown["cells"]] == [
        ("L1", pytest.approx(0.3), 2, 2),
        ("L2", 0.7, 1, 1),
    ]
    assert shown["published_by"] == "Dr Chair" and shown["content_hash"] in said
    with Study.open(file, read_only=True) as study:
        kept = study.settings()[0]
    assert kept.image_id == "" and kept.provenance["stage"] == "command line"
    assert kept.parameters == parameters_at("gaussian_noise", 0.2, Modality.CT, 0)
    facts = json.loads(medqdeg("study", "info", file, "--json"))
    assert facts["settings"] == 3 and facts["newest_profile"] == "1.0.0"


def test_publishing_nothing_or_over_another_content_fails_with_one_line(medqdeg: Commands, file: Path) -> None:
    assert "has no cells" in medqdeg("profile", "publish", file, "--version", "1.0.0", code=1)
    _set(medqdeg, file, "L1", 0.2)
    medqdeg("profile", "publish", file, "--version", "1.0.0")
    medqdeg("profile", "publish", file, "--version", "1.0.0")
    _set(medqdeg, file, "L1", 0.3)
    error = medqdeg("profile", "publish", file, "--version", "1.0.0", code=1)
    assert error.count("\n") == 1 and "published with other content" in error


@pytest.mark.parametrize(
    ("change", "code", "reason"),
    [
        (("--type", "sharpness"), 1, "unknown degradation 'sharpness'"),
        (("--type", "sparse_view", "--modality", "MRI"), 1, "sparse_view is defined on CT, not on MRI"),
        (("--severity", "1.5"), 2, "1.5 is not in the range"),
        (("--severity", "0"), 2, "0.0 is not in the range"),
        (("--modality", "sonar"), 2, "'sonar' is not one of CT, MRI"),
        (("--level", "L0"), 2, "'L0' is not one of"),
    ],
)
def test_a_level_that_makes_no_sense_is_refused(
    medqdeg: Commands, file: Path, change: tuple[str, ...], code: int, reason: str
) -> None:
    options = {"--type": "gaussian_noise", "--modality": "CT", "--level": "L1", "--severity": "0.3"}
    options |= dict(zip(change[::2], change[1::2], strict=True))
    given = [part for option in options.items() for part in option]
    assert reason in medqdeg("profile", "set", file, *given, code=code)
    with Study.open(file) as study:
        assert study.settings() == []


def test_profiles_are_listed_exported_and_imported(medqdeg: Commands, file: Path, tmp_path: Path) -> None:
    _set(medqdeg, file, "L1", 0.2)
    medqdeg("profile", "publish", file, "--version", "1.0.0")
    listed = json.loads(medqdeg("profile", "list", file, "--json"))
    assert [p["status"] for p in listed] == ["published", "draft", "default"]
    assert listed[0]["content_hash"] == listed[1]["content_hash"]
    assert "default" in medqdeg("profile", "list", file)
    exported = tmp_path / "p.json"
    medqdeg("profile", "export", file, "--version", "1.0.0", "--out", exported)
    other = tmp_path / "other.medq"
    medqdeg("study", "create", other)
    medqdeg("profile", "import", other, exported)
    assert json.loads(medqdeg("profile", "show", other, "--json")) == json.loads(exported.read_text())
    assert "no profile version '9.9.9' (known: 1.0.0, draft, default)" in medqdeg(
        "profile", "show", other, "--version", "9.9.9", code=1
    )
    assert "gaussian_noise" in medqdeg("profile", "show", file)


def test_verify_says_what_is_wrong_and_fails(medqdeg: Commands, file: Path) -> None:
    _set(medqdeg, file, "L1", 0.2)
    assert "whole; 2 events" in medqdeg("study", "verify", file)
    connection = sqlite3.connect(file)
    connection.execute("DROP TRIGGER events_no_update")
    connection.execute("UPDATE events SET reason = 'x' WHERE seq = 2")
    connection.commit()
    connection.close()
    error = medqdeg("study", "verify", file, code=1)
    assert "event 2 (setting, " in error and "trigger events_no_update is missing" in error
    assert error.splitlines()[-1] == f"medqdeg: {file}: 2 problems found"


def test_a_backup_is_a_study_and_lies_beside_the_original_unless_told(medqdeg: Commands, file: Path, tmp_path: Path) -> None:
    _set(medqdeg, file, "L1", 0.2)
    beside = Path(medqdeg("study", "backup", file).strip())
    assert beside.parent == file.parent and beside.suffix == ".medq"
    elsewhere = tmp_path / "copy.medq"
    medqdeg("study", "backup", file, "--out", elsewhere)
    for copy in (beside, elsewhere):
        assert "whole" in medqdeg("study", "verify", copy)
    assert "already exists" in medqdeg("study", "backup", file, "--out", elsewhere, code=1)


def test_a_bundle_travels_and_conflicts_fail(medqdeg: Commands, file: Path, tmp_path: Path) -> None:
    _set(medqdeg, file, "L1", 0.2)
    medqdeg("profile", "publish", file, "--version", "1.0.0")
    bundle, other = tmp_path / "a.zip", tmp_path / "b.medq"
    medqdeg("study", "export", file, "--out", bundle)
    medqdeg("study", "create", other, "--name", "Liver CT")
    assert "0 known, 0 conflicts" in medqdeg("study", "import", other, bundle)
    assert "0 new" in medqdeg("study", "import", other, bundle)
    third = tmp_path / "c.medq"
    medqdeg("study", "create", third, "--name", "Liver CT")
    _set(medqdeg, third, "L1", 0.5)
    medqdeg("profile", "publish", third, "--version", "1.0.0")
    error = medqdeg("study", "import", third, bundle, code=1)
    assert "conflict: profile Liver CT 1.0.0 is published here with other content" in error
    assert "another person here" in error and "1 conflict; all the rest was taken in" in error


@pytest.mark.parametrize("command", ["info", "verify", "backup"])
def test_a_file_that_is_no_study_costs_one_line(medqdeg: Commands, tmp_path: Path, command: str) -> None:
    path = tmp_path / "notes.medq"
    path.write_text("not a database\n" * 100)
    assert medqdeg("study", command, path, code=1) == f"medqdeg: {path}: not a study file\n"
    assert "no such study" in medqdeg("study", command, tmp_path / "gone.medq", code=1)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A grey ramp with a bright square, 96 x 128, as a PNG."""
    pixels = np.tile(np.linspace(20, 200, 128, dtype=np.uint8), (96, 1))
    pixels[30:50, 40:60] = 250
    Image.fromarray(pixels).save(tmp_path / "xray.png")
    return tmp_path / "xray.png"


def _decide(file: Path, path: Path, severity: float, render_sha256: str = "", **provenance: object) -> Setting:
    """A decision as the window keeps it: on the exact picture, with the hash of what was shown."""
    image = read_image(path, modality=Modality.XRAY)
    parameters = parameters_at("gaussian_noise", severity, Modality.XRAY, 77)
    shown = Prepared("gaussian_noise", image, 77).render(parameters)
    with Study.open(file) as study:
        study.record_image(ImageRecord(image.source_sha256, Modality.XRAY, "X-ray 1", str(path), image.frame))
        return study.set_level(
            Setting(
                reader=study.ensure_reader("R1").reader_id,
                type="gaussian_noise",
                modality=Modality.XRAY,
                level=Level.L1,
                severity=severity,
                path_version=1,
                parameters=parameters,
                custom=False,
                seed=77,
                image_id=image.source_sha256,
                frame=image.frame,
                window=None,
                value_range=image.value_range,
                render_sha256=render_sha256 or pixel_sha256(shown),
                provenance=dict(provenance),
            )
        )


def test_a_stored_decision_is_drawn_again_to_the_same_picture(
    medqdeg: Commands, file: Path, picture: Path, tmp_path: Path
) -> None:
    kept = _decide(file, picture, 0.4)
    out = tmp_path / "again.npy"
    assert "the same picture" in medqdeg("profile", "redraw", file, kept.event_id, "--out", out)
    assert pixel_sha256(np.load(out)) == kept.render_sha256


def test_a_decision_that_draws_differently_fails_with_both_hashes(medqdeg: Commands, file: Path, picture: Path) -> None:
    wrong = hashlib.sha256(b"another picture").hexdigest()
    kept = _decide(file, picture, 0.4, render_sha256=wrong)
    error = medqdeg("profile", "redraw", file, kept.event_id, code=1)
    assert f"shown as {wrong[:12]}" in error and error.count("\n") == 1


def test_an_image_that_moved_is_named_and_one_that_changed_is_noticed(
    medqdeg: Commands, file: Path, picture: Path, tmp_path: Path
) -> None:
    kept = _decide(file, picture, 0.4)
    moved = picture.rename(tmp_path / "moved.png")
    assert "xray.png" in medqdeg("profile", "redraw", file, kept.event_id, code=1)
    assert "the same picture" in medqdeg("profile", "redraw", file, kept.event_id, "--image", moved)
    Image.fromarray(np.zeros((96, 128), np.uint8)).save(moved)
    assert "no frame has the pixels" in medqdeg("profile", "redraw", file, kept.event_id, "--image", moved, code=1)


def test_a_level_set_without_an_image_cannot_be_drawn(medqdeg: Commands, file: Path) -> None:
    event_id = _set(medqdeg, file, "L1", 0.2)
    assert "was set without an image (command line)" in medqdeg("profile", "redraw", file, event_id, code=1)
    assert "no setting nothing" in medqdeg("profile", "redraw", file, "nothing", code=1)


def test_a_slice_of_a_volume_is_drawn_in_the_place_it_had_in_its_series(medqdeg: Commands, file: Path, shared_data: Path) -> None:
    volume = next(p for p in sorted(shared_data.rglob("*.nii.gz")) if "malformed" not in p.parts and p.stat().st_size < 5_000_000)
    series = read_series(volume, modality=Modality.MRI)
    place = series.frame_count // 3
    image = series.frame(place)
    parameters = parameters_at("gaussian_noise", 0.5, Modality.MRI, 5)
    with Study.open(file) as study:
        source = series.frames[place]
        study.record_image(ImageRecord(image.source_sha256, Modality.MRI, "MR", str(volume), source.index, {"axis": source.axis}))
        kept = study.set_level(
            Setting(
                reader=study.ensure_reader("R1").reader_id,
                type="gaussian_noise",
                modality=Modality.MRI,
                level=Level.L2,
                severity=0.5,
                path_version=1,
                parameters=parameters,
                custom=False,
                seed=5,
                image_id=image.source_sha256,
                frame=source.index,
                window=None,
                value_range=image.value_range,
                render_sha256=pixel_sha256(Prepared("gaussian_noise", image, 5).render(parameters)),
                provenance={"slice": place, "axis": source.axis},
            )
        )
    assert "the same picture" in medqdeg("profile", "redraw", file, kept.event_id)
