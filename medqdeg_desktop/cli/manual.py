"""The manual's page of commands, made from their own help: ``python -m medqdeg_desktop.cli.manual > docs/commands.md``."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from medqdeg_desktop.cli import group

_INTRODUCTION = """# Command line

`medqdeg --help` lists the commands, `medqdeg COMMAND --help` shows what stands here. Progress is told on standard error,
results on standard output; `--progress json` gives one JSON object a line. Exit status: 0 done, 1 failed (one line on standard
error), 2 wrong usage, 130 interrupted. Every command can be interrupted at any time and run again.

`medqdeg [STUDY | FILE | FOLDER]` without a command opens the window.

This page is made by `python -m medqdeg_desktop.cli.manual`; a test holds it to the program.
"""


def commands(parent: click.Group = group, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command under its full name (``study create``), in the order of the help."""
    context = click.Context(parent)
    for name in parent.list_commands(context):
        command = parent.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix}{name} ")
        elif command is not None:
            yield f"{prefix}{name}", command


def page() -> str:
    """The page as Markdown."""
    return _INTRODUCTION + "".join(_section(name, command) for name, command in commands())


def _section(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=f"medqdeg {name}")
    arguments = " ".join(piece for piece in command.collect_usage_pieces(context) if piece != "[OPTIONS]")
    text = " ".join((command.help or "").split())
    described, _, example = text.partition("Example: ")
    rows = [record for p in command.params if isinstance(p, click.Option) and (record := p.get_help_record(context))]
    lines = [f"\n## medqdeg {name}\n", f"`medqdeg {name} {arguments}`\n".replace(" `", "`"), f"{described.strip()}\n"]
    if example:
        lines.append("```\n" + re.sub(r" (?=medqdeg )", "\n", example.strip()) + "\n```\n")
    if rows:
        lines.append("| option | meaning |\n|---|---|")
        lines += [f"| `{_cell(option)}` | {_cell(meaning)} |" for option, meaning in rows]
        lines.append("")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    click.echo(page(), nl=False)
