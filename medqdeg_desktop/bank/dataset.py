"""A dataset folder: ``metadata.jsonl`` (a line an image), ``images/`` (PNG), ``manifest.json`` (what was asked for) and
``run.json`` (where and when it was made).

Hugging Face ``imagefolder`` reads it as it stands. Only ``run.json`` may differ between two runs of one plan.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from medqdeg_desktop.bank import rows as metadata
from medqdeg_desktop.bank.errors import DatasetError
from medqdeg_desktop.engine import atomic, png
from medqdeg_desktop.engine.image import Pixels, pixel_sha256

METADATA = "metadata.jsonl"
MANIFEST = "manifest.json"
RUN = "run.json"
CARD = "README.md"
IMAGES = "images"
JOURNAL = ".journal"
FILES_PER_FOLDER = 1000


def image_name(ordinal: int, label: str) -> str:
    """``file_name`` of the set's image number ``ordinal``: folders of at most a thousand files, names that sort in order."""
    return f"{IMAGES}/{ordinal // FILES_PER_FOLDER:04d}/{ordinal:07d}_{label}.png"


@dataclass(frozen=True)
class Dataset:
    """A complete dataset folder, opened for reading."""

    folder: Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, folder: Path | str) -> Dataset:
        """Raises DatasetError when ``folder`` holds no complete dataset."""
        folder = Path(folder)
        if not folder.is_dir():
            raise DatasetError(f"{folder}: no such folder")
        if not (folder / METADATA).is_file():
            if (folder / JOURNAL).is_dir():
                raise DatasetError(f"{folder}: the set is not finished; run `medqdeg generate` again to complete it")
            raise DatasetError(f"{folder}: no dataset here ({METADATA} is missing)")
        try:
            manifest = json.loads((folder / MANIFEST).read_bytes())
        except FileNotFoundError:
            raise DatasetError(f"{folder}: {MANIFEST} is missing") from None
        except ValueError as error:
            raise DatasetError(f"{folder / MANIFEST}: no JSON ({error})") from None
        if not isinstance(manifest, dict):
            raise DatasetError(f"{folder / MANIFEST}: no JSON object")
        return cls(folder, manifest)

    def rows(self) -> Iterator[dict[str, Any]]:
        """The lines of ``metadata.jsonl`` in order, one at a time. DatasetError names a line that is no JSON object."""
        path = self.folder / METADATA
        with path.open(encoding="utf-8") as file:
            for number, text in enumerate(file, 1):
                try:
                    line = json.loads(text)
                except ValueError as error:
                    raise DatasetError(f"{path} line {number}: no JSON ({error})") from None
                if not isinstance(line, dict) or not isinstance(line.get("file_name"), str):
                    raise DatasetError(f"{path} line {number}: no file_name")
                yield line

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of ``metadata.jsonl``, which holds the hash of every image: it names the whole set."""
        return file_sha256(self.folder / METADATA)

    @cached_property
    def row_count(self) -> int:
        with (self.folder / METADATA).open("rb") as file:
            return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))

    @property
    def real(self) -> bool:
        """Whether the images were degraded by nature rather than by this program."""
        return self.manifest.get("kind") == "real"

    def image_path(self, row: dict[str, Any]) -> Path:
        """Where the image of ``row`` lies. DatasetError when its name points out of the folder."""
        name = row["file_name"]
        if name.startswith("/") or "\\" in name or ":" in name or ".." in name.split("/"):
            raise DatasetError(f"{self.folder / METADATA}: file_name {name!r} points out of the dataset")
        return self.folder / name


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, value: dict[str, Any]) -> None:
    """``value`` as indented JSON with sorted keys, written atomically."""
    text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    atomic.write_bytes(path, f"{text}\n".encode())


def write_dataset(
    folder: Path, entries: Iterable[tuple[dict[str, Any], Pixels]], manifest: dict[str, Any] | None = None
) -> Dataset:
    """Makes a dataset folder from finished 8-bit pictures, one at a time (for images degraded elsewhere, and real ones).

    entries   (values, pixels): ``values`` as for ``rows.row`` with ``options``; file name, size and hashes are filled in here.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / METADATA).exists() or (folder / JOURNAL).exists():
        raise DatasetError(f"{folder}: holds a dataset already")
    count = 0
    with atomic.opened(folder / METADATA) as out:
        for values, pixels in entries:
            label = values.get("degradation") or "clean"
            name = image_name(count, f"{label}_{values.get('level', 'L0')}")
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            data = png.write(path, pixels)
            fields = {k: v for k, v in values.items() if k != "options"} | {
                "file_name": name,
                "height": int(pixels.shape[0]),
                "width": int(pixels.shape[1]),
                "pixel_sha256": pixel_sha256(pixels),
                "sha256": hashlib.sha256(data).hexdigest(),
            }
            out.write(f"{metadata.to_json(metadata.row(values['options'], **fields))}\n".encode())
            count += 1
    digest = file_sha256(folder / METADATA)
    write_json(folder / MANIFEST, {"kind": "simulated", **(manifest or {}), "images": count, "metadata_sha256": digest})
    return Dataset.open(folder)
