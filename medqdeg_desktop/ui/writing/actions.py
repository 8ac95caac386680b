"""Keys of writing. All of them act while a text field has the keyboard; looking at the picture keeps its own keys beside them."""

from __future__ import annotations

from typing import Final

from medqdeg_desktop.ui.actions import Action

CONTEXT: Final = "writing"
#: Groups of Calibrate's actions that go on while a question is written: what looks at the picture and decides nothing.
STILL_ACTING: Final = frozenset({"Open", "Slices", "Window", "Zoom", "Turn", "Measure", "Write"})
#: The one action of Calibrate that begins and ends writing.
TOGGLE: Final = Action(
    "calibrate.write",
    "Write questions, or back to the levels",
    ("Ctrl+I",),
    "calibrate",
    "toggle_writing",
    "write",
    None,
    "Write",
)


def _writing(
    verb: str,
    text: str,
    keys: tuple[str, ...],
    handler: str,
    group: str,
    argument: int | str | None = None,
    *,
    icon: str = "",
) -> Action:
    return Action(f"writing.{verb}", text, keys, CONTEXT, handler, icon, argument, group)


WRITING: Final = (
    _writing("submit", "Submit, and begin the next question", ("Ctrl+Return", "Ctrl+Enter"), "submit_question", "Question"),
    _writing("begin", "Begin another question; a draft stays as it is", ("Ctrl+N",), "begin_question", "Question", icon="plus"),
    _writing("here", "The question is about the picture shown", ("Alt+P",), "take_picture", "Question", icon="file"),
    _writing("add_picture", "The picture shown is compared as well", ("Alt+A",), "add_picture", "Question", icon="plus"),
    _writing("go_to_picture", "Go to the question's picture", ("Alt+G",), "go_to_picture", "Question"),
    _writing("words", "To the words of the question", ("Alt+Q",), "focus_words", "Question"),
    _writing("skill", "To the skill", ("Alt+S",), "focus_skill", "Question"),
    *(
        _writing(f"answer_{n}", f"{letter} is the answer", (f"Alt+{n}",), "choose_answer", "Question", n - 1)
        for n, letter in enumerate("ABCDEFGH", 1)
    ),
    _writing("box", "Draw a box", ("Alt+B",), "draw_region", "Region", "box", icon="box"),
    _writing("ellipse", "Draw an ellipse", ("Alt+E",), "draw_region", "Region", "ellipse", icon="ellipse"),
    _writing(
        "contour", "Draw a contour: drag freehand, or click its corners", ("Alt+F",), "draw_region", "Region", "contour",
        icon="contour",
    ),
    _writing("region_delete", "Delete the region", ("Delete",), "delete_region", "Region", icon="delete"),
    _writing("regions_shown", "Regions on or off", ("V",), "toggle_regions", "Region"),
    _writing("take_up", "Take a submitted question up again", ("Ctrl+E",), "take_up", "Questions written"),
    _writing("discard", "Discard the draft", ("Ctrl+Backspace",), "discard_question", "Questions written"),
    _writing("previous", "Previous question of the list", ("Ctrl+Up",), "step_question", "Questions written", -1),
    _writing("next", "Next question of the list", ("Ctrl+Down",), "step_question", "Questions written", 1),
    _writing("step_back", "To the picture; a drawing tool is put away", ("Esc",), "step_back", "Question"),
)  # fmt: skip
