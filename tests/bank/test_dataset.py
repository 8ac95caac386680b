"""A dataset folder: what is written is read back, names itself by a hash, and refuses what it is not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from medqdeg_desktop.bank import rows
from medqdeg_desktop.bank.dataset import Dataset, file_sha256, image_name, write_dataset
from medqdeg_desktop.bank.errors import BankError, DatasetError
from medqdeg_desktop.engine import png

OPTIONS = {"A": "None", "B": "NA", "C": "cyst", "D": "mass", "E": "nan", "F": "all of the above"}


def entry(item: str, level: str, value: int) -> tuple[dict, np.ndarray]:
    return (
        {"options": OPTIONS, "item_id": item, "level": level, "question": "What is shown?", "answer": "F"},
        np.full((6, 4), value, np.uint8),
    )


def small_set(folder: Path) -> Dataset:
    return write_dataset(folder, [entry("i1", "L0", 10), entry("i1", "L2", 90), entry("i2", "L0", 30)])


def test_rows_come_back_in_order_with_the_published_fields_and_no_null(tmp_path: Path) -> None:
    lines = list(small_set(tmp_path / "set").rows())
    assert [line["item_id"] for line in lines] == ["i1", "i1", "i2"]
    assert list(lines[0]) == [*rows.FIELDS, "F"]
    assert all(value is not None for line in lines for value in line.values())
    assert lines[0]["parameters"] == "{}"
    assert (lines[0]["height"], lines[0]["width"]) == (6, 4)
    assert rows.options_of(lines[0]) == OPTIONS


def test_images_are_where_their_row_says_with_the_hash_it_says(tmp_path: Path) -> None:
    dataset = small_set(tmp_path / "set")
    for line, value in zip(dataset.rows(), (10, 90, 30), strict=True):
        path = dataset.image_path(line)
        assert file_sha256(path) == line["sha256"]
        np.testing.assert_array_equal(png.decode(path.read_bytes()), np.full((6, 4), value, np.uint8))


def test_a_set_is_named_by_the_hash_of_its_metadata(tmp_path: Path) -> None:
    one, two = small_set(tmp_path / "one"), small_set(tmp_path / "two")
    assert one.sha256 == two.sha256 == file_sha256(tmp_path / "one" / "metadata.jsonl")
    assert one.row_count == 3


def test_no_folder_of_images_ever_holds_more_than_a_thousand_files() -> None:
    names = [image_name(n, "x") for n in range(2500)]
    folders = [name.rsplit("/", 1)[0] for name in names]
    assert max(folders.count(folder) for folder in set(folders)) == 1000
    assert names == sorted(names)


def test_folders_that_are_no_dataset_say_why(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such folder"):
        Dataset.open(tmp_path / "nowhere")
    with pytest.raises(DatasetError, match=r"metadata\.jsonl is missing"):
        Dataset.open(tmp_path)
    (tmp_path / ".journal").mkdir()
    with pytest.raises(DatasetError, match="not finished"):
        Dataset.open(tmp_path)


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    dataset = small_set(tmp_path / "set")
    path = dataset.folder / "metadata.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[1][:-5]]) + "\n")
    with pytest.raises(DatasetError, match="line 2"):
        list(dataset.rows())


@pytest.mark.parametrize("name", ["../outside.png", "/etc/passwd", "images/../../x.png", "C:/x.png", "..\\x.png"])
def test_a_file_name_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DatasetError, match="out of the dataset"):
        small_set(tmp_path / "set").image_path({"file_name": name})


def test_null_and_unknown_fields_never_reach_a_file() -> None:
    with pytest.raises(BankError, match="null"):
        rows.row(OPTIONS, task=None)
    with pytest.raises(BankError, match="no field"):
        rows.row(OPTIONS, colour="red")


def test_the_pair_is_the_question_with_its_options_and_clean_images() -> None:
    same = rows.pair_id("q", {"A": "x", "B": "y"}, ["h"])
    assert same == rows.pair_id("q", {"B": "y", "A": "x"}, ["h"])
    assert same != rows.pair_id("q", {"A": "x", "B": "z"}, ["h"])
    assert same != rows.pair_id("q", {"A": "x", "B": "y"}, ["h", "k"])


def test_a_folder_that_holds_a_set_is_not_written_over(tmp_path: Path) -> None:
    before = small_set(tmp_path / "set").sha256
    with pytest.raises(DatasetError, match="already"):
        small_set(tmp_path / "set")
    assert json.loads((tmp_path / "set" / "manifest.json").read_text())["metadata_sha256"] == before
