"""How results are put into words: modes, levels, numbers with their intervals, what they rest on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from medqdeg_desktop.study.run_names import mode_note

Json = dict[str, Any]

MODE_WORDS: Final[dict[str, str]] = {
    "vote": "paper mode (agreement of sampled answers)",
    "option": "exact mode (option probabilities)",
    "verbal": "verbal mode (stated confidence)",
}
_LEVEL: Final[dict[str, str]] = {"L0": "L0 clean", "L1": "L1 mild", "L2": "L2 severe"}

#: Replicates from which on intervals are final; fewer are shown as provisional.
FINAL_REPLICATES: Final = 10_000


def level_words(level: str) -> str:
    """``L0 clean``, ``L1 mild``, ``L2 severe``, or ``severity 0.25`` for a step of a sweep."""
    return _LEVEL.get(level) or f"severity {int(level[1:]) / 1000:g}"


def model_words(model: Json, among: Sequence[Json] = ()) -> str:
    """A model's name for charts and tables: its label, "random weights" always, its mode and T where those beside it differ, and
    what else tells it from other runs of its label."""
    words, apart = str(model["label"]), list(model.get("notes", ()))
    notes = ["random weights"] if model["random_weights"] else []
    mode = mode_note(model["mode"], model["trials"])
    if mode not in apart and len({(other["mode"], other["trials"]) for other in among}) > 1:
        notes.append(mode)
    notes += apart
    return f"{words} ({', '.join(notes)})" if notes else words


def mode_words(results: Json) -> str:
    """What a chart rests on, in one sentence or two: n by level, clusters, mode, T, interval method, filter."""
    models = results["models"]
    counts: dict[str, set[int]] = {}
    for model in models:
        for cell in model["levels"]:
            counts.setdefault(cell["level"], set()).add(cell["n"])
    n = ", ".join(f"{_span(counts[level])} at {level}" for level in sorted(counts))
    settings = {(model["mode"], model["trials"]) for model in models}
    if len(settings) == 1:
        mode, trials = next(iter(settings))
        how = f"{MODE_WORDS[mode]}, T = {trials}"
    else:
        how = "modes and T as named in the labels"
    text = (
        f"n = {n}, from {results['clusters']:,} independent images or patients; {how}; {interval_words(results['replicates'])}."
    )
    kept = "; ".join(f"{key} {', '.join(names)}" for key, names in results["filters"].items())
    return f"{text} Only {kept}." if kept else text


def interval_words(replicates: int) -> str:
    """``95 % cluster bootstrap intervals, 2,000 replicates, provisional``."""
    if not replicates:
        return "intervals are being computed"
    provisional = "" if replicates >= FINAL_REPLICATES else ", provisional"
    return f"95 % cluster bootstrap intervals, {replicates:,} replicates{provisional}"


def _span(values: set[int]) -> str:
    return f"{min(values):,}" if len(values) == 1 else f"{min(values):,} to {max(values):,}"


#: Values that are differences of fractions, beside those whose name says so.
_IN_POINTS: Final = frozenset({"gain", "preference", "step"})


def number_words(name: str, cell: Json) -> str:
    """A value of a cell with its interval: ``accuracy 62.5 % (50.1 to 73.4)``, a shift in points with its sign."""
    value = cell[name]
    shift = name.endswith(("shift", "difference")) or name in _IN_POINTS
    number = f"{points(value)} points" if shift else f"{percent(value)} %"
    interval = cell.get(f"{name}_ci")
    limits = (points_interval if shift else percent_interval)(interval) if interval else ""
    return f"{name.replace('_', ' ')} {number}{f' ({limits})' if limits else ''}"


def sample_words(cell: Json) -> str:
    """``n = 48 from 16 images``."""
    return f"n = {cell['n']:,} from {cell['n_clusters']:,} independent images or patients"


# -- cells of a table ------------------------------------------------------------------------------------------------------

#: Below this many items a calibration error says more about the number of items than about the model, and is not shown.
SMALLEST_ECE: Final = 30

_ABSENT: Final = "\N{EN DASH}"


def percent(value: float | None) -> str:
    """``62.5`` for 0.625."""
    return _ABSENT if value is None else f"{value * 100:.1f}"


def percent_interval(interval: Sequence[float] | None) -> str:
    """``50.1 to 73.4``."""
    return "" if interval is None else f"{interval[0] * 100:.1f} to {interval[1] * 100:.1f}"


def points(value: float | None) -> str:
    """``+3.1``, with a real minus sign."""
    return _ABSENT if value is None else signed(value * 100)


def points_interval(interval: Sequence[float] | None) -> str:
    """``-1.0 to +7.2``, with real minus signs."""
    return "" if interval is None else f"{signed(interval[0] * 100)} to {signed(interval[1] * 100)}"


def decimals(value: float | None, places: int = 3) -> str:
    """``0.123``."""
    return _ABSENT if value is None else _minus(f"{value:.{places}f}")


def probability(value: float | None) -> str:
    """``.04``, ``< .001``, ``> .999``."""
    if value is None:
        return _ABSENT
    if value < 0.001:
        return "< .001"
    if value > 0.999:
        return "> .999"
    return f"{value:.3f}".lstrip("0")


def signed(value: float, places: int = 1) -> str:
    """``+3.1``, a real minus sign, and no sign for what rounds to zero."""
    text = f"{value:+.{places}f}"
    return _minus(text) if float(text) else text[1:]


def _minus(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")
