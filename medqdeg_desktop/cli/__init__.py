"""The command line: one module per area, each loaded only when one of its commands is called.

Design 9 is the contract. Exit status 0 done, 1 failed (one line on standard error, no traceback), 2 usage, 130 interrupted.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import IO, Any

import click

from medqdeg_desktop import __version__
from medqdeg_desktop.errors import MedqdegError

#: command -> module of this package that defines it under the same name (dashes and all).
_COMMANDS = {
    "open": "window",
    "demo": "demo",
    "info": "images",
    "degradations": "images",
    "degrade": "images",
    "study": "study",
    "profile": "profile",
    "calibrate": "calibrate",
    "bank": "bank",
    "generate": "dataset",
    "verify": "dataset",
    "export": "dataset",
    "evaluate": "evaluate",
    "keys": "keys",
    "freeze": "evaluate",
    "rescore": "evaluate",
    "report": "evaluate",
    "doctor": "doctor",
}


class _NotFoundError(click.ClickException):
    """A first argument that was meant as a file, but there is none."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"medqdeg: {self.message}", file=file, err=file is None)


class _LazyGroup(click.Group):
    """Imports a command's module when it is looked up; a first argument that is no command opens the window on it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = _COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = importlib.import_module(f"medqdeg_desktop.cli.{module}").COMMANDS[cmd_name]
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        # `medqdeg STUDY` and `medqdeg FOLDER` open the window, as double-clicking the file does.
        first = args[0]
        if first not in _COMMANDS and (Path(first).exists() or first.endswith(".medq")):
            return "open", self.get_command(ctx, "open"), args
        if first not in _COMMANDS and not first.startswith("-") and any(mark in first for mark in "./\\"):
            raise _NotFoundError(f"{first}: no such file or command")
        return super().resolve_command(ctx, args)


@click.group(
    cls=_LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="medqdeg")
@click.pass_context
def group(ctx: click.Context) -> None:
    """Degrade medical images, calibrate how severe is severe, and evaluate what models make of it.

    `medqdeg [STUDY | FILE | FOLDER]` opens the window. Research software, not for diagnosis.
    """
    if ctx.invoked_subcommand is None:
        command = group.get_command(ctx, "open")
        assert command is not None
        ctx.invoke(command)


def main() -> None:
    """Entry point of the ``medqdeg`` command."""
    try:
        code = group.main(standalone_mode=False)
    except click.exceptions.Abort:
        code = 130
    except KeyboardInterrupt:
        code = 130
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except MedqdegError as error:
        click.echo(f"medqdeg: {error}", err=True)
        code = 1
    except BrokenPipeError:
        code = 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"medqdeg: {where}{error.strerror or error}", err=True)
        code = 1
    sys.exit(code if isinstance(code, int) else 0)
