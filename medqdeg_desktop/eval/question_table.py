"""The questions of a dataset as columns: what each asked image is, which cluster it belongs to, where its clean version stands.

One row is one question at one level (a line of ``metadata.jsonl`` with ``image_index`` 0).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from medqdeg_desktop.bank.rows import options_of
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.taxonomy import DEGRADATION_BY_NAME, DEGRADATION_TYPES, TASKS, Category, Level, Modality

LEVELS: Final = tuple(Level)
#: A step of a sweep over severity: ``S`` and its severity in thousandths, as S250 for 0.25.
_SWEPT: Final = re.compile(r"S(\d{3,4})$")
#: Dimensions that results are broken down by, with the field of ``metadata.jsonl`` each comes from.
DIMENSIONS: Final[dict[str, str]] = {
    "category": "category",
    "type": "degradation",
    "modality": "modality",
    "task": "task",
    "skill": "skill",
}
#: Dimensions that a clean image has no value in: its baseline there is the matched one.
DEGRADED_ONLY: Final = frozenset({"category", "type"})

# Names in the order of the publication; others follow by alphabet.
_ORDER: Final[dict[str, list[str]]] = {
    "category": [str(c) for c in Category],
    "type": [t.name for t in DEGRADATION_TYPES],
    "modality": [str(m) for m in Modality],
    "task": [t.name for t in TASKS],
    "skill": [name for t in TASKS for name, _ in t.skills],
}


@dataclass(frozen=True, slots=True)
class QuestionTable:
    """Columns over the n questions of a dataset.

    index       file name -> row.
    levels      names of the levels: L0, L1, L2, then the steps of a sweep over severity (S100, S200, ...) where there is one.
    level       (n,) index into ``levels``.
    answer      (n,) index of the right option;  options  (n,) how many there are;  letters  all letters in use, in order.
    cluster     (n,) index of the patient where one is known, else of the clean image;  clusters  how many there are.
    clean       (n,) row of the same question at L0, -1 where the set has none (an L0 row points at itself).
    codes       for each dimension (n,) an index into ``names[dimension]``, -1 where the row has no value.
    """

    index: dict[str, int]
    level: NDArray[np.int8]
    answer: NDArray[np.int8]
    options: NDArray[np.int8]
    letters: tuple[str, ...]
    cluster: NDArray[np.int32]
    clusters: int
    clean: NDArray[np.int32]
    codes: dict[str, NDArray[np.int16]]
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    levels: tuple[str, ...] = tuple(str(level) for level in LEVELS)

    @property
    def steps(self) -> list[tuple[int, float]]:
        """Steps of a sweep: index into ``levels`` and severity, rising; empty where the set has none."""
        return [(k, severity_of(name)) for k, name in enumerate(self.levels) if k >= len(LEVELS)]

    def __len__(self) -> int:
        return len(self.level)

    @property
    def file_names(self) -> list[str]:
        return list(self.index)

    def selected(self, filters: Mapping[str, Iterable[str]] | None) -> NDArray[np.bool_]:
        """Rows (n,) that pass ``filters``: dimension (or ``level``) -> names to keep; MedqdegError names what is unknown.

        A filter by type or category keeps the clean rows of the questions that it keeps a degraded row of.
        """
        keep = np.ones(len(self), dtype=bool)
        for dimension, wanted in (filters or {}).items():
            keep &= self._level_filter(wanted) if dimension == "level" else self._filter(dimension, list(wanted))
        return keep

    def _level_filter(self, wanted: Iterable[str]) -> NDArray[np.bool_]:
        names = list(wanted)
        unknown = [name for name in names if name not in self.levels]
        if unknown:
            raise MedqdegError(f"filter level: {unknown[0]!r} is no level; levels are {', '.join(self.levels)}")
        return np.isin(self.level, [self.levels.index(name) for name in names])

    def _filter(self, dimension: str, wanted: list[str]) -> NDArray[np.bool_]:
        if dimension not in self.codes:
            raise MedqdegError(f"filter {dimension!r} is unknown; known: level, {', '.join(DIMENSIONS)}")
        known = self.names[dimension]
        unknown = [name for name in wanted if name not in known]
        if unknown:
            raise MedqdegError(f"filter {dimension}: the dataset has no {unknown[0]!r}; it has {', '.join(known)}")
        keep = np.isin(self.codes[dimension], [known.index(name) for name in wanted])
        if dimension in DEGRADED_ONLY:
            baseline = self.clean[keep]
            keep[baseline[baseline >= 0]] = True
        return keep


def question_table(rows: Iterable[Mapping[str, Any]], patients: Mapping[str, str] | None = None) -> QuestionTable:
    """Columns from the lines of ``metadata.jsonl``.

    rows       the lines; further images of a question (``image_index`` > 0) are skipped.
    patients   item id -> pseudonymous patient, where known.

    Raises MedqdegError naming a line whose level, options or answer cannot be used.
    """
    index: dict[str, int] = {}
    level: list[str] = []
    answers: list[str] = []
    offered: list[list[str]] = []
    owners: list[tuple[str, str]] = []
    questions: list[str] = []
    values: dict[str, list[str]] = {dimension: [] for dimension in DIMENSIONS}
    patients = patients or {}
    for row in rows:
        if int(row.get("image_index") or 0) > 0:
            continue
        name = str(row["file_name"])
        letters = list(options_of(dict(row)))
        if name in index:
            raise MedqdegError(f"{name}: listed twice in the dataset")
        if row.get("level") not in ("L0", "L1", "L2") and not _SWEPT.match(str(row.get("level"))):
            raise MedqdegError(f"{name}: level {row.get('level')!r} is none of L0, L1, L2 and no step of a sweep as S250")
        if len(letters) < 2 or row.get("answer") not in letters:
            raise MedqdegError(f"{name}: answer {row.get('answer')!r} is none of the options {', '.join(letters) or '(none)'}")
        item = str(row.get("item_id") or row.get("pair_id") or name)
        index[name] = len(index)
        level.append(str(row["level"]))
        answers.append(str(row["answer"]))
        offered.append(letters)
        questions.append(item)
        patient = patients.get(item, "")
        # Without the hash of its source an image is known by its question alone.
        image = str(row.get("source_sha256") or item)
        owners.append(("patient", patient) if patient else ("image", image))
        for dimension, source in DIMENSIONS.items():
            values[dimension].append(_value(dimension, str(row.get(source) or "")))
    if not index:
        raise MedqdegError("the dataset has no questions")
    letters_in_use = tuple(sorted({letter for letters in offered for letter in letters}))
    place = {letter: i for i, letter in enumerate(letters_in_use)}
    for name, letters in zip(index, offered, strict=True):
        if [place[letter] for letter in letters] != list(range(len(letters))):
            raise MedqdegError(f"{name}: options {', '.join(letters)} leave a letter out")
    cluster, clusters = _numbered(owners)
    codes, names = {}, {}
    for dimension, column in values.items():
        names[dimension] = _ordered(dimension, set(column) - {""})
        code = {name: i for i, name in enumerate(names[dimension])}
        codes[dimension] = np.array([code.get(value, -1) for value in column], dtype=np.int16)
    known = tuple(str(one) for one in LEVELS)
    known += tuple(sorted(set(level) - set(known), key=severity_of))
    code_of = {name: i for i, name in enumerate(known)}
    levels = np.array([code_of[name] for name in level], dtype=np.int8)
    return QuestionTable(
        index=index,
        level=levels,
        answer=np.array([place[letter] for letter in answers], dtype=np.int8),
        options=np.array([len(letters) for letters in offered], dtype=np.int8),
        letters=letters_in_use,
        cluster=cluster,
        clusters=clusters,
        clean=_clean_rows(questions, levels),
        codes=codes,
        names=names,
        levels=known,
    )


def severity_of(level: str) -> float:
    """Severity of a step of a sweep: 0.25 for ``S250``."""
    return int(level[1:]) / 1000


def _value(dimension: str, text: str) -> str:
    known = DEGRADATION_BY_NAME.get(text) if dimension == "type" else None
    return known.name if known else text


def _ordered(dimension: str, present: set[str]) -> tuple[str, ...]:
    order = _ORDER[dimension]
    return tuple(name for name in order if name in present) + tuple(sorted(present - set(order)))


def _numbered(owners: list[tuple[str, str]]) -> tuple[NDArray[np.int32], int]:
    numbers: dict[tuple[str, str], int] = {}
    column = np.array([numbers.setdefault(owner, len(numbers)) for owner in owners], dtype=np.int32)
    return column, len(numbers)


def _clean_rows(questions: list[str], level: NDArray[np.int8]) -> NDArray[np.int32]:
    first = {question: row for row, question in reversed(list(enumerate(questions))) if level[row] == 0}
    return np.array([first.get(question, -1) for question in questions], dtype=np.int32)
