"""The manual and the program say the same: every command has help with an example and stands in the manual."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from medqdeg_desktop.cli import group

_CHECKOUT = Path(__file__).resolve().parent.parent


def _commands(parent: click.Group, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(parent)
    for name in parent.list_commands(context):
        command = parent.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


COMMANDS = dict(_commands(group))


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_each_command_has_help_with_an_example(name: str) -> None:
    text = COMMANDS[name].help or ""
    assert len(text.split()) > 5
    assert re.search(rf"Example: medqdeg {re.escape(name)}\b", " ".join(text.split())), f"{name} has no example in its help"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_each_command_stands_in_the_manual(name: str) -> None:
    assert f"medqdeg {name}" in (_CHECKOUT / "docs" / "commands.md").read_text("utf-8")


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
