"""The actions of Review and of its screen for doubles; part of the one table in ``action_table``. Digits judge, window presets
are Alt+digit."""

from __future__ import annotations

from typing import Final

from medqdeg_desktop.ui.actions import Action


def _review(
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
    return Action(f"review.{verb}", text, keys, "review", handler, icon, argument, group, held, repeats)


_ORDINAL: Final = ("first", "second", "third")

REVIEW: Final = (
    *(
        _review(f"keep_{n + 1}", f"Keep the {word} degradation", (str(n + 1),), "keep", "Judge", argument=n)
        for n, word in enumerate(_ORDINAL)
    ),
    *(
        _review(f"remove_{n + 1}", f"Remove the {word} degradation…", (key,), "remove", "Judge", argument=n)
        for n, (word, key) in enumerate(zip(_ORDINAL, "QWE", strict=True))
    ),
    _review("accept", "Keep what is not removed, and next", ("A",), "accept_rest", "Judge", icon="check"),
    _review("confirm", "Confirm the decision, and next", ("Return", "Enter"), "confirm", "Judge"),
    _review("undo", "Undo the last decision", ("Ctrl+Z",), "undo", "Judge", icon="undo"),
    _review("gold", "Lay these marks down as the gold decision", ("Ctrl+G",), "lay_down_gold", "Judge"),
    _review("edit", "Edit the wording…", ("Ctrl+E",), "edit", "Item"),
    _review("flag", "Flag, or take the flag off", ("F",), "toggle_flag", "Item"),
    _review("comment", "Comment…", ("C",), "comment", "Item"),
    _review("next", "Next item, or level below", ("Down",), "step_down", "Queue", argument=1, repeats=True),
    _review("previous", "Previous item, or level above", ("Up",), "step_down", "Queue", argument=-1, repeats=True),
    _review("next_page", "Ten items on", ("PgDown",), "step_item", "Queue", argument=10, repeats=True),
    _review("previous_page", "Ten items back", ("PgUp",), "step_item", "Queue", argument=-10, repeats=True),
    _review("to_do", "Next item that waits for me", ("N",), "go_to_open", "Queue"),
    _review("doubles", "Doubles: merge, or keep apart", ("Ctrl+D",), "toggle_doubles", "Queue", icon="side-by-side"),
    _review("find", "Find an item", ("Ctrl+F",), "focus_search", "Queue", icon="search"),
    _review("large", "A picture large, or the grid again", ("V",), "toggle_large", "View", icon="single"),
    _review("grid", "Back to the grid", ("Esc",), "close_large", "View", icon="contact-sheet"),
    _review("left", "Degradation to the left", ("Left",), "step_type", "View", argument=-1, repeats=True),
    _review("right", "Degradation to the right", ("Right",), "step_type", "View", argument=1, repeats=True),
    _review("original", "Show the original while held", ("Space",), "hold_original", "View", held=True),
    _review("invert", "Invert", ("I",), "invert", "View", icon="invert"),
    _review("fit", "Fit", ("Z",), "fit", "View", icon="fit"),
    _review("one_to_one", "1:1 in device pixels", ("Shift+Z",), "one_to_one", "View", icon="one-to-one"),
    _review("zoom_in", "Zoom in", ("+", "="), "zoom_by", "View", argument=1.25, repeats=True),
    _review("zoom_out", "Zoom out", ("-",), "zoom_by", "View", argument=0.8, repeats=True),
    _review("own_window", "The window of the item", ("Alt+0",), "reset_window", "View", icon="window"),
    *(_review(f"preset_{n}", f"Window preset {n}", (f"Alt+{n}",), "apply_preset", "View", argument=n) for n in range(1, 10)),
)


def _doubles(
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
    return Action(f"doubles.{verb}", text, keys, "doubles", handler, icon, argument, group, held, repeats)


DOUBLES: Final = (
    _doubles("left_stays", "Merge: the left one stays", ("1",), "merge", "Judge", argument=0),
    _doubles("right_stays", "Merge: the right one stays", ("2",), "merge", "Judge", argument=1),
    _doubles("both_stay", "Keep both: these are two questions", ("B",), "keep_both", "Judge"),
    _doubles("all_stay", "Keep all of the group", ("Shift+B",), "keep_all", "Judge"),
    _doubles("undo", "Undo the last decision", ("Ctrl+Z",), "undo", "Judge", icon="undo"),
    _doubles("next", "Next group", ("Down",), "step", "Queue", argument=1, repeats=True),
    _doubles("previous", "Previous group", ("Up",), "step", "Queue", argument=-1, repeats=True),
    _doubles("search", "Search for doubles", ("Ctrl+R",), "search", "Queue", icon="search"),
    _doubles("back", "Back to the review", ("Esc", "Ctrl+D"), "leave", "Queue"),
    _doubles("swap", "The right pictures in the place of the left, while held", ("Space",), "hold_swapped", "View", held=True),
    _doubles("invert", "Invert", ("I",), "invert", "View", icon="invert"),
    _doubles("fit", "Fit", ("Z",), "fit", "View", icon="fit"),
    _doubles("one_to_one", "1:1 in device pixels", ("Shift+Z",), "one_to_one", "View", icon="one-to-one"),
    _doubles("zoom_in", "Zoom in", ("+", "="), "zoom_by", "View", argument=1.25, repeats=True),
    _doubles("zoom_out", "Zoom out", ("-",), "zoom_by", "View", argument=0.8, repeats=True),
)
