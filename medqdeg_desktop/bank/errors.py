"""What the item bank refuses; the text is one line that names the file, row or folder and the reason."""

from __future__ import annotations

from medqdeg_desktop.errors import MedqdegError


class BankError(MedqdegError):
    """An import, a plan or a dataset that cannot be used as it is."""


class DatasetError(BankError):
    """A folder that is no dataset, is not complete, or does not fit what it is asked for."""
