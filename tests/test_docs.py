"""The manual and the program say the same: every command has help with an example and stands in the manual."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from medqdeg_desktop.cli.manual import commands, page

_CHECKOUT = Path(__file__).resolve().parent.parent


COMMANDS = dict(commands())


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_each_command_has_help_with_an_example(name: str) -> None:
    text = COMMANDS[name].help or ""
    assert len(text.split()) > 5
    # `open` is what a path without a command means, and its example is written that way.
    called = "" if name == "open" else re.escape(f" {name}")
    assert re.search(rf"Example: medqdeg{called}\b", " ".join(text.split())), f"{name} has no example in its help"


def test_the_page_of_commands_is_what_the_commands_say() -> None:
    """Made again by ``python -m medqdeg_desktop.cli.manual > docs/commands.md``."""
    assert (_CHECKOUT / "docs" / "commands.md").read_text("utf-8") == page()


def test_links_between_pages_lead_somewhere() -> None:
    pages = [_CHECKOUT / "README.md", _CHECKOUT / "CONTRIBUTING.md", *(_CHECKOUT / "docs").glob("*.md")]
    missing = [
        f"{page.name}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
        if not (page.parent / target).exists()
    ]
    assert not missing


def test_no_source_file_is_longer_than_one_sitting() -> None:
    long = {
        str(path.relative_to(_CHECKOUT)): count
        for path in (_CHECKOUT / "medqdeg_desktop").rglob("*.py")
        if (count := len(path.read_text("utf-8").splitlines())) > 450
    }
    assert not long
