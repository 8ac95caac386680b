"""The end of a generation: finished items become ``metadata.jsonl``, strays are cleared, the manifest and the run's facts
are written.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2

import medqdeg_desktop
from medqdeg_desktop.bank import rows
from medqdeg_desktop.bank.dataset import IMAGES, MANIFEST, METADATA, RUN, file_sha256, write_json
from medqdeg_desktop.bank.journal import Finished
from medqdeg_desktop.engine import atomic

#: Wheels whose version can change a pixel or a file's bytes.
_WHEELS = (
    "numpy",
    "scipy",
    "opencv-python-headless",
    "deflate",
    "Pillow",
    "pydicom",
    "pylibjpeg",
    "pylibjpeg-openjpeg",
    "pylibjpeg-rle",
    "pyjpegls",
    "SimpleITK",
    "nibabel",
)
_SCRATCH_SECONDS = 600
# OpenCV's numbers of CPU features (cv::CpuFeatures): AVX-512 F, BW, VL; AVX2, FMA3; SSE4.2, POPCNT.
_LEVELS = (("x86-64-v4", (13, 14, 20)), ("x86-64-v3", (11, 12)), ("x86-64-v2", (7, 8)))


def put_together(
    folder: Path,
    head: dict[str, Any],
    finished: Finished,
    left_out: list[tuple[str, str]],
    *,
    seconds: float,
    workers: int,
    rendered: int,
) -> None:
    """Writes ``metadata.jsonl``, ``manifest.json`` and ``run.json`` of a set whose items are all finished or left out."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("level", "source", "licence", "profile_status")}
    images = 0
    with atomic.opened(folder / METADATA) as out:
        expected: set[str] = set()
        at, seen = "", set()
        for row in finished.rows():
            out.write(f"{rows.to_json(row)}\n".encode())
            images += 1
            for name, counter in counts.items():
                counter[row[name]] += 1
            parent, _, base = row["file_name"].rpartition("/")
            if parent != at:
                _clear_strays(folder, at, expected)
                at, expected = parent, set()
                seen.add(Path(parent).name)
            expected.add(base)
        _clear_strays(folder, at, expected)
    for path in (folder / IMAGES).iterdir():
        if path.name not in seen:
            shutil.rmtree(path)
    manifest = head | {
        "kind": "simulated",
        "planned_images": head["images"],
        "images": images,
        "images_by_level": dict(sorted(counts["level"].items())),
        "images_by_source": dict(sorted(counts["source"].items())),
        "images_by_licence": dict(sorted(counts["licence"].items())),
        "images_by_profile_status": {k or "clean": v for k, v in sorted(counts["profile_status"].items())},
        "left_out": [{"item": item, "reason": reason} for item, reason in left_out],
        "metadata_sha256": file_sha256(folder / METADATA),
    }
    write_json(folder / MANIFEST, manifest)
    write_json(folder / RUN, run_facts(seconds=seconds, workers=workers, rendered=rendered))


def run_facts(*, seconds: float, workers: int, rendered: int) -> dict[str, Any]:
    """Where, when and with what a set was made: all that may differ between two runs of one plan."""
    return {
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 3),
        "images_rendered": rendered,
        "workers": workers,
        "engine_version": medqdeg_desktop.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "host": platform.node(),
        **machine(),
    }


def machine() -> dict[str, Any]:
    """The wheels and the CPU level that pixels may depend on."""
    return {"wheels": dict(_versions()), "cpu": platform.machine(), "cpu_level": cpu_level()}


def cpu_level() -> str:
    """The CPU's feature level as OpenCV dispatches by it: x86-64-v4, -v3, -v2 or the architecture's name."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return platform.machine().lower()
    for level, features in _LEVELS:
        if all(cv2.checkHardwareSupport(feature) for feature in features):
            return level
    return "x86-64"


def clear_scratch(folder: Path, *, alone: bool) -> None:
    """Removes what interrupted runs left in the set's folder; beside other shards only what is older than ten minutes."""
    for path in folder.glob(f"{atomic.TEMPORARY}*"):
        fresh = time.time() - path.stat().st_mtime < _SCRATCH_SECONDS
        if alone or not fresh or path.name.endswith(f"-{os.getpid()}"):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _clear_strays(folder: Path, parent: str, expected: set[str]) -> None:
    """Removes pictures of items that were left out, and temporaries, from one folder of images."""
    if not parent:
        return
    with os.scandir(folder / parent) as entries:
        strays = [entry.path for entry in entries if entry.name not in expected]
    for stray in strays:
        Path(stray).unlink(missing_ok=True)


def _versions() -> Iterator[tuple[str, str]]:
    for name in _WHEELS:
        try:
            yield name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
