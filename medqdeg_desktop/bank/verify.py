"""Whether a dataset folder is, byte for byte, what its manifest and its lines say."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from medqdeg_desktop.bank.assembly import machine
from medqdeg_desktop.bank.dataset import CARD, MANIFEST, METADATA, RUN, Dataset, file_sha256
from medqdeg_desktop.bank.errors import DatasetError
from medqdeg_desktop.progress import Progress

#: Files of a set that no line names; the card comes with an export.
_OWN = {METADATA, MANIFEST, RUN, CARD}
_THREADS = 4
_BATCH = 256


def verify_dataset(folder: Path | str, progress: Progress | None = None) -> list[str]:
    """What is wrong in ``folder``: one line for each file that differs, lacks or is too many; empty when all is right.

    Files are hashed on a few threads (SHA-256 releases the interpreter); memory holds the file names alone.
    Raises DatasetError where there is no complete dataset.
    """
    dataset = Dataset.open(folder)
    progress = progress or Progress("verify")
    problems = []
    if file_sha256(dataset.folder / METADATA) != dataset.manifest.get("metadata_sha256"):
        problems.append(f"{METADATA}: differs from the hash in {MANIFEST}")
    total = dataset.row_count
    if total != dataset.manifest.get("images"):
        problems.append(f"{METADATA}: {total:,} lines, {MANIFEST} says {dataset.manifest.get('images')}")
    known: set[str] = set()
    with ThreadPoolExecutor(_THREADS) as threads:
        for block in _blocks(dataset):
            for name, problem in threads.map(lambda row: _checked(dataset, row), block):
                if name in known:
                    problems.append(f"{name}: stands on several lines")
                known.add(name)
                if problem:
                    problems.append(f"{name}: {problem}")
            progress.update(len(known), total)
    problems += [f"{name}: is too many" for name in _files(dataset.folder) if name not in known and name not in _OWN]
    progress.finish(images=len(known), problems=len(problems))
    return problems


def origin(folder: Path | str) -> list[str]:
    """Where the set was made, in words, with what differs here: wheels or a CPU level that could change a pixel."""
    try:
        run: dict[str, Any] = json.loads((Path(folder) / RUN).read_bytes())
    except (OSError, ValueError):
        return [f"{RUN}: is missing or no JSON: where the set was made is not known"]
    made = [f"made with engine {run.get('engine_version')} on {run.get('cpu')} {run.get('cpu_level')}, {run.get('finished_at')}"]
    here = machine()
    if run.get("cpu_level") != here["cpu_level"]:
        made.append(f"this machine has CPU level {here['cpu_level']}: the same plan may differ by 1 in 0.01 % of the pixels here")
    there = run.get("wheels") or {}
    here_wheels = here["wheels"].items()
    other = [f"{name} {there.get(name)} there, {version} here" for name, version in here_wheels if there.get(name) != version]
    if other:
        made.append(f"other wheels: {'; '.join(other)}")
    return made


def _checked(dataset: Dataset, row: dict[str, Any]) -> tuple[str, str]:
    """(file name, what is wrong with it or "")."""
    name = row["file_name"]
    try:
        with dataset.image_path(row).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return name, "is missing"
    except (DatasetError, OSError) as error:
        return name, f"cannot be read ({getattr(error, 'strerror', None) or error})"
    return name, "" if found == row.get("sha256") else "differs from its recorded hash"


def _blocks(dataset: Dataset) -> Iterator[list[dict[str, Any]]]:
    block: list[dict[str, Any]] = []
    for row in dataset.rows():
        block.append({"file_name": row["file_name"], "sha256": row.get("sha256")})
        if len(block) == _BATCH:
            yield block
            block = []
    yield block


def _files(folder: Path) -> Iterator[str]:
    """Every file below ``folder`` by its relative name with forward slashes, in order."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        relative = os.path.relpath(parent, folder).replace(os.sep, "/")
        for name in sorted(names):
            yield name if relative == "." else f"{relative}/{name}"
