"""Where a source keeps its images: beside its questions, in a folder of a known name there, or the same one level up."""

from __future__ import annotations

import os
from pathlib import Path

from medqdeg_desktop.bank.checks import RowError

_LEVELS = 4


class ImageFolders:
    """Finds images named in the rows of a file, from the folder that their paths start at, remembered once met.

    inside   names of folders that the source packs its images in (``images``, ``imgs``).
    """

    def __init__(self, file: Path, inside: tuple[str, ...] = ()) -> None:
        parents = list(file.resolve().parents)[:_LEVELS]
        self._folders = [str(parent / name) for parent in parents for name in ("", *inside)]

    def find(self, name: str) -> str:
        """Absolute path of the image ``name``; RowError where it is in none of the folders or points out of them."""
        name = name.strip()
        if not name:
            raise RowError("no image")
        # A path that begins at the root, or on a drive, is one of the machine that the source was made on.
        if ".." in name.replace("\\", "/").split("/") or name[0] in "/\\" or name[1:2] == ":":
            raise RowError(f"image {name} points out of its folder")
        for folder in self._folders:
            path = os.path.join(folder, name)  # noqa: PTH118 - 128,000 rows: a Path for each costs more than the system call
            if os.path.isfile(path):  # noqa: PTH113
                if folder is not self._folders[0]:
                    self._folders.remove(folder)
                    self._folders.insert(0, folder)
                return os.path.normpath(path)
        raise RowError(f"image {name} is not there")
