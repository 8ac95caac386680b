"""``medqdeg [STUDY | FILE | FOLDER]``: the window."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("open")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[STUDY | FILE | FOLDER]...")
def open_window(paths: tuple[Path, ...]) -> int:
    """Open the window on a study, or on files, folders and archives (ZIP, tar) of images.

    Without an argument it opens the last study. Decisions are kept at once; there is nothing to save.

    \b
    Example: medqdeg chest.medq
             medqdeg /media/cd/DICOM
    """
    from medqdeg_desktop.engine.reading.archives import file_of
    from medqdeg_desktop.ui.application import WindowError, run

    for path in paths:
        if not file_of(path).exists():
            raise WindowError(f"{path}: no such file or folder")
    return run(paths)


COMMANDS: dict[str, click.Command] = {"open": open_window}
