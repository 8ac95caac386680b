"""What others' loaders read from an export: Hugging Face `datasets` itself, and VLMEvalKit by the rules of its reader.

VLMEvalKit is not on the package index and too heavy to bring along. `Kit` below does step by step what its code does with the
tables of MedQ-DEG-Bench (`ImageBaseDataset.__init__` and `dump_image`, `MedQDEGBenchDataset.load_data` and `build_prompt`, read
in its repository): pandas reads the table with its own idea of missing values, rows without a picture fall out, ``index`` is
text, a picture cell of at most 64 letters names another row, a cell that looks like a list is one, each picture is decoded and
saved again under its ``image_path`` (by older versions as INDEX.jpg), options A to E count where they are not missing or blank.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import importlib.util
import io
import json
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bank_samples import here, item_line, picture, write_lines
from PIL import Image

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.bank.export import export_dataset
from medqdeg_desktop.bank.generate import generate
from medqdeg_desktop.bank.importing import import_items
from medqdeg_desktop.bank.plan import Asked
from medqdeg_desktop.eval.prompts import prompt_text
from medqdeg_desktop.study.store import Study


@pytest.fixture
def dataset(bank_of: Callable[..., Study], tmp_path: Path) -> Dataset:
    generate(bank_of(3), tmp_path / "set", Asked(seed=2), workers=1, make_executor=here)
    return Dataset.open(tmp_path / "set")


#: Loads and writes down what it got: (split name, dtype of each feature, rows with the image undecoded, pictures).
_LOAD = """
import json, pickle, sys
import datasets
import numpy as np
kind, where, cache, out = sys.argv[1:]
(split,) = datasets.load_dataset(kind, **json.loads(where), cache_dir=cache).values()
raw = split.cast_column("image", datasets.Image(decode=False))
dtypes = {name: feature.dtype for name, feature in raw.features.items() if name != "image"}
with open(out, "wb") as file:
    pickle.dump((str(split.split), dtypes, list(raw), [np.asarray(row["image"]) for row in split]), file)
"""


@dataclass(frozen=True)
class Loaded:
    split: str
    dtypes: dict[str, str]
    raw: list[dict[str, Any]]
    pictures: list[np.ndarray]


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Loaded]:
    """`datasets.load_dataset` in a process of its own: the library reads its settings (no network, where its caches are) once,
    when it is first imported, which in this process another test may have caused already."""
    if importlib.util.find_spec("datasets") is None:
        pytest.skip("needs the extra 'test'")
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    environment = os.environ | offline | {"HF_HOME": str(tmp_path / "home")}

    def loaded(kind: str, **where: str) -> Loaded:
        out = tmp_path / "loaded.pickle"
        command = [sys.executable, "-c", _LOAD, kind, json.dumps(where), str(tmp_path / "cache"), str(out)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return Loaded(*pickle.loads(out.read_bytes()))

    return loaded


def check_rows(dataset: Dataset, loaded: Loaded, *, bytes_inside: bool) -> None:
    for found, shown, line in zip(loaded.raw, loaded.pictures, dataset.rows(), strict=True):
        image = found["image"]
        data = image["bytes"] if bytes_inside else Path(image["path"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == line["sha256"]
        for key, value in line.items():
            if key != "file_name":
                assert found[key] == value, key
        assert shown.shape[:2] == (line["height"], line["width"])
        np.testing.assert_array_equal(shown, np.asarray(Image.open(io.BytesIO(data))))


# The first import of the library takes minutes on a machine that is busy with other things.
@pytest.mark.timeout(600)
def test_datasets_reads_the_set_as_an_imagefolder_with_every_field(dataset: Dataset, load: Callable[..., Loaded]) -> None:
    loaded = load("imagefolder", data_dir=str(dataset.folder))
    check_rows(dataset, loaded, bytes_inside=False)
    assert set(loaded.dtypes.values()) == {"string", "int64", "float64"}
    assert loaded.raw[0]["A"] == "None"


@pytest.mark.timeout(600)
def test_datasets_reads_the_parquet_export_with_its_images(dataset: Dataset, load: Callable[..., Loaded], tmp_path: Path) -> None:
    export_dataset(dataset.folder, "parquet", tmp_path / "out")
    check_rows(dataset, load("parquet", data_files=str(tmp_path / "out" / "*.parquet")), bytes_inside=True)
    again = load(str(tmp_path / "out"))
    assert again.split == "test"
    assert len(again.raw) == dataset.row_count


class Kit:
    """A table as VLMEvalKit holds it after reading."""

    def __init__(self, path: Path) -> None:
        pandas = pytest.importorskip("pandas", reason="needs the extra 'test'")
        self._missing = pandas.isna
        data = pandas.read_csv(path, sep="\t")
        self.rows_read = len(data)
        self.data = data[~pandas.isna(data["image"])].copy()
        self.data["index"] = [str(value) for value in self.data["index"]]
        self.data["answer"] = [str(value).strip().upper() for value in self.data["answer"]]
        assert self.data["index"].is_unique
        pictures = dict(zip(self.data["index"], map(str, self.data["image"]), strict=True))
        for index, cell in pictures.items():
            if len(cell) <= 64:
                assert len(pictures[cell]) > 64, "a short cell names another row"
                pictures[index] = pictures[cell]
        self.data["image"] = [self._listed(pictures[index]) for index in self.data["index"]]
        self.data["image_path"] = [self._listed(value) for value in self.data["image_path"]]

    @staticmethod
    def _listed(cell: str) -> list[str]:
        return [str(value) for value in ast.literal_eval(cell)] if cell[0] == "[" and cell[-1] == "]" else [cell]

    def lines(self) -> list[Any]:
        return [self.data.iloc[n] for n in range(len(self.data))]

    def options(self, line: Any) -> dict[str, str]:
        there = {letter: line[letter] for letter in "ABCDE" if letter in line and not self._missing(line[letter])}
        return {letter: str(text).strip() for letter, text in there.items() if str(text).strip()}

    def prompt(self, line: Any) -> str:
        options = "\n".join(f"{letter}. {text}" for letter, text in self.options(line).items())
        return f"{line['question']}\n\n{options}\n\nAnswer with the option letter from the given choices directly."

    @staticmethod
    def dumped(line: Any, root: Path) -> list[Path]:
        """The files that are given to a model: decoded and saved again under the names of ``image_path``."""
        targets = [root / name for name in line["image_path"]]
        for image, target in zip(line["image"], targets, strict=True):
            target.parent.mkdir(parents=True, exist_ok=True)
            Image.open(io.BytesIO(base64.b64decode(image))).save(target)
        return targets


def test_vlmevalkit_reads_every_option_answer_level_and_picture(dataset: Dataset, tmp_path: Path) -> None:
    files = [f for f in export_dataset(dataset.folder, "vlmevalkit", tmp_path / "out") if f.suffix == ".tsv"]
    lines = {row["file_name"]: row for row in dataset.rows()}
    seen = 0
    for path in files:
        kit = Kit(path)
        assert len(kit.lines()) == kit.rows_read, "no row falls out"
        for line in kit.lines():
            (name,), (image,) = line["image_path"], line["image"]
            row = lines[name]
            # "None" and "NA" are options, not missing values; a missing fifth option stays missing.
            options = kit.options(line)
            assert options == {k: row[k] for k in "ABCD"}
            assert kit.prompt(line) == prompt_text(row["question"], {k: row[k] for k in "ABCD"})
            assert re.fullmatch(r"[\w.-]+", line["index"]), "older versions name a file by it"
            (shown,) = kit.dumped(line, tmp_path / "LMUData" / "images")
            np.testing.assert_array_equal(np.asarray(Image.open(shown)), np.asarray(Image.open(dataset.image_path(row))))
            assert (line["question"], line["answer"], line["modality"]) == (row["question"], row["answer"], row["modality"])
            assert line["degradation_severity"] == row["level"]
            assert base64.b64decode(image) == dataset.image_path(row).read_bytes()
            seen += 1
    assert seen == len(lines)


def test_an_id_that_is_no_file_name_becomes_one_in_the_index_and_stays_itself_in_its_column(tmp_path: Path) -> None:
    Image.fromarray(picture(0)).save(tmp_path / "0.png")
    lines = [{**item_line(n, "0.png"), "id": name, "question": f"{n}?"} for n, name in enumerate(("ward/7 a", "ward-7-a", "7"))]
    with Study.create(tmp_path / "ward.medq") as study:
        import_items(study, write_lines(tmp_path / "items.jsonl", lines))
        generate(study, tmp_path / "set", Asked(), workers=1, make_executor=here)
    kit = Kit(export_dataset(tmp_path / "set", "vlmevalkit", tmp_path / "out")[0])
    assert {line["item_id"] for line in kit.lines()} == {"ward/7 a", "ward-7-a", "7"}
    assert all(re.fullmatch(r"[\w.-]+", line["index"]) for line in kit.lines())


def test_vlmevalkit_reads_several_pictures_of_a_question_as_a_list(tmp_path: Path) -> None:
    for n in range(2):
        Image.fromarray(picture(n)).save(tmp_path / f"{n}.png")
    with Study.create(tmp_path / "ward.medq") as study:
        import_items(study, write_lines(tmp_path / "items.jsonl", [item_line(1, "", images=["0.png", "1.png"])]))
        generate(study, tmp_path / "set", Asked(), workers=1, make_executor=here)
    good = export_dataset(tmp_path / "set", "vlmevalkit", tmp_path / "out")[0]
    (line,) = Kit(good).lines()
    clean = [row["file_name"] for row in Dataset.open(tmp_path / "set").rows() if row["level"] == "L0"]
    assert line["image_path"] == clean
    assert [base64.b64decode(text) for text in line["image"]] == [(tmp_path / "set" / name).read_bytes() for name in clean]
    shown = Kit.dumped(line, tmp_path / "LMUData")
    assert len({path.name for path in shown}) == 2 and all(path.suffix == ".png" for path in shown)
