"""The actions of Explore; part of the one table in ``action_table``."""

from __future__ import annotations

from typing import Final

from medqdeg_desktop.ui.actions import Action


def _explore(
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
    return Action(f"explore.{verb}", text, keys, "explore", handler, icon, argument, group, held, repeats)


EXPLORE: Final = (
    _explore("open", "Open a dataset…", ("Ctrl+O",), "choose_folder", "Dataset", icon="folder"),
    _explore("clear", "Clear the filters", ("Ctrl+Backspace",), "clear_filters", "Dataset"),
    _explore("large", "The picture large", ("Return", "Enter"), "open_current", "Item"),
    _explore("wall", "Back to all pictures", ("Esc",), "close_item", "Item", icon="contact-sheet"),
    _explore("previous", "Previous picture", ("Left",), "step", "Item", argument=-1, repeats=True),
    _explore("next", "Next picture", ("Right",), "step", "Item", argument=1, repeats=True),
    _explore("original", "Show the clean picture while held", ("Space",), "hold_original", "Item", held=True),
    _explore("invert", "Invert", ("I",), "invert", "View", icon="invert"),
    _explore("fit", "Fit", ("Z",), "fit", "View", icon="fit"),
    _explore("one_to_one", "1:1 in device pixels", ("Shift+Z",), "one_to_one", "View", icon="one-to-one"),
    _explore("zoom_in", "Zoom in", ("+", "="), "zoom_by", "View", argument=1.25, repeats=True),
    _explore("zoom_out", "Zoom out", ("-",), "zoom_by", "View", argument=0.8, repeats=True),
)
