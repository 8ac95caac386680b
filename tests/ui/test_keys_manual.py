"""The manual's table of keys is the table of actions. To write it anew: python tests/ui/test_keys_manual.py"""

from __future__ import annotations

from pathlib import Path

from medqdeg_desktop.ui.action_table import TABLE
from medqdeg_desktop.ui.keys_sheet import keys_markdown

MANUAL = Path(__file__).parents[2] / "docs" / "calibrating.md"
BEGIN, END = "<!-- keys: made from the table of actions -->\n", "<!-- end of keys -->"


def table() -> str:
    calibrate = keys_markdown(tuple(a for a in TABLE if a.context == "calibrate"), gestures=True)
    everywhere = keys_markdown(tuple(a for a in TABLE if a.context == "window"), gestures=False)
    return f"\n{calibrate}\nEverywhere:\n\n{everywhere}"


def test_the_manual_lists_the_keys_that_there_are() -> None:
    text = MANUAL.read_text("utf-8")
    assert BEGIN in text and END in text
    assert text[text.index(BEGIN) + len(BEGIN) : text.index(END)] == table()


def test_every_key_of_an_action_is_in_its_row() -> None:
    rows = table().splitlines()
    for action in TABLE:
        if action.context == "calibrate" and action.keys and action.handler != "apply_preset":
            row = next(r for r in rows if r.endswith(f"| {action.text} |"))
            assert row.count("`") == 2 * len(set(action.keys) - {"Enter"} or {"Enter"})


if __name__ == "__main__":
    before = MANUAL.read_text("utf-8")
    MANUAL.write_text(before[: before.index(BEGIN) + len(BEGIN)] + table() + before[before.index(END) :], "utf-8")
