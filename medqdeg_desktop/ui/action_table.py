"""The table of all actions. A key is found here or it does nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from medqdeg_desktop.ui.actions import Action, double_bindings
from medqdeg_desktop.ui.calibrate.reading.actions import PROFILES, READING
from medqdeg_desktop.ui.evaluate.action_list import EVALUATE
from medqdeg_desktop.ui.explore.actions import EXPLORE
from medqdeg_desktop.ui.generate.action_list import GENERATE
from medqdeg_desktop.ui.review.actions import DOUBLES, REVIEW
from medqdeg_desktop.ui.writing.actions import CONTEXT as WRITING_CONTEXT
from medqdeg_desktop.ui.writing.actions import STILL_ACTING, TOGGLE, WRITING

_WINDOW: Final = (
    Action("window.calibrate", "Calibrate", ("Ctrl+1",), "window", "go_to", "calibrate", "calibrate", "Go to"),
    Action("window.review", "Review", ("Ctrl+2",), "window", "go_to", "review", "review", "Go to"),
    Action("window.generate", "Generate", ("Ctrl+3",), "window", "go_to", "generate", "generate", "Go to"),
    Action("window.evaluate", "Evaluate", ("Ctrl+4",), "window", "go_to", "evaluate", "evaluate", "Go to"),
    Action("window.explore", "Explore", ("Ctrl+5",), "window", "go_to", "explore", "explore", "Go to"),
    Action("window.help", "Help", ("Ctrl+6",), "window", "go_to", "help", "help", "Go to"),
    Action("window.palette", "Find an action", ("Ctrl+K",), "window", "show_palette", "search", None, "Program"),
    Action("window.keys", "Keys of this screen", ("F1",), "window", "show_keys", "help", None, "Program"),
    Action("window.tour", "Short tour", (), "window", "show_tour", "help", None, "Program"),
    Action("window.edit_keys", "Change keys…", (), "window", "edit_keys", "", None, "Program"),
    Action("window.open_study", "Open a study…", ("Ctrl+Shift+O",), "window", "choose_study", "folder", None, "Study"),
    Action("window.new_study", "New study…", ("Ctrl+Shift+N",), "window", "choose_new_study", "plus", None, "Study"),
    Action("window.reader", "Change reader…", (), "window", "choose_reader", "", None, "Study"),
    Action("window.reset_layout", "Reset the layout", (), "window", "reset_layout", "", None, "Program"),
    Action("window.full_screen", "Full screen", ("F11",), "window", "toggle_full_screen", "fit", None, "Program"),
    Action("window.quit", "Quit", ("Ctrl+Q",), "window", "close", "close", None, "Program"),
)


def _calibrate(
    verb: str,
    text: str,
    keys: tuple[str, ...],
    handler: str,
    group: str,
    *,
    icon: str = "",
    argument: int | float | str | None = None,
    repeats: bool = False,
    held: bool = False,
) -> Action:
    return Action(f"calibrate.{verb}", text, keys, "calibrate", handler, icon, argument, group, held, repeats)


_CALIBRATE: Final = (
    _calibrate("open_files", "Open files…", ("Ctrl+O",), "choose_files", "Open", icon="file"),
    _calibrate("open_folder", "Open a folder…", ("Ctrl+Shift+F",), "choose_folder", "Open", icon="folder"),
    _calibrate("reader_study", "Reader study, or back to free calibration", ("Ctrl+R",), "toggle_reader_study", "Study"),
    _calibrate("unread", "Files that could not be read…", (), "show_unread", "Open", icon="warning"),
    _calibrate("close_series", "Take the series off the list", (), "close_series", "Open", icon="close"),
    _calibrate("slice_up", "Previous slice", ("Up",), "step_frame", "Slices", argument=-1, repeats=True),
    _calibrate("slice_down", "Next slice", ("Down",), "step_frame", "Slices", argument=1, repeats=True),
    _calibrate("slice_ten_up", "Ten slices back", ("PgUp",), "step_frame", "Slices", argument=-10, repeats=True),
    _calibrate("slice_ten_down", "Ten slices on", ("PgDown",), "step_frame", "Slices", argument=10, repeats=True),
    _calibrate("slice_first", "First slice", ("Home",), "step_frame", "Slices", argument=-(10**9)),
    _calibrate("slice_last", "Last slice", ("End",), "step_frame", "Slices", argument=10**9),
    _calibrate("cine", "Play or stop the slices", ("C",), "toggle_cine", "Slices", icon="play"),
    _calibrate("axial", "Axial slices", ("Shift+A",), "show_axis", "Slices", argument="axial"),
    _calibrate("coronal", "Coronal slices", ("Shift+C",), "show_axis", "Slices", argument="coronal"),
    _calibrate("sagittal", "Sagittal slices", ("Shift+S",), "show_axis", "Slices", argument="sagittal"),
    _calibrate("series_previous", "Previous series", ("Ctrl+PgUp",), "step_series", "Slices", argument=-1),
    _calibrate("series_next", "Next series", ("Ctrl+PgDown",), "step_series", "Slices", argument=1),
    _calibrate("type_previous", "Previous degradation", ("Ctrl+Up",), "step_type", "Severity", argument=-1),
    _calibrate("type_next", "Next degradation", ("Ctrl+Down",), "step_type", "Severity", argument=1),
    _calibrate("less", "5 % less severe", ("[",), "nudge", "Severity", argument=-0.05, repeats=True),
    _calibrate("more", "5 % more severe", ("]",), "nudge", "Severity", argument=0.05, repeats=True),
    _calibrate("bit_less", "1 % less severe", (",",), "nudge", "Severity", argument=-0.01, repeats=True),
    _calibrate("bit_more", "1 % more severe", (".",), "nudge", "Severity", argument=0.01, repeats=True),
    _calibrate("original", "Show the original while held", ("Space",), "hold_original", "Compare", held=True),
    _calibrate("side_by_side", "Side by side", ("S",), "set_layout", "Compare", icon="side-by-side", argument="side by side"),
    _calibrate("single", "Degraded alone", ("F",), "set_layout", "Compare", icon="single", argument="single"),
    _calibrate("wipe", "Wipe", ("W",), "set_layout", "Compare", icon="wipe", argument="wipe"),
    _calibrate("difference", "Difference", ("D",), "set_layout", "Compare", icon="difference", argument="difference"),
    _calibrate("sheet", "Contact sheet of all types and levels", ("G",), "toggle_sheet", "Compare", icon="contact-sheet"),
    _calibrate("sweep", "Contact sheet of this type over its severities", ("Shift+G",), "toggle_sweep", "Compare"),
    _calibrate("step_back", "Back to the picture, tools put away", ("Esc",), "step_back", "Compare"),
    _calibrate("probe", "Live probe: ask a model about this picture", ("Q",), "toggle_probe", "Compare", icon="probe"),
    _calibrate("next_step", "Confirm the next step", ("Return", "Enter"), "confirm_next", "Levels", icon="check"),
    _calibrate("diagnostic", "L0: confirm as diagnostic", ("Alt+0",), "confirm_diagnostic", "Levels"),
    _calibrate("reject", "L0: reject with a reason…", ("Alt+X",), "reject", "Levels"),
    _calibrate("set_l1", "Set L1 here", ("Alt+1",), "set_level", "Levels", argument="L1"),
    _calibrate("set_l2", "Set L2 here", ("Alt+2",), "set_level", "Levels", argument="L2"),
    _calibrate("look_l0", "Look at L0", ("Ctrl+Alt+0",), "look_at", "Levels", argument="L0"),
    _calibrate("look_l1", "Look at L1", ("Ctrl+Alt+1",), "look_at", "Levels", argument="L1"),
    _calibrate("look_l2", "Look at L2", ("Ctrl+Alt+2",), "look_at", "Levels", argument="L2"),
    _calibrate("undo", "Undo the last decision", ("Ctrl+Z",), "undo", "Levels", icon="undo"),
    _calibrate("drawer", "Parameters", ("P",), "toggle_drawer", "Severity", icon="chevron-right"),
    *(
        _calibrate(f"preset_{digit}", f"Window preset {digit}", (str(digit),), "apply_preset", "Window", argument=digit)
        for digit in range(1, 10)
    ),
    _calibrate("file_window", "The file's own window", ("0",), "reset_window", "Window", icon="window"),
    _calibrate("auto_window", "Window to the picture", ("A",), "auto_window", "Window"),
    _calibrate("invert", "Invert", ("I",), "invert", "Window", icon="invert"),
    _calibrate("ruler", "Ruler", ("M",), "toggle_measure", "Measure", icon="ruler", argument="ruler"),
    _calibrate("angle", "Angle", ("Shift+M",), "toggle_measure", "Measure", icon="angle", argument="angle"),
    _calibrate("region", "Region: mean, SD and histogram", ("O",), "toggle_measure", "Measure", icon="region", argument="region"),
    _calibrate("fit", "Fit", ("Z",), "fit", "Zoom", icon="fit"),
    _calibrate("one_to_one", "1:1 in device pixels", ("Shift+Z",), "one_to_one", "Zoom", icon="one-to-one"),
    _calibrate("zoom_in", "Zoom in", ("+", "="), "zoom_by", "Zoom", argument=1.25, repeats=True),
    _calibrate("zoom_out", "Zoom out", ("-",), "zoom_by", "Zoom", argument=0.8, repeats=True),
    _calibrate("flip_across", "Flip left to right", ("H",), "turn", "Turn", icon="flip-across", argument="flip across"),
    _calibrate("flip_down", "Flip top to bottom", ("Shift+H",), "turn", "Turn", icon="flip-down", argument="flip down"),
    _calibrate("turn_right", "Turn right by 90°", ("R",), "turn", "Turn", icon="turn-right", argument="right"),
    _calibrate("turn_left", "Turn left by 90°", ("L",), "turn", "Turn", icon="turn-left", argument="left"),
    _calibrate("upright", "As the file has it: neither flipped nor turned", ("Shift+R",), "turn_back", "Turn", icon="upright"),
    _calibrate("neurological", "Neurological: the patient's left on the left", (), "toggle_neurological", "Turn"),
    _calibrate("nose_right", "Sagittal slices: nose to the right", (), "toggle_nose", "Turn"),
    _calibrate("smooth", "Smooth or stored pixels", ("N",), "toggle_smooth", "Window"),
    _calibrate("dither", "Greys dithered against banding, or rounded", (), "toggle_dither", "Window"),
    _calibrate("file_names", "File names in the list, or none", (), "toggle_file_names", "Open"),
    _calibrate("overlays", "All that lies over the pictures on or off", ("T",), "toggle_overlays", "Window"),
    _calibrate("planes", "Overlay planes of the file on or off", ("Shift+T",), "toggle_planes", "Window"),
)

TABLE: Final[tuple[Action, ...]] = (
    *_WINDOW,
    *_CALIBRATE,
    TOGGLE,
    *WRITING,
    *READING,
    *PROFILES,
    *GENERATE,
    *EVALUATE,
    *EXPLORE,
    *REVIEW,
    *DOUBLES,
)

_IDS: Final = frozenset(a.action_id for a in TABLE)

#: What the mouse does over a picture; listed in the keys sheet beside the keys.
GESTURES: Final[tuple[tuple[str, str], ...]] = (
    ("Wheel", "Slice"),
    ("Ctrl + wheel", "Zoom to the pointer"),
    ("Drag middle button", "Pan"),
    ("Drag right button", "Window: width to the side, level up and down"),
    ("Drag left button in the wipe", "Move the curtain"),
)


_own_keys: dict[str, tuple[str, ...]] = {}


def use_keys(own: Mapping[str, object]) -> None:
    """Keys that the person at the screen has chosen, by action; what makes no sense or would do two things is left out."""
    _own_keys.clear()
    for action_id, keys in own.items():
        if action_id in _IDS and isinstance(keys, list | tuple) and all(isinstance(k, str) for k in keys):
            _own_keys[action_id] = tuple(keys)
    while clashes := double_bindings(spread(actions_in_force())):
        pair = clashes[0].split(": ", 1)[1].split(" and ")
        own_of_pair = [action_id for action_id in pair if action_id in _own_keys]
        if not own_of_pair:
            break  # the shipped table itself, which its own test would name
        del _own_keys[own_of_pair[-1]]


def own_keys() -> dict[str, list[str]]:
    """What ``use_keys`` took, fit to be stored."""
    return {action_id: list(keys) for action_id, keys in _own_keys.items()}


def refusal(action_id: str, keys: tuple[str, ...]) -> str:
    """The action that stands in the way of giving ``keys`` to ``action_id``; empty where nothing does."""
    changed = [replace(a, keys=keys) if a.action_id == action_id else a for a in actions_in_force()]
    clashes = double_bindings(spread(changed))
    if not clashes:
        return ""
    names = {a.action_id: a.text for a in TABLE}
    first, second = clashes[0].split(": ", 1)[1].split(" and ")
    return names[second if first == action_id else first]


def actions_in_force() -> tuple[Action, ...]:
    """All actions with the keys that they have now."""
    return tuple(replace(a, keys=_own_keys[a.action_id]) if a.action_id in _own_keys else a for a in TABLE)


def actions_of(context: str) -> tuple[Action, ...]:
    """The actions that may be done in one context with the keys that they have now, in the table's order.

    While questions are written, what looks at the picture goes on under Calibrate's own keys.
    """
    shared = {a.action_id for a in TABLE if _goes_on(a)} if context == WRITING_CONTEXT else set()
    return tuple(a for a in actions_in_force() if a.context == context or a.action_id in shared)


def spread(actions: Iterable[Action]) -> list[Action]:
    """``actions`` and, once more in the context of writing, those that go on there: no key may do two things in either."""
    actions = list(actions)
    return actions + [replace(a, context=WRITING_CONTEXT) for a in actions if _goes_on(a)]


def _goes_on(action: Action) -> bool:
    return action.context == "calibrate" and action.group in STILL_ACTING
