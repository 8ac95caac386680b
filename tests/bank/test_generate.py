"""Generating a set: right rows and pixels, the same bytes for any worker count and after any kill, clear refusals."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from bank_samples import CHEAP_TYPES, here, item_line, picture, profile, tree, write_lines
from generating_process import started
from PIL import Image

from medqdeg_desktop.bank import generate as generation
from medqdeg_desktop.bank import rows
from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.bank.errors import BankError, DatasetError
from medqdeg_desktop.bank.generate import generate
from medqdeg_desktop.bank.importing import import_items
from medqdeg_desktop.bank.plan import Asked
from medqdeg_desktop.bank.verify import verify_dataset
from medqdeg_desktop.engine import png
from medqdeg_desktop.engine.batch import Done
from medqdeg_desktop.engine.degradation import degrade
from medqdeg_desktop.engine.display import to_display
from medqdeg_desktop.engine.image import pixel_sha256
from medqdeg_desktop.engine.reading import read_image
from medqdeg_desktop.engine.seeding import realisation_seed
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import DEGRADATION_BY_NAME, Modality

BankOf = Callable[..., Study]
ASKED = Asked(seed=11)


def test_a_set_holds_the_clean_picture_and_both_levels_of_each_drawn_type(bank_of: BankOf, tmp_path: Path) -> None:
    result = generate(bank_of(6), tmp_path / "set", ASKED, workers=1, make_executor=here)
    dataset = Dataset.open(tmp_path / "set")
    by_item = defaultdict(list)
    for row in dataset.rows():
        by_item[row["item_id"]].append(row)
    assert result.items == len(by_item) == 6
    assert result.images == result.rendered == dataset.row_count == dataset.manifest["images"]
    for lines in by_item.values():
        assert [lines[0]["level"], lines[0]["degradation"], lines[0]["parameters"]] == ["L0", "", "{}"]
        assert len({line["pair_id"] for line in lines}) == len({line["source_sha256"] for line in lines}) == 1
        types = [line["degradation"] for line in lines[1::2]]
        assert 1 <= len(types) == len(set(types)) <= 3
        for mild, severe in zip(lines[1::2], lines[2::2], strict=True):
            assert (mild["level"], severe["level"]) == ("L1", "L2")
            assert mild["degradation"] == severe["degradation"]
            assert mild["seed"] == severe["seed"] == str(realisation_seed(11, mild["item_id"], mild["degradation"]))
            assert (mild["severity"], severe["severity"]) == (0.3, 0.65)
            assert mild["category"] == DEGRADATION_BY_NAME[mild["degradation"]].category
            # Levels that the study has published come from it, the others from the default profile.
            assert mild["profile_status"] == ("published" if mild["degradation"] in CHEAP_TYPES else "default")
            assert mild["pixel_sha256"] != severe["pixel_sha256"]


def test_every_row_has_every_field_one_type_a_column_and_no_null(bank_of: BankOf, tmp_path: Path) -> None:
    generate(bank_of(4), tmp_path / "set", ASKED, workers=1, make_executor=here)
    lines = list(Dataset.open(tmp_path / "set").rows())
    assert all(list(line) == list(rows.FIELDS) for line in lines)
    for name in rows.FIELDS:
        assert len({type(line[name]) for line in lines}) == 1, name
    assert {type(line["severity"]) for line in lines} == {float}


def test_pixels_are_those_of_a_single_render_through_the_engine(bank_of: BankOf, tmp_path: Path) -> None:
    study = bank_of(4)
    generate(study, tmp_path / "set", ASKED, workers=1, make_executor=here)
    dataset = Dataset.open(tmp_path / "set")
    for row in dataset.rows():
        item = study.item(row["item_id"])
        assert item is not None
        image = read_image(item.images[0], modality=item.modality)
        clean = to_display(image)
        written = png.decode(dataset.image_path(row).read_bytes())
        assert pixel_sha256(written) == row["pixel_sha256"]
        assert written.shape[:2] == (row["height"], row["width"])
        if row["level"] == "L0":
            np.testing.assert_array_equal(written, clean)
            np.testing.assert_array_equal(written, np.asarray(Image.open(item.images[0])))
        else:
            degraded = degrade(image, row["degradation"], row["severity"], seed=int(row["seed"]))
            np.testing.assert_array_equal(written, to_display(degraded))
            if row["level"] == "L2":
                assert np.mean(written != clean) > 0.05


@pytest.mark.slow
def test_one_worker_two_workers_and_three_shards_give_the_same_bytes(bank_of: BankOf, tmp_path: Path) -> None:
    study = bank_of(9)
    generate(study, tmp_path / "one", ASKED, workers=1)
    generate(study, tmp_path / "two", ASKED, workers=2)
    reference = tree(tmp_path / "one")
    assert tree(tmp_path / "two") == reference
    done = [generate(study, tmp_path / "shards", ASKED, workers=1, shard=(i, 3), make_executor=here).complete for i in (2, 3, 1)]
    assert done == [False, False, True]
    assert tree(tmp_path / "shards") == reference


def test_runs_killed_again_and_again_end_with_the_bytes_of_an_undisturbed_one(bank_of: BankOf, tmp_path: Path) -> None:
    study = bank_of(20, side=96)
    started_at = time.perf_counter()
    generate(study, tmp_path / "undisturbed", ASKED, workers=1, make_executor=here)
    whole = time.perf_counter() - started_at
    reference = tree(tmp_path / "undisturbed")
    chance = random.Random(5)
    running = 0
    for _ in range(10):
        process = started(Path(study.path), tmp_path / "set", 11)
        # Anywhere between the first line of the plan and the last of the manifest.
        process.join(chance.uniform(0, whole / 2))
        running += process.is_alive()
        process.kill()
        process.join()
    assert running >= 5, "the kills came too late to show anything"
    generate(study, tmp_path / "set", ASKED, workers=1, make_executor=here)
    assert tree(tmp_path / "set") == reference
    assert verify_dataset(tmp_path / "set") == []


def test_the_command_killed_with_its_workers_goes_on_under_another_locale_with_the_same_bytes(
    bank_of: BankOf, tmp_path: Path
) -> None:
    study = bank_of(20, side=96)
    generate(study, tmp_path / "undisturbed", ASKED, workers=1, make_executor=here)
    command = [sys.executable, "-m", "medqdeg_desktop", "generate", str(study.path), "--out", str(tmp_path / "set")]
    command += ["--seed", "11", "--workers", "2", "--progress", "json"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True)
    assert process.stderr is not None
    for _ in range(2):
        process.stderr.readline()
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stderr.close()
    other = os.environ | {"PYTHONHASHSEED": "77", "LC_ALL": "C", "TZ": "Asia/Kathmandu"}
    finished = subprocess.run(command, capture_output=True, text=True, check=False, env=other)
    assert finished.returncode == 0, finished.stderr
    assert tree(tmp_path / "set") == tree(tmp_path / "undisturbed")


def test_what_was_finished_before_a_kill_is_not_rendered_again(
    bank_of: BankOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = bank_of(30)
    folder = tmp_path / "set"
    real_append, calls = generation.Journal.append, []

    def append_then_die(journal: generation.Journal, done: list) -> None:
        real_append(journal, done)
        calls.append(len(done))
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(generation.Journal, "append", append_then_die)
    with pytest.raises(KeyboardInterrupt):
        generate(study, folder, ASKED, workers=1, make_executor=here)
    monkeypatch.undo()
    with pytest.raises(DatasetError, match="not finished"):
        Dataset.open(folder)
    with (folder / ".journal" / "part-1-of-1.jsonl").open("ab") as file:
        file.write(b'{"n": 29, "item": "q0')  # the line that the kill cut short
    result = generate(study, folder, ASKED, workers=1, make_executor=here)
    assert 0 < result.rendered < result.images
    generate(study, tmp_path / "undisturbed", ASKED, workers=1, make_executor=here)
    assert tree(folder) == tree(tmp_path / "undisturbed")


def test_a_finished_set_is_left_alone_and_a_lost_picture_is_made_again(bank_of: BankOf, tmp_path: Path) -> None:
    study = bank_of(8)
    folder = tmp_path / "set"
    generate(study, folder, ASKED, workers=1, make_executor=here)
    reference = tree(folder)
    stamps = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert generate(study, folder, ASKED, workers=1, make_executor=here).rendered == 0
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == stamps
    lost = next(iter(sorted((folder / "images").rglob("*_L2.png"))))
    lost.unlink()
    assert 0 < generate(study, folder, ASKED, workers=1, make_executor=here).rendered < len(reference)
    assert tree(folder) == reference


def test_another_plan_in_the_same_folder_is_refused_by_what_differs(bank_of: BankOf, tmp_path: Path) -> None:
    study = bank_of(4)
    folder = tmp_path / "set"
    generate(study, folder, ASKED, workers=1, make_executor=here)
    before = tree(folder)
    with pytest.raises(DatasetError, match="made from seed 11, not 12"):
        generate(study, folder, Asked(seed=12), workers=1, make_executor=here)
    with pytest.raises(DatasetError, match="limit None, not 2"):
        generate(study, folder, Asked(seed=11, limit=2), workers=1, make_executor=here)
    study.publish_profile(profile(CHEAP_TYPES[:2], (Modality.XRAY,), "2.0.0"), "chair")
    with pytest.raises(DatasetError, match="another severity profile"):
        generate(study, folder, ASKED, workers=1, make_executor=here)
    assert tree(folder) == before
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "letter.txt").write_text("dear")
    with pytest.raises(DatasetError, match="holds other files"):
        generate(study, tmp_path / "papers", ASKED, workers=1, make_executor=here)


def test_a_changed_item_is_another_plan_and_moved_images_are_not(bank_of: BankOf, tmp_path: Path) -> None:
    study = bank_of(4)
    generate(study, tmp_path / "set", ASKED, workers=1, make_executor=here)
    bank = Path(study.path).parent
    moved = tmp_path / "moved"
    shutil.copytree(bank, moved, ignore=shutil.ignore_patterns("*.medq*"))
    import_items(study, moved / "items.jsonl", source="items")
    assert generate(study, tmp_path / "set", ASKED, workers=1, make_executor=here).rendered == 0
    lines = [json.loads(text) for text in (bank / "items.jsonl").read_text().splitlines()]
    lines[0]["question"] = "What else is shown?"
    import_items(study, write_lines(bank / "items.jsonl", lines))
    with pytest.raises(DatasetError, match="other items, questions or draws"):
        generate(study, tmp_path / "set", ASKED, workers=1, make_executor=here)


def test_an_item_whose_picture_is_broken_is_left_out_by_name_and_made_when_it_is_mended(bank_of: BankOf, tmp_path: Path) -> None:
    study = bank_of(5)
    generate(study, tmp_path / "whole", ASKED, workers=1, make_executor=here)
    item = study.item("q002")
    assert item is not None
    path = Path(item.images[0])
    good = path.read_bytes()
    path.write_bytes(good[:60])
    result = generate(study, tmp_path / "set", ASKED, workers=1, make_executor=here)
    assert [name for name, _ in result.left_out] == ["q002"]
    assert "picture_2.png" in result.left_out[0][1]
    dataset = Dataset.open(tmp_path / "set")
    assert {row["item_id"] for row in dataset.rows()} == {"q000", "q001", "q003", "q004"}
    assert [entry["item"] for entry in dataset.manifest["left_out"]] == ["q002"]
    assert verify_dataset(tmp_path / "set") == []
    path.write_bytes(good)
    assert generate(study, tmp_path / "set", ASKED, workers=1, make_executor=here).left_out == []
    assert tree(tmp_path / "set") == tree(tmp_path / "whole")


def test_several_images_of_an_item_are_all_degraded_alike(tmp_path: Path) -> None:
    for n in range(2):
        Image.fromarray(picture(n)).save(tmp_path / f"{n}.png")
    study = Study.create(tmp_path / "ward.medq")
    line = item_line(1, "", images=["0.png", "1.png"], modality="X-ray")
    import_items(study, write_lines(tmp_path / "items.jsonl", [line]))
    generate(study, tmp_path / "set", ASKED, workers=1, make_executor=here)
    lines = list(Dataset.open(tmp_path / "set").rows())
    assert {line["image_count"] for line in lines} == {2}
    first, second = ([line for line in lines if line["image_index"] == k] for k in (0, 1))
    assert [(a["degradation"], a["level"], a["seed"]) for a in first] == [
        (b["degradation"], b["level"], b["seed"]) for b in second
    ]
    assert len({line["pair_id"] for line in lines}) == 1
    assert first[0]["source_sha256"] != second[0]["source_sha256"]


def test_removed_items_stay_out_and_a_study_without_items_is_refused(bank_of: BankOf, tmp_path: Path) -> None:
    study = bank_of(3)
    study.judge_items(["q001"], "removed", "curator", "poor quality")
    generate(study, tmp_path / "set", ASKED, workers=1, make_executor=here)
    assert {row["item_id"] for row in Dataset.open(tmp_path / "set").rows()} == {"q000", "q002"}
    empty = Study.create(tmp_path / "empty.medq")
    with pytest.raises(DatasetError, match="no items"):
        generate(empty, tmp_path / "nothing", ASKED, workers=1, make_executor=here)


def test_a_study_without_a_published_profile_says_whose_levels_it_uses(tmp_path: Path) -> None:
    Image.fromarray(picture(0)).save(tmp_path / "0.png")
    study = Study.create(tmp_path / "ward.medq")
    import_items(study, write_lines(tmp_path / "items.jsonl", [item_line(1, "0.png", "Endoscopy")]))
    generate(study, tmp_path / "set", ASKED, workers=1, make_executor=here)
    manifest = Dataset.open(tmp_path / "set").manifest
    assert len(manifest["notes"]) == 1
    assert "no published profile" in manifest["notes"][0]
    assert manifest["profiles"][0]["status"] == "default"
    assert manifest["profiles"][0]["sha256"][:12] in manifest["notes"][0]
    with pytest.raises(BankError, match="published severity profile"):
        generate(study, tmp_path / "release", Asked(release=True), workers=1, make_executor=here)


def test_a_folder_that_cannot_be_made_is_named(bank_of: BankOf, tmp_path: Path) -> None:
    study = bank_of(2)
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(DatasetError, match=r"letter\.txt"):
        generate(study, tmp_path / "letter.txt" / "set", ASKED, workers=1, make_executor=here)


def test_dicom_slices_nifti_slices_and_rasters_go_the_whole_way(tmp_path: Path, shared_data: Path) -> None:
    pictures = [
        ("ct", "dicom/ct_series_j2k/010.dcm", {"modality": "CT", "window": [-600, 1500]}),
        ("mr", "nifti/mr_gd_brain_RAS_uint8.nii.gz", {"modality": "MRI", "axis": "sagittal", "frame": 70}),
        ("us", "png/us", {"modality": "Ultrasound"}),
    ]
    lines = []
    for name, place, more in pictures:
        path = shared_data / place
        path = sorted(path.iterdir())[0] if path.is_dir() else path
        lines.append(item_line(1, str(path)) | more | {"id": name})
    study = Study.create(tmp_path / "ward.medq")
    assert import_items(study, write_lines(tmp_path / "items.jsonl", lines)).rejected == []
    generate(study, tmp_path / "set", ASKED, workers=1, make_executor=here)
    dataset = Dataset.open(tmp_path / "set")
    clean = {row["item_id"]: row for row in dataset.rows() if row["level"] == "L0"}
    assert json.loads(clean["ct"]["window"]) == [-600.0, 1500.0]
    assert clean["mr"]["frame"] == 70
    ct = read_image(study.item("ct").images[0])  # type: ignore[union-attr]
    expected = np.clip((ct.pixels - (-600 - 750)) / 1500 * 255, 0, 255)
    shown = png.decode(dataset.image_path(clean["ct"]).read_bytes()).astype(float)
    # The window function of DICOM has its half-value half a step away from this straight line.
    assert np.abs(shown - expected).max() <= 1
    assert verify_dataset(tmp_path / "set") == []


def test_an_item_that_ends_its_worker_is_left_out_and_its_neighbours_are_not(
    bank_of: BankOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stands in for a decoder that crashes: every chunk with item 2 comes back as having taken its process with it."""

    def crashing(make_executor: object, function: Callable, tasks: Iterable, *, ahead: int) -> Iterator[Done]:
        for task in tasks:
            killed = 2 in task.numbers
            yield Done(task, None if killed else function(task), killed)

    monkeypatch.setattr(generation.batch, "run_chunks", crashing)
    result = generate(bank_of(6), tmp_path / "set", ASKED, workers=1)
    assert result.left_out == [("q002", "its image ends the process that reads it")]
    assert {row["item_id"] for row in Dataset.open(tmp_path / "set").rows()} == {f"q00{n}" for n in (0, 1, 3, 4, 5)}
    assert verify_dataset(tmp_path / "set") == []


def test_two_runs_in_one_folder_at_once_are_refused(bank_of: BankOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = bank_of(30)
    refusals = []
    real_append = generation.Journal.append

    def append_while_another_starts(journal: generation.Journal, done: list) -> None:
        if not refusals:
            with pytest.raises(DatasetError, match="another process is generating") as caught:
                generate(study, tmp_path / "set", ASKED, workers=1, make_executor=here)
            refusals.append(caught)
        real_append(journal, done)

    monkeypatch.setattr(generation.Journal, "append", append_while_another_starts)
    assert generate(study, tmp_path / "set", ASKED, workers=1, make_executor=here).complete
    assert len(refusals) == 1


def test_the_published_rule_shares_types_out_and_says_what_a_small_bank_lacks(bank_of: BankOf, tmp_path: Path) -> None:
    asked = Asked(seed=3, rule="published")
    study = bank_of(12)
    generate(study, tmp_path / "set", asked, workers=1, make_executor=here)
    dataset = Dataset.open(tmp_path / "set")
    notes = " / ".join(dataset.manifest["notes"])
    assert "12 items of 4,306 published" in notes
    assert "sparse_view: 0 of" in notes
    drawn = [row for row in dataset.rows() if row["level"] == "L1"]
    counts = {name: sum(row["degradation"] == name for row in drawn) for name in dataset.manifest["types"]}
    assert counts == dataset.manifest["types"]
    for row in drawn:
        assert DEGRADATION_BY_NAME[row["degradation"]].suits(Modality(row["modality"]))
    generate(study, tmp_path / "again", asked, workers=1, make_executor=here)
    assert tree(tmp_path / "again") == tree(tmp_path / "set")


def test_shards_that_run_at_the_same_time_end_with_one_set(bank_of: BankOf, tmp_path: Path) -> None:
    study = bank_of(10)
    generate(study, tmp_path / "one", ASKED, workers=1, make_executor=here)
    shards = [started(Path(study.path), tmp_path / "set", 11, (k, 3)) for k in (1, 2, 3)]
    for process in shards:
        process.join()
    assert [process.exitcode for process in shards] == [0, 0, 0]
    assert tree(tmp_path / "set") == tree(tmp_path / "one")
    assert verify_dataset(tmp_path / "set") == []
