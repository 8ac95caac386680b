"""Keys of a guided session, in which digits rate, so that window presets are Alt with a digit; and of comparing profiles."""

from __future__ import annotations

from typing import Final

from medqdeg_desktop.ui.actions import Action

CONTEXT: Final = "reading"
PROFILES_CONTEXT: Final = "profiles"


def _reading(
    verb: str,
    text: str,
    keys: tuple[str, ...],
    handler: str,
    group: str,
    argument: int | float | str | None = None,
    *,
    repeats: bool = False,
    held: bool = False,
) -> Action:
    return Action(f"reading.{verb}", text, keys, CONTEXT, handler, "", argument, group, held, repeats)


READING: Final = (
    _reading("confirm", "Confirm and go to the next trial", ("Return", "Enter"), "confirm", "Trial"),
    _reading("cannot", "It cannot be set; or reject the clean picture", ("X",), "decline", "Trial"),
    _reading("left", "The left picture is worse", ("Left",), "choose_side", "Trial", "first"),
    _reading("right", "The right picture is worse", ("Right",), "choose_side", "Trial", "second"),
    *(
        _reading(f"rate_{step}", f"Rate: {name}", (str(step),), "rate", "Trial", step)
        for step, name in enumerate(("none", "noticeable", "moderate", "severe", "beyond"))
    ),
    _reading("pause", "Pause: the place is kept", ("Esc",), "pause", "Trial"),
    _reading("less", "5 % less severe", ("[",), "nudge", "Severity", -0.05, repeats=True),
    _reading("more", "5 % more severe", ("]",), "nudge", "Severity", 0.05, repeats=True),
    _reading("bit_less", "1 % less severe", (",",), "nudge", "Severity", -0.01, repeats=True),
    _reading("bit_more", "1 % more severe", (".",), "nudge", "Severity", 0.01, repeats=True),
    _reading("original", "Show the original while held", ("Space",), "hold_original", "Compare", held=True),
    _reading("side_by_side", "Side by side", ("S",), "set_layout", "Compare", "side by side"),
    _reading("single", "Degraded alone", ("F",), "set_layout", "Compare", "single"),
    _reading("wipe", "Wipe", ("W",), "set_layout", "Compare", "wipe"),
    *(
        _reading(f"preset_{digit}", f"Window preset {digit}", (f"Alt+{digit}",), "apply_preset", "Window", digit)
        for digit in range(1, 10)
    ),
    _reading("file_window", "The file's own window", ("Alt+0",), "reset_window", "Window"),
    _reading("invert", "Invert", ("I",), "invert", "Window"),
    _reading("fit", "Fit", ("Z",), "fit", "Zoom"),
    _reading("one_to_one", "1:1 in device pixels", ("Shift+Z",), "one_to_one", "Zoom"),
    _reading("zoom_in", "Zoom in", ("+", "="), "zoom_by", "Zoom", 1.25, repeats=True),
    _reading("zoom_out", "Zoom out", ("-",), "zoom_by", "Zoom", 0.8, repeats=True),
)


def _profiles(
    verb: str,
    text: str,
    keys: tuple[str, ...],
    handler: str,
    group: str,
    argument: int | float | None = None,
    *,
    held: bool = False,
) -> Action:
    repeats = argument is not None
    return Action(f"profiles.{verb}", text, keys, PROFILES_CONTEXT, handler, "", argument, group, held, repeats)


PROFILES: Final = (
    _profiles("next", "Next cell", ("Down",), "step_cell", "Cells", 1),
    _profiles("previous", "Previous cell", ("Up",), "step_cell", "Cells", -1),
    _profiles("swap", "First and second profile changed over", ("X",), "swap", "Cells"),
    _profiles("back", "Back to the reader study", ("Esc",), "go_back", "Cells"),
    _profiles("original", "Show the original while held", ("Space",), "hold_original", "Compare", held=True),
    _profiles("invert", "Invert", ("I",), "invert", "Window"),
    _profiles("fit", "Fit", ("Z",), "fit", "Zoom"),
    _profiles("zoom_in", "Zoom in", ("+", "="), "zoom_by", "Zoom", 1.25),
    _profiles("zoom_out", "Zoom out", ("-",), "zoom_by", "Zoom", 0.8),
)
