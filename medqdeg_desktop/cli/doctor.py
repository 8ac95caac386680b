"""``medqdeg doctor``: what is installed, what the system lacks and by which package, whether anything can leave the machine."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import sqlite3
import sys

import click

from medqdeg_desktop import __version__, system
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.keys import keyring_told

_BASE = (
    "numpy",
    "scipy",
    "opencv-python-headless",
    "pydicom",
    "SimpleITK",
    "nibabel",
    "Pillow",
    "isal",
    "deflate",
    "sqlite-utils",
    "PySide6-Essentials",
)
_EXTRAS = {
    "local": ("torch", "transformers"),
    "api": ("httpx", "keyring"),
    "cluster": ("dask", "distributed"),
    "parquet": ("pyarrow",),
    "slides": ("openslide-python",),
}


@click.command()
@click.option(
    "--need", type=click.Choice(["window", "tests"]), help="Say nothing unless something is missing for this; then exit 1."
)
@click.option("--model", is_flag=True, help="Also ask the shipped reference model and compare with the stored answers.")
def doctor(need: str | None, model: bool) -> None:
    """Versions, decoders, SQLite, system libraries by package name, display, accelerators, offline state.

    With --model, the reference model's option probabilities are compared with those that its makers stored: an installation
    whose libraries compute something else is told so.

    Example: medqdeg doctor --model
    """
    windowed = system.has_display() and need != "tests"
    problems = _problems(windowed)
    if need:
        if problems:
            raise MedqdegError("; ".join(problems))
        return
    for name, value in _facts():
        click.echo(f"{name:<26}{value}")
    if model:
        told, differing = _model_check()
        click.echo(f"{'reference model':<26}{told}")
        problems += differing
    for problem in problems:
        click.echo(f"{'problem':<26}{problem}")
    if problems:
        raise MedqdegError(f"{len(problems)} problem{'s' if len(problems) > 1 else ''} found")


def _model_check() -> tuple[str, list[str]]:
    """What the reference model's self-check found, in a line, and the problem where it did not pass."""
    from medqdeg_desktop.eval.reference.selfcheck import check

    found = check()
    told = (
        f"{found.questions} stored questions in {found.precision}, loaded in {found.load_seconds:.1f} s; log probabilities "
        f"differ by up to {found.widest:.1e}, allowed are {found.tolerance:g}"
    )
    if found.passed:
        return told, []
    return told, [
        f"the reference model answers otherwise than stored (by {found.widest:.2g}): the installed torch or transformers "
        "computes something else, and so will it for other models"
    ]


def _problems(windowed: bool) -> list[str]:
    found = []
    if missing := system.missing_libraries(windowed):
        found.append(system.advice(missing))
    if version := system.glibc_too_old():
        found.append(f"the C library is {version}; Qt needs glibc {'.'.join(map(str, system.OLDEST_GLIBC))} or newer")
    if sys.version_info < (3, 12) and _version("PySide6-Essentials") == "6.12.0":
        found.append("PySide6 6.12.0 aborts Python below 3.12; install PySide6-Essentials==6.10.3")
    return found


def _facts() -> list[tuple[str, str]]:
    facts = [
        ("medqdeg_desktop", __version__),
        ("Python", f"{platform.python_version()} on {platform.platform()}"),
        ("processor", f"{platform.machine()}, {os.cpu_count()} cores"),
        ("SQLite", f"{sqlite3.sqlite_version} ({_journal()})"),
    ]
    facts += [(name, _version(name) or "missing") for name in _BASE]
    facts += [("decoders", ", ".join(_decoders()))]
    for extra, packages in _EXTRAS.items():
        versions = [f"{p} {_version(p)}" for p in packages if _version(p)]
        facts.append((f"extra {extra}", ", ".join(versions) or f"not installed (pip install 'medqdeg-desktop[{extra}]')"))
    facts.append(("display", "yes" if system.has_display() else "none: the window cannot be shown, everything else works"))
    facts.append(("accelerator", _accelerator()))
    facts.append(("keyring", keyring_told()))
    facts.append(("network", "offline unless a command is told --allow-host; loopback counts as this machine"))
    return facts


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _journal() -> str:
    if sqlite3.sqlite_version_info >= (3, 51, 3):
        return "write-ahead log on local disks"
    return "rollback journal: this version lacks the WAL-reset fix"


def _decoders() -> list[str]:
    plugins = {
        "RLE": "rle",
        "JPEG": "PIL",
        "JPEG 12-bit and lossless": "SimpleITK",
        "JPEG-LS": "jpeg_ls",
        "JPEG 2000 and HTJ2K": "openjpeg",
    }
    return [name for name, module in plugins.items() if importlib.util.find_spec(module)]


def _accelerator() -> str:
    if importlib.util.find_spec("torch") is None:
        return "not looked for (extra local is not installed)"
    import torch

    if torch.cuda.is_available():
        return ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))
    if torch.backends.mps.is_available():
        return "Apple GPU (MPS)"
    return "none, models run on the processor"


COMMANDS: dict[str, click.Command] = {"doctor": doctor}
