"""A dataset folder as Explore knows it, without Qt: its pictures, what they can be filtered by, and how many there are of each.

``metadata.jsonl`` is read once, line by line; of each line only the fields of the facets stay in memory, as codes, so that
a filter over some ten thousand pictures is an array operation. The whole line is read again from its place when it is looked at.
"""

from __future__ import annotations

import json
import os
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from medqdeg_desktop.bank.dataset import METADATA, Dataset
from medqdeg_desktop.bank.errors import DatasetError
from medqdeg_desktop.taxonomy import DEGRADATION_BY_NAME, DEGRADATION_TYPES, PUBLISHED_TOTALS, TASKS, Category, Level, Modality
from medqdeg_desktop.ui.vocabulary import in_words, type_words

#: Facets in the order in which they are offered, with the words above them.
FACETS: Final[dict[str, str]] = {
    "level": "Level",
    "category": "Category",
    "degradation": "Degradation",
    "modality": "Modality",
    "skill": "Skill",
    "source": "Source",
    "verdict": "Answered by a model",
}

#: What a value is called where a line says nothing of it.
NONE: Final = ""

_ORDER: Final[dict[str, tuple[str, ...]]] = {
    "level": tuple(Level),
    "category": tuple(Category),
    "degradation": tuple(t.name for t in DEGRADATION_TYPES),
    "modality": tuple(Modality),
    "skill": tuple(skill for task in TASKS for skill, _ in task.skills),
    "verdict": ("correct", "wrong", "unparsed", "not answered"),
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A line of ``metadata.jsonl`` as far as the wall needs it; the line itself stands at ``offset``, ``length`` bytes long."""

    file_name: str
    item_id: str
    image_index: int
    level: str
    degradation: str
    answer: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Facet:
    """The values of one field over all pictures: ``codes`` (pictures,) index into ``values``."""

    values: tuple[str, ...]
    codes: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class ItemPictures:
    """Everything a dataset has of one image of one item: the clean picture and, by type, its levels. Numbers of pictures."""

    clean: int | None
    types: dict[str, dict[str, int]]


@dataclass
class Catalogue:
    """A dataset that has been read. ``missing`` names files that its lines speak of and the folder lacks."""

    dataset: Dataset
    pictures: list[Picture]
    facets: dict[str, Facet]
    missing: list[str] = field(default_factory=list)
    sha256: str = ""

    @classmethod
    def read(cls, folder: Path) -> Catalogue:
        """Reads ``folder`` (or the folder of a metadata file); DatasetError names the file or line that cannot be used."""
        dataset = Dataset.open(folder.parent if folder.name == METADATA else folder)
        pictures: list[Picture] = []
        values: dict[str, list[str]] = {name: [] for name in FACETS if name != "verdict"}
        path = dataset.folder / METADATA
        offset = 0
        with path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                line = _line(raw, f"{path} line {number}")
                degradation = str(line.get("degradation") or NONE)
                pictures.append(
                    Picture(
                        line["file_name"],
                        str(line.get("item_id", "")),
                        int(line.get("image_index") or 0),
                        str(line.get("level", "")),
                        degradation,
                        sys.intern(str(line.get("answer", ""))),
                        offset,
                        len(raw),
                    )
                )
                for name, kept in values.items():
                    kept.append(str(line.get(name) or NONE))
                offset += len(raw)
        if not pictures:
            raise DatasetError(f"{path}: has no lines; nothing was generated")
        catalogue = cls(dataset, pictures, {name: _facet(name, said) for name, said in values.items()}, sha256=dataset.sha256)
        catalogue.missing = _missing(dataset.folder, pictures)
        return catalogue

    def with_verdicts(self, verdicts: dict[str, str]) -> None:
        """What a model made of each picture (by file name: correct, wrong or unparsed) becomes a facet; {} takes it away."""
        self.facets.pop("verdict", None)
        if verdicts:
            said = [verdicts.get(picture.file_name, "not answered") for picture in self.pictures]
            self.facets["verdict"] = _facet("verdict", said)

    @property
    def answers(self) -> dict[str, str]:
        """The correct letter of each picture, by file name."""
        return {picture.file_name: picture.answer for picture in self.pictures}

    def matching(self, chosen: dict[str, frozenset[str]]) -> list[int]:
        """Numbers of the pictures that have one of the chosen values of every facet with a choice."""
        result: list[int] = np.flatnonzero(self._mask(chosen, without="")).tolist()
        return result

    def counts(self, chosen: dict[str, frozenset[str]]) -> dict[str, dict[str, int]]:
        """For each facet its values with the number of pictures that would match were only this facet's choice changed."""
        told = {}
        for name, facet in self.facets.items():
            found = np.bincount(facet.codes[self._mask(chosen, without=name)], minlength=len(facet.values))
            told[name] = dict(zip(facet.values, found.tolist(), strict=True))
        return told

    def share(self, name: str, value: str) -> float | None:
        """The share of ``value`` among the pictures for which ``name`` says anything, as in the published tables."""
        facet = self.facets[name]
        said = np.bincount(facet.codes, minlength=len(facet.values))
        if name in ("skill", "category", "degradation"):
            degraded = self.facets["level"]
            said = np.bincount(facet.codes[_chosen_codes(degraded, {"L1", "L2"})], minlength=len(facet.values))
        total = sum(int(n) for v, n in zip(facet.values, said, strict=True) if v != NONE)
        if not total or value == NONE or value not in facet.values:
            return None
        return int(said[facet.values.index(value)]) / total

    def item(self, number: int) -> ItemPictures:
        """The pictures that belong with picture ``number``: of the same image of the same item."""
        clean: int | None = None
        types: dict[str, dict[str, int]] = defaultdict(dict)
        for other in self._by_item[self.pictures[number].item_id, self.pictures[number].image_index]:
            picture = self.pictures[other]
            if picture.degradation:
                types[picture.degradation][picture.level] = other
            elif clean is None:
                clean = other
        order = {name: place for place, name in enumerate(_ORDER["degradation"])}
        return ItemPictures(clean, dict(sorted(types.items(), key=lambda pair: order.get(pair[0], len(order)))))

    def line(self, number: int) -> dict[str, Any]:
        """The whole line of picture ``number``; waits for the disk."""
        picture = self.pictures[number]
        path = self.dataset.folder / METADATA
        with path.open("rb") as file:
            file.seek(picture.offset)
            return _line(file.read(picture.length), f"{path} at byte {picture.offset}")

    def path(self, number: int) -> Path:
        """Where picture ``number`` lies; DatasetError where its name points out of the folder."""
        return self.dataset.image_path({"file_name": self.pictures[number].file_name})

    def _mask(self, chosen: dict[str, frozenset[str]], *, without: str) -> npt.NDArray[np.bool_]:
        mask = np.ones(len(self.pictures), dtype=np.bool_)
        for name, values in chosen.items():
            if values and name != without and name in self.facets:
                mask &= _chosen_codes(self.facets[name], values)
        return mask

    @cached_property
    def _by_item(self) -> dict[tuple[str, int], list[int]]:
        found: dict[tuple[str, int], list[int]] = defaultdict(list)
        for number, picture in enumerate(self.pictures):
            found[picture.item_id, picture.image_index].append(number)
        return dict(found)


def published_share(name: str, value: str) -> float | None:
    """The share of ``value`` in MedQ-Deg (Tables 1, 4 and 5; taxonomy), or None where nothing is printed."""
    if name == "level" and value in set(Level):
        return PUBLISHED_TOTALS[Level(value)] / sum(PUBLISHED_TOTALS.values())
    all_types = sum(t.published_count for t in DEGRADATION_TYPES)
    if name == "degradation" and value in DEGRADATION_BY_NAME:
        return DEGRADATION_BY_NAME[value].published_count / all_types
    if name == "category":
        return sum(t.published_count for t in DEGRADATION_TYPES if t.category == value) / all_types or None
    if name == "skill":
        skills = {skill: count for task in TASKS for skill, count in task.skills}
        return skills[value] / sum(skills.values()) if value in skills else None
    return None


def shown_value(name: str, value: str) -> str:
    """A facet's value as people read it."""
    if value == NONE:
        return "none (clean)" if name in ("degradation", "category") else "not stated"
    if name == "degradation" and value in DEGRADATION_BY_NAME:
        return type_words(value)
    return in_words(value) if name == "category" else value


def _line(raw: bytes, where: str) -> dict[str, Any]:
    try:
        line = json.loads(raw)
    except ValueError as error:
        raise DatasetError(f"{where}: no JSON ({error})") from None
    if not isinstance(line, dict) or not isinstance(line.get("file_name"), str):
        raise DatasetError(f"{where}: no file_name")
    return line


def _facet(name: str, said: list[str]) -> Facet:
    order = {value: place for place, value in enumerate(_ORDER.get(name, ()))}
    # Known values in the field's own order, others after them by name, "not stated" last.
    values = tuple(sorted(set(said), key=lambda value: (value == NONE, order.get(value, len(order)), value)))
    code = {value: number for number, value in enumerate(values)}
    return Facet(values, np.fromiter((code[value] for value in said), np.int32, len(said)))


def _chosen_codes(facet: Facet, values: frozenset[str] | set[str]) -> npt.NDArray[np.bool_]:
    wanted = np.array([value in values for value in facet.values], dtype=np.bool_)
    mask: npt.NDArray[np.bool_] = wanted[facet.codes]
    return mask


def _missing(folder: Path, pictures: list[Picture]) -> list[str]:
    """Names without a file, found by listing each folder once rather than by asking for every file."""
    there: dict[str, set[str]] = {}
    missing = []
    for picture in pictures:
        home, _, name = picture.file_name.rpartition("/")
        if home not in there:
            try:
                there[home] = {entry.name for entry in os.scandir(folder / home) if entry.is_file()}
            except OSError:
                there[home] = set()
        if name not in there[home]:
            missing.append(picture.file_name)
    return missing
