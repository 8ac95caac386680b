"""What is recorded of where and with what a session is read: conditions that the reader tells, and the software that draws.

The path of a picture is known at its own site alone (the table of images): a hash of it would travel with bundles and reports,
and names of patients in it could be guessed. The hash of the pixels says which picture it was.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from medqdeg_desktop import __version__, engine
from medqdeg_desktop.study.store import Study

#: Facts of a session that only the reader can tell; each may be missing.
CONDITIONS: Final = ("ambient_light", "distance_cm", "display_mode", "conditions_note")


@cache
def engine_sha256() -> str:
    """SHA-256 over the sources that degrade and draw: sessions with the same value ran the same code. "" where there are none.

    It stands in for a commit, which an installed program does not know.
    """
    files = sorted(Path(engine.__file__ or "").parent.rglob("*.py"))
    if not files:
        return ""
    whole = hashlib.sha256()
    for file in files:
        whole.update(hashlib.sha256(file.read_bytes()).digest())
    return whole.hexdigest()


def software() -> dict[str, str]:
    """Program, libraries that draw, system, and the offset of local time from UTC."""
    versions = {name: importlib.metadata.version(name) for name in ("numpy", "scipy", "opencv-python-headless")}
    return {
        "application": __version__,
        "engine_sha256": engine_sha256(),
        "python": platform.python_version(),
        **versions,
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
        "utc_offset": datetime.now().astimezone().strftime("%z"),
    }


def last_conditions(study: Study, reader_id: str) -> dict[str, Any]:
    """What the reader told at their newest session, of any protocol; empty where there was none."""
    own = [s for p in study.protocols() for s in study.sessions(p.protocol_id) if s.reader == reader_id]
    newest = max(own, key=lambda s: s.at, default=None)
    return {key: newest.facts[key] for key in CONDITIONS if newest.facts.get(key)} if newest is not None else {}
