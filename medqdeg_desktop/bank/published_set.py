"""Sets that were degraded elsewhere, as dataset folders: MedQ-DEG-Bench's TSV files (``good`` and ``simulate``), or real
pictures in the same columns.

PNG bytes are kept as they are; other formats are decoded and written as PNG with the same pixels. Levels and degradation
names come in the spellings of ``published_levels`` and the alias table. The files name no pairs, so each degraded row is
given its clean row by, in this order: a column that names it; its ``index``, with type and level taken off the end; question,
options, answer and modality, where one clean row alone has them; among several such rows, the one whose picture looks most
alike by a clear margin. A row without a clean row stays in the set under an item of its own, and is counted.

The folder appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from medqdeg_desktop.bank import checks, rows, skills, tsv_rows, vlmevalkit_tsv
from medqdeg_desktop.bank.assembly import run_facts
from medqdeg_desktop.bank.checks import RowError
from medqdeg_desktop.bank.dataset import MANIFEST, METADATA, RUN, Dataset, file_sha256, image_name, write_json
from medqdeg_desktop.bank.errors import BankError, DatasetError
from medqdeg_desktop.bank.importing import Rejected
from medqdeg_desktop.bank.published_levels import level_of
from medqdeg_desktop.bank.wording import normalised, without_options
from medqdeg_desktop.engine import atomic, png
from medqdeg_desktop.engine.image import Pixels, pixel_sha256
from medqdeg_desktop.progress import Progress
from medqdeg_desktop.taxonomy import DEGRADATION_BY_NAME, Level

SOURCE: Final = "MedQ-DEG-Bench"
#: Columns that may name the clean row: the same value on both, or the clean row's ``index``.
_SAME: Final = ("item_id", "pair_id", "pair_key", "question_id", "source_id")
_POINTERS: Final = ("clean_index", "good_index", "original_index", "source_index")
_SIDE: Final = 16
# Correlation of two small grey pictures at which they count as one picture, and by how much it must be the nearest.
_ALIKE, _MARGIN = 0.6, 0.15
_ENDINGS = re.compile(
    rf"[_\-.](?:{'|'.join(sorted(map(re.escape, DEGRADATION_BY_NAME), key=len, reverse=True))}|l[012]|level[_-]?[012]|[012]|"
    r"mild|moderate|severe|good|clean|simulate[d]?)$",
    re.IGNORECASE,
)


@dataclass
class Adopted:
    """What became of the files. ``paired`` counts degraded rows by how their clean row was found; ``read_as`` the spellings."""

    dataset: Dataset
    levels: Counter[str]
    paired: Counter[str]
    read_as: Counter[str]
    rejected: list[Rejected]

    def lines(self) -> Iterator[str]:
        """The report as text."""
        counts = ", ".join(f"{count:,} {level}" for level, count in sorted(self.levels.items()))
        yield f"{self.dataset.folder}: {self.dataset.row_count:,} images ({counts}), {len(self.rejected):,} rows rejected"
        for how, count in sorted(self.paired.items()):
            yield f"  {count:7,}  degraded rows {how}"
        for spelling, count in sorted(self.read_as.items()):
            yield f"  {count:7,}  {spelling}"


@dataclass
class _Clean:
    """A clean question that degraded rows may belong to."""

    item_id: str
    pair_id: str
    source_sha256: str
    words: str
    look: npt.NDArray[np.float32]


@dataclass
class _Known:
    """Clean questions by everything that may name them; None where two have the same."""

    by_name: dict[tuple[str, str], _Clean | None] = field(default_factory=dict)
    by_words: dict[str, list[_Clean]] = field(default_factory=lambda: defaultdict(list))

    def add(self, row: dict[str, str], clean: _Clean) -> None:
        for key in _names(row):
            self.by_name[key] = None if key in self.by_name else clean
        self.by_words[clean.words].append(clean)

    def find(self, row: dict[str, str], words: str, look: npt.NDArray[np.float32]) -> tuple[_Clean | None, str]:
        """(clean question of a degraded row, how it was found)."""
        for key, how in _pointers(row):
            found = self.by_name.get(key)
            # Two tables may number their rows alike without meaning it: what is paired asks the same.
            if found and found.words == words:
                return found, how
        candidates = self.by_words.get(words, [])
        if len(candidates) == 1:
            return candidates[0], "paired by their words, which one clean row has"
        if candidates:
            likeness = np.array([float(np.vdot(one.look, look)) for one in candidates])
            first, second = (int(i) for i in np.argsort(-likeness, kind="stable")[:2])
            if likeness[first] >= _ALIKE and likeness[first] - likeness[second] >= _MARGIN:
                return candidates[first], "paired by their words and the look of the picture"
        return None, "without a clean row: an item of their own"


def adopt(
    paths: Sequence[Path],
    out: Path,
    *,
    source: str = SOURCE,
    real: bool = False,
    licence: str = "",
    progress: Progress | None = None,
) -> Adopted:
    """Makes the dataset folder ``out`` from published tables; rows that cannot be used are listed and the rest comes in.

    paths   TSV files; clean and degraded rows may stand in any of them. Read twice, streamed.
    real    the pictures were degraded by nature: the report then sets them against simulated ones.
    Raises BankError where ``out`` exists, a table lacks its columns, or no row can be used.
    """
    progress = progress or Progress("adopt")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DatasetError(f"{out}: is in use; choose a new or empty folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = out.with_name(f"{atomic.TEMPORARY}adopt-{os.getpid()}-{out.name}")
    try:
        scratch.mkdir()
        result = _Adoption(scratch, source, real, licence, progress)
        result.read(paths)
        result.conclude(paths)
        if out.exists():
            out.rmdir()
        scratch.rename(out)
    except OSError as error:
        raise DatasetError(f"{error.filename or out}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    progress.finish(images=sum(result.levels.values()), rejected=len(result.rejected))
    return Adopted(Dataset.open(out), result.levels, result.paired, result.read_as, result.rejected)


class _Adoption:
    """One set on its way into a folder."""

    def __init__(self, folder: Path, source: str, real: bool, licence: str, progress: Progress) -> None:
        self._folder, self._source, self._real, self._licence, self._progress = folder, source, real, licence, progress
        self.levels: Counter[str] = Counter()
        self.paired: Counter[str] = Counter()
        self.read_as: Counter[str] = Counter()
        self.rejected: list[Rejected] = []
        self._known = _Known()
        self._images = 0
        self._started = time.monotonic()
        self._ids: set[str] = set()

    def read(self, paths: Sequence[Path]) -> None:
        """The clean rows of all files, then the degraded ones, which need to know them."""
        cells = {path: tsv_rows.ImageCells(path, self._folder / ".cells" / path.stem) for path in paths}
        with atomic.opened(self._folder / METADATA) as out:
            for clean in (True, False):
                for path in paths:
                    for number, row in tsv_rows.rows(path, vlmevalkit_tsv.NEEDED):
                        try:
                            if isinstance(row, RowError):
                                raise row
                            level = _level(row)
                            if (level is Level.L0) is clean:
                                for line in self._lines(path, row, level, cells[path].of(row)):
                                    out.write(f"{rows.to_json(line)}\n".encode())
                        except RowError as error:
                            # A row whose level cannot be told is met in both passes and listed in the first.
                            if clean or not (isinstance(row, RowError) or _unreadable(row)):
                                name = "" if isinstance(row, RowError) else row.get("index", "").strip()
                                self._reject(Rejected(number, name, str(error), path.name))
        shutil.rmtree(self._folder / ".cells", ignore_errors=True)

    def conclude(self, paths: Sequence[Path]) -> None:
        if not self._images:
            first = f"; the first: {self.rejected[0]}" if self.rejected else ""
            raise BankError(f"{', '.join(map(str, paths))}: not one row could be used{first}")
        notes = [f"{count:,} degraded rows {how}" for how, count in sorted(self.paired.items())]
        manifest = {
            "kind": "real" if self._real else "published",
            "sources": [path.name for path in paths],
            "items": len(self._ids),
            "images": self._images,
            "images_by_level": dict(sorted(self.levels.items())),
            "left_out": [{"item": r.name, "reason": str(r)} for r in self.rejected],
            "notes": notes,
            "metadata_sha256": file_sha256(self._folder / METADATA),
        }
        write_json(self._folder / MANIFEST, manifest)
        write_json(self._folder / RUN, run_facts(seconds=time.monotonic() - self._started, workers=1, rendered=0))

    def _reject(self, rejected: Rejected) -> None:
        self.rejected.append(rejected)
        self._progress.problem(rejected.file, str(rejected))

    def _lines(self, path: Path, row: dict[str, str], level: Level, images: tuple[str, ...]) -> Iterator[dict[str, Any]]:
        """The metadata of one row, its images written."""
        index = checks.text(row, "index", needed=True)
        modality = checks.modality(checks.text(row, "modality", needed=True))
        offered = vlmevalkit_tsv.offered_in(row)
        question = without_options(checks.text(row, "question", needed=True), offered)
        answer = tsv_rows.answer(checks.text(row, "answer", needed=True), offered)
        pictures = [_picture(Path(image)) for image in images]
        words = normalised(" ".join([question, *sorted(offered.values()), offered[answer], str(modality)]))
        look = _look(pictures[0][1])
        name = row.get("degradation_type", "").strip()
        severity = row.get("degradation_severity", "").strip()
        self.read_as[f"degradation_severity {severity!r} read as {level}"] += 1
        degradation = DEGRADATION_BY_NAME[name.casefold()] if level is not Level.L0 else None
        if degradation is not None and name != degradation.name:
            self.read_as[f"degradation_type {name!r} read as {degradation.name}"] += 1
        if level is Level.L0:
            hashes = [pixel_sha256(pixels) for _, pixels in pictures]
            clean = _Clean(self._item_id(path, index), rows.pair_id(question, offered, hashes), hashes[0], words, look)
            self._known.add(row, clean)
        else:
            found, how = self._known.find(row, words, look)
            self.paired[how] += 1
            own = "" if found else self._item_id(path, index)
            clean = found or _Clean(own, rows.pair_id(question, offered, [own]), "", words, look)
        place = skills.place(self._source, row.get("skill", "") or row.get("category", ""), row.get("task", ""))
        for at, (data, pixels) in enumerate(pictures):
            label = f"{degradation.name if degradation else 'clean'}_{level}"
            file_name = image_name(self._images, label)
            target = self._folder / file_name
            target.parent.mkdir(parents=True, exist_ok=True)
            atomic.write_bytes(target, data)
            self._images += 1
            self.levels[level] += 1
            if self._images % 100 == 0:
                self._progress.update(self._images, self._images)
            yield rows.row(
                offered,
                file_name=file_name,
                item_id=clean.item_id,
                pair_id=clean.pair_id,
                image_index=at,
                image_count=len(pictures),
                source=row.get("source", "").strip() or self._source,
                source_id=index,
                modality=str(modality),
                capability=place.capability,
                task=place.task,
                skill=place.skill,
                level=str(level),
                degradation=degradation.name if degradation else "",
                published_type=name.casefold() if degradation else "",
                category=str(degradation.category) if degradation else "",
                question=question,
                answer=answer,
                height=int(pixels.shape[0]),
                width=int(pixels.shape[1]),
                source_sha256=clean.source_sha256,
                pixel_sha256=pixel_sha256(pixels),
                sha256=hashlib.sha256(data).hexdigest(),
                licence=row.get("licence", "").strip() or self._licence,
            )

    def _item_id(self, path: Path, index: str) -> str:
        """The index, under the file's name where another file has it as well."""
        wanted = f"{self._source}/{index}"
        if wanted in self._ids:
            wanted = f"{self._source}/{path.stem}/{index}"
        if wanted in self._ids:
            raise RowError(f"index {index!r} stands twice")
        self._ids.add(wanted)
        return wanted


def _level(row: dict[str, str]) -> Level:
    degradation = row.get("degradation_type", "").strip()
    level = level_of(row.get("degradation_severity", "").strip(), degradation)
    if level is not Level.L0 and degradation.casefold() not in DEGRADATION_BY_NAME:
        raise RowError(f"unknown degradation_type {degradation!r}")
    return level


def _unreadable(row: dict[str, str]) -> bool:
    try:
        _level(row)
    except RowError:
        return True
    return False


def _names(row: dict[str, str]) -> Iterator[tuple[str, str]]:
    """What may name a clean row: the values of its own columns, its index, and its index without endings."""
    index = row["index"].strip()
    yield "index", index
    if _stem(index) != index:
        yield "index", _stem(index)
    for column in _SAME:
        if row.get(column, "").strip():
            yield column, row[column].strip()


def _pointers(row: dict[str, str]) -> Iterator[tuple[tuple[str, str], str]]:
    """What of a degraded row may name its clean row, and how that is called, the surest first."""
    for column in (*_SAME, *_POINTERS):
        if row.get(column, "").strip():
            yield ("index" if column in _POINTERS else column, row[column].strip()), "paired by a column"
    if _stem(row["index"].strip()) != row["index"].strip():
        yield ("index", _stem(row["index"].strip())), "paired by index"


def _stem(index: str) -> str:
    """``index`` without the type and level at its end."""
    while (shorter := _ENDINGS.sub("", index)) != index and shorter:
        index = shorter
    return index


def _picture(path: Path) -> tuple[bytes, Pixels]:
    """(PNG bytes, pixels); the file's own bytes where it is an 8-bit grey or RGB PNG, else its pixels as one."""
    data = path.read_bytes()
    try:
        with Image.open(io.BytesIO(data)) as image:
            plain = image.format == "PNG" and image.mode in ("L", "RGB") and "transparency" not in image.info
            if image.mode not in ("L", "RGB", "RGBA", "P", "LA", "CMYK", "1", "YCbCr"):
                raise RowError(f"the image is no 8-bit picture ({image.mode})")
            wanted = "L" if image.mode in ("L", "LA", "1") else "RGB"
            pixels: Pixels = np.asarray(image.convert(wanted))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise RowError(f"the image cannot be read ({error})") from None
    return (data if plain else png.encode(pixels)), pixels


def _look(pixels: Pixels) -> npt.NDArray[np.float32]:
    """A small grey picture (16 x 16) of mean 0 and norm 1: the product of two is their correlation."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) if pixels.ndim == 3 else pixels
    small = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    small -= small.mean()
    return small / max(float(np.linalg.norm(small)), 1e-6)
