"""Rows of a VLMEvalKit TSV, streamed (a published file has 9 GB), and the images in their cells.

Images are written once, under their hash, to a folder. Traps met here: an image cell of at most 64 characters is the
``index`` of the row whose image it shares; a cell may hold a list of images; column names in any case; a file above a
gigabyte names its images in ``image_path`` instead; a quotation mark that is opened and not closed makes one cell of the
rows after it.
"""

from __future__ import annotations

import ast
import base64
import binascii
import csv
import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from medqdeg_desktop.bank import checks
from medqdeg_desktop.bank.checks import RowError
from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.engine import atomic

_SHARED_CELL = 64
# Longest cell, in characters: above any published image, and a quotation mark without its end stays within memory.
_LONGEST_CELL = 1 << 27
_SUFFIXES = ((b"\x89PNG", ".png"), (b"\xff\xd8\xff", ".jpg"), (b"II*\0", ".tif"), (b"MM\0*", ".tif"), (b"BM", ".bmp"))


def header(path: Path) -> list[str]:
    """Column names of ``path``: option columns are capital letters, every other name is in lower case."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        return _names(next(_reader(file), []))


def rows(path: Path, needed: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str] | RowError]]:
    """(number, row) for each row after the header, from 1; a row that does not fit the header is a RowError.

    Raises BankError where a column of ``needed`` is missing, a column stands twice or the file is no UTF-8 text.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = _reader(file)
        try:
            names = _names(next(lines, []))
            for column in needed:
                if column not in names:
                    raise BankError(f"{path}: no column {column!r} in the first line")
            for column, count in Counter(filter(None, names)).items():
                if count > 1:
                    raise BankError(f"{path}: column {column!r} stands {count} times in the first line")
            number = 0
            while True:
                number += 1
                try:
                    cells = next(lines)
                except StopIteration:
                    return
                except csv.Error as error:
                    yield number, RowError(f"no TSV row: {error}")
                    continue
                if lines_lost := _swallowed(cells):
                    yield (
                        number,
                        RowError(f"a quotation mark is not closed: the {lines_lost} lines after it are lost in one cell"),
                    )
                    continue
                if len(cells) != len(names):
                    yield number, RowError(f"{len(cells)} cells where the header has {len(names)}")
                    continue
                yield number, dict(zip(names, cells, strict=True))
        except UnicodeDecodeError as error:
            raise BankError(f"{path}: no UTF-8 text at byte {error.start:,} of a block") from None


def answer(value: str, offered: dict[str, str]) -> str:
    """The letter of an answer given as a letter or as an index from 0; RowError when it is not offered."""
    if value.isdigit() and int(value) < len(offered):
        return list(offered)[int(value)]
    return checks.answer_letter(value, offered)


class ImageCells:
    """Paths of the images in the cells of one file; ``folder`` takes those that the file carries inside itself."""

    def __init__(self, file: Path, folder: Path) -> None:
        self._beside = file.parent
        self._folder = folder
        self._by_index: dict[str, tuple[str, ...]] = {}

    def of(self, row: dict[str, str], column: str = "image") -> tuple[str, ...]:
        """Images of ``column``, else those that ``image_path`` names; remembered under the row's index for rows that share."""
        cell = row.get(column, "").strip()
        if not cell:
            found = checks.images(_listed(row.get("image_path", "").strip()), self._beside)
        elif len(cell) <= _SHARED_CELL and not cell.startswith("["):
            if cell not in self._by_index:
                raise RowError(f"shares the image of row {cell!r}, which has none above it")
            found = self._by_index[cell]
        else:
            found = tuple(_extracted(text, self._folder) for text in _listed(cell))
        # An index that stands twice names the first of its rows, as the study does.
        self._by_index.setdefault(row.get("index", "").strip(), found)
        return found


def image_bytes(text: str) -> tuple[bytes, str]:
    """(bytes, suffix) of the image that base64 ``text`` holds; RowError where it holds none."""
    try:
        data = base64.b64decode(text.partition(",")[2] if text.startswith("data:") else text, validate=True)
    except (binascii.Error, ValueError):
        raise RowError("the image is no base64") from None
    suffix = next((end for magic, end in _SUFFIXES if data.startswith(magic)), "")
    if not suffix:
        raise RowError("the image is neither PNG, JPEG, TIFF nor BMP")
    return data, suffix


def _swallowed(cells: list[str]) -> int:
    """Number of lines that one of ``cells`` took in because a quotation mark was not closed; 0 where none did.

    Published cells may hold line ends, but no tabs as well. Rows taken in like this would come out with each other's answers.
    """
    return next((cell.count("\n") for cell in cells if "\n" in cell and "\t" in cell), 0)


def _reader(file: Iterator[str]) -> Iterator[list[str]]:
    csv.field_size_limit(_LONGEST_CELL)
    return csv.reader(file, delimiter="\t")


def _names(cells: list[str]) -> list[str]:
    return [name if len(name) == 1 else name.casefold() for name in map(str.strip, cells)]


def _listed(cell: str) -> list[str]:
    """The cell itself, or the strings of a list written as Python or JSON writes it."""
    if not cell.startswith("["):
        return [cell] if cell else []
    try:
        values = ast.literal_eval(cell)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise RowError("the list of images is damaged") from None
    if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
        raise RowError("the list of images holds something that is no text")
    return values


def _extracted(text: str, folder: Path) -> str:
    """Path of the image that base64 ``text`` holds, written under its hash where it is not there yet."""
    data, suffix = image_bytes(text)
    path = folder / f"{hashlib.sha256(data).hexdigest()[:32]}{suffix}"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        atomic.write_bytes(path, data)
    return str(path)
