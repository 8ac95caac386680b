"""Exports: the same PNG bytes in every layout, read back as VLMEvalKit and Arrow read them."""

from __future__ import annotations

import ast
import base64
import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from bank_samples import OPTIONS, here, item_line, picture, tree, write_lines
from PIL import Image

from medqdeg_desktop.bank import export
from medqdeg_desktop.bank.dataset import Dataset, write_dataset
from medqdeg_desktop.bank.errors import BankError, DatasetError
from medqdeg_desktop.bank.export import dataset_card, export_dataset
from medqdeg_desktop.bank.generate import generate
from medqdeg_desktop.bank.importing import import_items
from medqdeg_desktop.bank.plan import Asked
from medqdeg_desktop.bank.verify import verify_dataset
from medqdeg_desktop.study.store import Study


@pytest.fixture
def dataset(bank_of: Callable[..., Study], tmp_path: Path) -> Dataset:
    generate(bank_of(4), tmp_path / "set", Asked(seed=2), workers=1, make_executor=here)
    return Dataset.open(tmp_path / "set")


def table(path: Path) -> list[dict[str, str]]:
    csv.field_size_limit(sys.maxsize)
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_the_tsv_has_the_columns_of_the_benchmark_and_the_very_bytes_of_each_picture(dataset: Dataset, tmp_path: Path) -> None:
    files = export_dataset(dataset.folder, "vlmevalkit", tmp_path / "out")
    assert [f.name for f in files] == ["MedQ-Robust-good.tsv", "MedQ-Robust-simulate.tsv", "README.md"]
    good, simulate = table(files[0]), table(files[1])
    wanted = {"index", "image", "question", *"ABCDE", "answer", "modality", "source"}
    wanted |= {"degradation_type", "degradation_severity"}
    assert wanted <= set(good[0])
    lines = {row["file_name"]: row for row in dataset.rows()}
    assert len(good) + len(simulate) == len(lines)
    assert {row["degradation_severity"] for row in good} == {"L0"}
    assert {row["degradation_severity"] for row in simulate} == {"L1", "L2"}
    indices = [row["index"] for row in good + simulate]
    assert len(set(indices)) == len(indices)
    for row in good + simulate:
        line = lines[row["image_path"]]
        assert row["sha256"] == line["sha256"]
        assert base64.b64decode(row["image"]) == dataset.image_path(line).read_bytes()
        assert row["degradation_type"] == line["published_type"]
        assert (row["A"], row["B"], row["E"], row["answer"]) == ("None ", "NA ", "", "C")
    raw = files[0].read_text(encoding="utf-8").splitlines()
    assert all(cell.startswith('"') for text in raw for cell in text.split("\t"))


def test_several_images_of_a_question_stand_in_one_row_as_a_list(tmp_path: Path) -> None:
    for n in range(2):
        Image.fromarray(picture(n)).save(tmp_path / f"{n}.png")
    study = Study.create(tmp_path / "ward.medq")
    import_items(study, write_lines(tmp_path / "items.jsonl", [item_line(1, "", images=["0.png", "1.png"])]))
    generate(study, tmp_path / "set", Asked(), workers=1, make_executor=here)
    files = export_dataset(tmp_path / "set", "vlmevalkit", tmp_path / "out")
    (row,) = table(files[0])
    clean = [r for r in Dataset.open(tmp_path / "set").rows() if r["level"] == "L0"]
    images = [base64.b64decode(text) for text in ast.literal_eval(row["image"])]
    assert images == [(tmp_path / "set" / r["file_name"]).read_bytes() for r in clean]


def test_a_large_tsv_is_split_and_each_part_has_the_header(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "TSV_SHARD_BYTES", 5_000)
    files = [f for f in export_dataset(dataset.folder, "vlmevalkit", tmp_path / "out") if f.suffix == ".tsv"]
    assert len(files) > 2
    assert sum(len(table(f)) for f in files) == dataset.row_count
    assert "MedQ-Robust-simulate-00001.tsv" in [f.name for f in files]


def test_the_imagefolder_is_the_set_itself_and_verifies(dataset: Dataset, tmp_path: Path) -> None:
    export_dataset(dataset.folder, "imagefolder", tmp_path / "out")
    copy = tree(tmp_path / "out")
    card = copy.pop("README.md").decode()
    assert copy == tree(dataset.folder)
    assert f"| L0 | {4} |" in card
    assert dataset.sha256 in card
    assert verify_dataset(tmp_path / "out") == []


def test_the_card_says_what_the_levels_are_and_what_became_of_marks(bank_of: Callable[..., Study], tmp_path: Path) -> None:
    swept = Asked(types=("gaussian_noise",), severities=(0.5, 0.05), mark_regions=True)
    generate(bank_of(2), tmp_path / "set", swept, workers=1, make_executor=here)
    card = dataset_card(Dataset.open(tmp_path / "set"), "imagefolder", [])
    assert "degraded at the severities 0.05 (S050), 0.5 (S500)." in card
    assert "Regions that questions carry as data were drawn on the finished pictures" in card
    assert "burned into its pictures were degraded with them" in card
    assert "(L1)" not in card


def test_arrow_reads_the_metadata_with_one_type_a_column(dataset: Dataset) -> None:
    arrow = pytest.importorskip("pyarrow.json", reason="needs the extra 'parquet'")
    table = arrow.read_json(dataset.folder / "metadata.jsonl")
    assert table.num_rows == dataset.row_count
    assert {str(field.type) for field in table.schema} == {"string", "int64", "double"}
    assert all(column.null_count == 0 for column in table.columns)


def test_parquet_holds_bytes_and_fields_and_tells_datasets_what_is_an_image(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra 'parquet'")
    monkeypatch.setattr(export, "_PARQUET_GROUP", 4)
    monkeypatch.setattr(export, "PARQUET_SHARD_BYTES", 20_000)
    files = [f for f in export_dataset(dataset.folder, "parquet", tmp_path / "out") if f.suffix == ".parquet"]
    assert len(files) > 1
    assert files[0].name == f"test-00000-of-{len(files):05d}.parquet"
    tables = [parquet.read_table(f) for f in files]
    lines = [line for part in tables for line in part.to_pylist()]
    for line, row in zip(lines, dataset.rows(), strict=True):
        assert line["image"]["bytes"] == dataset.image_path(row).read_bytes()
        assert {k: v for k, v in line.items() if k != "image"} == row
    features = json.loads(tables[0].schema.metadata[b"huggingface"])["info"]["features"]
    assert features["image"] == {"_type": "Image"}
    assert features["severity"]["dtype"] == "float64"


def test_a_sixth_option_gets_a_column_and_rows_without_it_stay_empty(tmp_path: Path) -> None:
    six = OPTIONS | {"E": "e", "F": "f"}
    entries = [
        ({"options": options, "item_id": name, "level": "L0", "question": "q", "answer": "A"}, np.zeros((4, 4), np.uint8))
        for name, options in (("a", OPTIONS), ("b", six))
    ]
    write_dataset(tmp_path / "set", entries)
    files = export_dataset(tmp_path / "set", "vlmevalkit", tmp_path / "out")
    assert [row["F"] for row in table(files[0])] == ["", "f"]


def test_a_missing_picture_and_a_folder_in_use_are_refused(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "x").write_text("x")
    with pytest.raises(BankError, match="in use"):
        export_dataset(dataset.folder, "parquet", tmp_path / "used")
    dataset.image_path(next(dataset.rows())).unlink()
    for layout in ("vlmevalkit", "imagefolder", "parquet"):
        with pytest.raises(DatasetError, match="clean_L0"):
            export_dataset(dataset.folder, layout, tmp_path / layout)
        assert not list((tmp_path / layout).glob("*.tsv"))
