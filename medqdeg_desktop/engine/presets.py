"""Window presets by modality for the digit keys, from a data file that users may extend.

CT presets are windows in HU. Other grey images have no unit in common, so their presets are fractions of the series' value
range; the empty modality serves where none is known. A user's file adds presets and replaces those with the same key.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medqdeg_desktop.engine.errors import EngineError
from medqdeg_desktop.engine.image import MedicalImage, Window
from medqdeg_desktop.shipped import shipped
from medqdeg_desktop.taxonomy import Modality, modality_of

_FILE = "window_presets.json"


@dataclass(frozen=True, slots=True)
class Preset:
    """One preset: either a window in the image's unit, or ``low`` to ``high`` as fractions of the value range."""

    key: int
    name: str
    window: Window | None = None
    low: float = 0.0
    high: float = 1.0

    def window_for(self, image: MedicalImage) -> Window:
        """The window this preset means on ``image``."""
        if self.window is not None:
            return self.window
        bottom, top = image.value_range
        low, high = bottom + self.low * (top - bottom), bottom + self.high * (top - bottom)
        return Window((low + high) / 2, high - low)


def presets_for(modality: Modality | None, *, hounsfield: bool = True, user_file: Path | None = None) -> list[Preset]:
    """Presets of ``modality`` by their digit, 1 to 9.

    hounsfield  False for CT pictures without HU, whose presets are then those of an unknown modality.
    user_file   the user's additions; without one, the file in the configuration folder where it exists.

    Raises EngineError naming the file and entry that cannot be used.
    """
    if modality is Modality.CT and not hounsfield:
        modality = None
    name = "" if modality is None else str(modality)
    chosen = _read(shipped(_FILE))
    own = user_file or user_presets_path()
    mine = _read(own) if own.is_file() else {}
    merged = {p.key: p for p in chosen.get(name, chosen[""])} | {p.key: p for p in mine.get(name, [])}
    return [merged[key] for key in sorted(merged)]


def user_presets_path() -> Path:
    """Where a user's own presets are looked for."""
    from platformdirs import user_config_path

    return user_config_path("medqdeg") / _FILE


def _read(path: Path) -> dict[str, list[Preset]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EngineError(f"{path}: cannot be read as JSON ({error})") from None
    if not isinstance(content, dict):
        raise EngineError(f"{path}: is not a mapping from modality to presets")
    presets: dict[str, list[Preset]] = {}
    for name, entries in content.items():
        if name == "about":
            continue
        modality = modality_of(name)
        if name and modality is None:
            raise EngineError(f"{path}: {name!r} is no modality")
        presets[str(modality or "")] = [_preset(path, name, entry) for entry in entries]
    return presets


def _preset(path: Path, modality: str, entry: Any) -> Preset:
    where = (
        f"{path}: preset {entry.get('name') or entry.get('key') if isinstance(entry, dict) else entry!r} of {modality or 'any'}"
    )
    try:
        key, name = int(entry["key"]), str(entry["name"])
        if "center" in entry:
            preset = Preset(key, name, window=Window(float(entry["center"]), float(entry["width"])))
        else:
            preset = Preset(key, name, low=float(entry["low"]), high=float(entry["high"]))
    except (KeyError, TypeError, ValueError) as error:
        raise EngineError(f"{where}: {error} is missing or no number") from None
    if not 1 <= key <= 9:
        raise EngineError(f"{where}: key {key} is not a digit from 1 to 9")
    if (preset.window is not None and preset.window.width <= 0) or preset.high <= preset.low:
        raise EngineError(f"{where}: the window has no width")
    return preset
