"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from medqdeg_desktop.progress import JsonProgress, Progress, TerminalProgress

F = TypeVar("F", bound=Callable[..., Any])


def progress_option(command: F) -> F:
    """Adds ``--progress text|json`` (standard error); the value reaches the command as ``progress``."""
    return click.option(
        "--progress",
        type=click.Choice(["text", "json", "none"]),
        default="text",
        show_default=True,
        help="How progress is told on standard error.",
    )(command)


def counted(number: int, noun: str) -> str:
    """ "1 item", "1,234 items"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def progress_for(job: str, kind: str) -> Progress:
    """The Progress that ``--progress`` asked for."""
    return {"text": TerminalProgress, "json": JsonProgress, "none": Progress}[kind](job)
