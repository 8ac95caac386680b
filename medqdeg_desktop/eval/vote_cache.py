"""Counted votes of finished runs, kept between starts: forty runs of a quarter of a million answers then load in a second.

The study stays the only truth. A kept count is used only while the study says, from its indices alone, that the run still has the
same number of answers and of failures, read by the same parser; anything else is counted anew. The files lie in the user's cache
folder, hold counts and no reply, and may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import platformdirs

from medqdeg_desktop.engine import atomic
from medqdeg_desktop.eval.positions import Positions, positions_of, rotated
from medqdeg_desktop.eval.question_table import QuestionTable
from medqdeg_desktop.eval.scores import Votes, count_votes
from medqdeg_desktop.study.records import Run
from medqdeg_desktop.study.store import Study

_FORMAT: Final = 1
#: Runs with fewer answers are counted faster than a person can notice.
WORTH_KEEPING: Final = 20_000
_MOST_FILES: Final = 500


def votes_of(study: Study, run: Run, table: QuestionTable) -> tuple[Votes, Positions | None]:
    """Votes of ``run``, and where the options stood if it rotated them; from the cache where it holds them."""
    total, failed = study.answers_standing(run.run_id)
    path = None
    if run.finished_at and total >= WORTH_KEEPING:
        path = _folder() / f"{_key(study, run, total, failed)}.npz"
        found = _read(path, len(table), len(table.letters))
        if found is not None:
            return found
    votes = count_votes(study, run, table)
    positions = positions_of(study, run, table) if rotated(run) else None
    if path is not None:
        # A full disk or a home that cannot be written to costs time, nothing else.
        with contextlib.suppress(OSError):
            _write(path, votes, positions)
    return votes, positions


def _folder() -> Path:
    return platformdirs.user_cache_path("medqdeg", appauthor=False) / "votes"


def _key(study: Study, run: Run, total: int, failed: int) -> str:
    known = [
        _FORMAT, study.study_id, run.run_id, run.started_at, run.finished_at, run.mode, run.parser, run.dataset_sha256,
        total, failed,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()[:40]


def _read(path: Path, questions: int, letters: int) -> tuple[Votes, Positions | None] | None:
    try:
        with np.load(path, allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in kept.files}
        votes = Votes(arrays["counts"], arrays["unparsed"], arrays.get("probabilities"), arrays.get("stated"))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    if votes.counts.shape != (questions, letters) or votes.unparsed.shape != (questions,):
        return None
    if "chosen" not in arrays:
        return votes, None
    return votes, Positions(arrays["chosen"], arrays["right"], arrays["hits"])


def _write(path: Path, votes: Votes, positions: Positions | None) -> None:
    arrays: dict[str, Any] = {"counts": votes.counts, "unparsed": votes.unparsed}
    arrays |= {"probabilities": votes.probabilities, "stated": votes.stated}
    if positions is not None:
        arrays |= {"chosen": positions.chosen, "right": positions.right, "hits": positions.hits}
    out = io.BytesIO()
    np.savez_compressed(out, **{name: value for name, value in arrays.items() if value is not None})
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_bytes(path, out.getbuffer())
    kept = sorted(path.parent.glob("*.npz"), key=lambda file: file.stat().st_mtime)
    for old in kept[: max(0, len(kept) - _MOST_FILES)]:
        old.unlink(missing_ok=True)
