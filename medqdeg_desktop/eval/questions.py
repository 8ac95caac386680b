"""A dataset's lines as the questions that a model is asked: one question per item, level and degradation.

Lines that are the images of one question (``image_count`` > 1) follow each other in the dataset; they become one question
with several images, keyed by the first image's ``file_name``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.bank.rows import options_of
from medqdeg_desktop.errors import MedqdegError


class QuestionError(MedqdegError):
    """A line of a dataset that makes no question."""


class ImageChangedError(MedqdegError):
    """An image whose bytes are not those the dataset recorded."""


@dataclass(frozen=True, slots=True)
class QuestionImage:
    """An image as it is sent: the file's own bytes. ``sha256`` is the recorded hash, sizes in pixels, ``source_sha256`` the hash
    of the pixels of the clean picture that it was made from."""

    path: Path
    sha256: str
    width: int
    height: int
    source_sha256: str = ""

    def read(self) -> bytes:
        """The PNG bytes; raises ImageChangedError when they are not the recorded ones."""
        data = self.path.read_bytes()
        if self.sha256 and hashlib.sha256(data).hexdigest() != self.sha256:
            raise ImageChangedError(f"{self.path}: not the image that the dataset recorded (`medqdeg verify` tells more)")
        return data


@dataclass(frozen=True, slots=True)
class Question:
    """``key`` is the ``file_name`` of the first image; ``options`` map letters to texts in order."""

    key: str
    item_id: str
    level: str
    text: str
    options: dict[str, str]
    answer: str
    images: tuple[QuestionImage, ...]


def questions(dataset: Dataset, limit: int | None = None) -> Iterator[Question]:
    """Questions of ``dataset`` in order, one at a time; ``limit`` counts items, each with all of its levels and types.

    Raises QuestionError for a line without two options, without the answer among them, or with images missing.
    """
    items: set[str] = set()
    rows = dataset.rows()
    for row in rows:
        if limit is not None and row["item_id"] not in items:
            if len(items) >= limit:
                continue
            items.add(row["item_id"])
        group = [row]
        for _ in range(int(row.get("image_count") or 1) - 1):
            following = next(rows, None)
            if following is None or following["item_id"] != row["item_id"]:
                raise QuestionError(f"{row['file_name']}: its item has {row['image_count']} images, {len(group)} are here")
            group.append(following)
        yield _question(dataset, group)


def _question(dataset: Dataset, group: Iterable[dict[str, Any]]) -> Question:
    rows = sorted(group, key=lambda row: int(row.get("image_index") or 0))
    first = rows[0]
    options = options_of(first)
    if len(options) < 2:
        raise QuestionError(f"{first['file_name']}: a question needs at least two options")
    if first["answer"] not in options:
        raise QuestionError(f"{first['file_name']}: the answer {first['answer']!r} is none of its options")
    return Question(
        key=first["file_name"],
        item_id=first["item_id"],
        level=first["level"],
        text=first["question"],
        options=options,
        answer=first["answer"],
        images=tuple(
            QuestionImage(
                dataset.image_path(row),
                row.get("sha256") or "",
                int(row["width"] or 0),
                int(row["height"] or 0),
                row.get("source_sha256") or "",
            )
            for row in rows
        ),
    )
