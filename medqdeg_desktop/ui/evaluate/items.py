"""The questions of a set as a list that can be filtered, without Qt: where each stands in the file, and what a run made of it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from medqdeg_desktop.bank.dataset import METADATA, Dataset
from medqdeg_desktop.bank.errors import DatasetError
from medqdeg_desktop.bank.rows import options_of
from medqdeg_desktop.chart.figure import Key
from medqdeg_desktop.eval.analysis import Analysis
from medqdeg_desktop.study.records import Answer
from medqdeg_desktop.study.store import Study

VERDICTS: Final = ("all", "wrong", "confident and wrong", "right")
_SURE: Final = 0.5  #: confidence from which on a wrong answer counts as confident


@dataclass(frozen=True, slots=True)
class Entry:
    """A question at one level: byte range of its line in ``metadata.jsonl``, and what it is filtered by."""

    start: int
    length: int
    file_name: str
    item_id: str
    level: str
    type: str
    category: str
    modality: str
    task: str
    skill: str
    question: str

    def part(self, dimension: str) -> str:
        """Its name in a dimension of the results."""
        return str(getattr(self, dimension))


@dataclass(frozen=True)
class ItemIndex:
    """All questions of the set in ``folder``, in its order."""

    folder: Path
    entries: tuple[Entry, ...]
    sha256: str
    by_item: dict[str, list[int]] = field(default_factory=dict)

    def line(self, entry: Entry) -> dict[str, Any]:
        """The question's own line of metadata."""
        with (self.folder / METADATA).open("rb") as file:
            file.seek(entry.start)
            return dict(json.loads(file.read(entry.length)))

    def at_level(self, entry: Entry, level: str) -> Entry | None:
        """The same question with the same degradation at another level; the clean one for L0."""
        for number in self.by_item[entry.item_id]:
            other = self.entries[number]
            if other.level == level and (level == "L0" or other.type == entry.type):
                return other
        return None


def read_index(folder: Path) -> ItemIndex:
    """Reads the set's lines once; for a thread that may wait for the disk."""
    dataset = Dataset.open(folder)
    entries: list[Entry] = []
    by_item: dict[str, list[int]] = {}
    path = folder / METADATA
    with path.open("rb") as file:
        at = 0
        for number, raw in enumerate(file, 1):
            try:
                row = json.loads(raw)
                if int(row.get("image_index") or 0) == 0:
                    by_item.setdefault(row["item_id"], []).append(len(entries))
                    names = (row["file_name"], row["item_id"], row["level"], row["degradation"], row["category"])
                    entries.append(
                        Entry(at, len(raw), *names, row["modality"], row["task"], row["skill"], str(row["question"])[:160])
                    )
            except (ValueError, KeyError, TypeError) as error:
                raise DatasetError(f"{path} line {number}: no line of a set ({error})") from None
            at += len(raw)
    return ItemIndex(folder, tuple(entries), dataset.sha256, by_item)


@dataclass(frozen=True, slots=True)
class Score:
    """What a run made of one question: share of right answers, and C; None where it has no answer."""

    accuracy: float | None = None
    confidence: float | None = None


def scores_of(analysis: Analysis, run_id: str) -> dict[str, Score]:
    """(file name -> score) of one run; empty where the run is not among those loaded."""
    place = next((i for i, run in enumerate(analysis.runs) if run.run_id == run_id), None)
    if place is None:
        return {}
    scores = analysis.scores[place]
    return {
        name: Score(_known(float(scores.accuracy[row])), _known(float(scores.confidence[row])))
        for name, row in analysis.table.index.items()
    }


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which questions are listed. ``parts`` maps dimensions to names; "" passes all."""

    level: str = ""
    parts: tuple[tuple[str, str], ...] = ()
    verdict: str = "all"
    text: str = ""


def filter_of(key: Key) -> Filter:
    """The questions behind a mark of a chart."""
    parts = ((key.dimension, key.name),) if key.dimension not in ("", "level") and key.name else ()
    return Filter(level=key.level, parts=parts)


def listed(index: ItemIndex, scores: dict[str, Score], wanted: Filter) -> list[int]:
    """Numbers of the entries that pass; the surest of the wrong ones first where these are asked for."""
    text = wanted.text.casefold()
    out = []
    for number, entry in enumerate(index.entries):
        if wanted.level and entry.level != wanted.level:
            continue
        if any(name and entry.part(dimension) != name for dimension, name in wanted.parts):
            continue
        if text and text not in entry.question.casefold() and text not in entry.item_id.casefold():
            continue
        if _passes(scores.get(entry.file_name), wanted.verdict):
            out.append(number)
    if wanted.verdict == "confident and wrong":
        out.sort(key=lambda n: -(scores[index.entries[n].file_name].confidence or 0.0))
    return out


def _passes(score: Score | None, verdict: str) -> bool:
    if verdict == "all":
        return True
    if score is None or score.accuracy is None:
        return False
    if verdict == "right":
        return score.accuracy >= 0.5
    wrong = score.accuracy < 0.5
    return wrong and (verdict == "wrong" or (score.confidence or 0.0) >= _SURE)


@dataclass(frozen=True, slots=True)
class Detail:
    """One question as it is looked at: its line, its options, the picture's path, a run's replies."""

    entry: Entry
    row: dict[str, Any]
    options: dict[str, str]
    answer: str
    picture: Path
    answers: tuple[Answer, ...]

    def shares(self) -> dict[str, float]:
        """Of the votes (or the mean probabilities) for each option."""
        exact = [a.probabilities for a in self.answers if a.probabilities]
        if exact:
            return {letter: sum(p.get(letter, 0.0) for p in exact) / len(exact) for letter in self.options}
        votes = [a.choice for a in self.answers if a.status != "failed"]
        return {letter: votes.count(letter) / len(votes) if votes else 0.0 for letter in self.options}


def read_detail(index: ItemIndex, entry: Entry, study: Path, run_id: str) -> Detail:
    """For a thread that may wait for the disk."""
    row = index.line(entry)
    answers: Sequence[Answer] = ()
    if run_id:
        with Study.open(study, read_only=True) as opened:
            answers = opened.answers_to(run_id, entry.file_name)
    picture = Dataset(index.folder, {}).image_path(row)
    return Detail(entry, row, options_of(row), str(row["answer"]), picture, tuple(answers))
