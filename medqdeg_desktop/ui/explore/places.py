"""Where datasets are found: among what is dropped, and which one a study saw last."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData

from medqdeg_desktop.bank.dataset import METADATA
from medqdeg_desktop.study.store import Study


def is_dataset(folder: Path) -> bool:
    return (folder / METADATA).is_file()


def dataset_among(mime: QMimeData) -> Path | None:
    """The first dataset folder (or ``metadata.jsonl``) among what is dragged; None where there is none."""
    for url in mime.urls():
        if url.isLocalFile():
            path = Path(url.toLocalFile())
            if path.name == METADATA or is_dataset(path):
                return path
    return None


def newest_dataset(study: Path) -> Path | None:
    """The dataset made last of those beside the study and those that its model runs name; waits for the disk."""
    with Study.open(study, read_only=True) as opened:
        named = [Path(run.dataset_path) for run in opened.runs() if run.dataset_path]
    beside = [path for path in study.parent.iterdir() if path.is_dir()]
    found = {path.resolve() for path in (*named, *beside) if is_dataset(path)}
    return max(found, key=lambda path: (path / METADATA).stat().st_mtime, default=None)
