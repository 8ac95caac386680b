"""What calibration refuses."""

from __future__ import annotations

from medqdeg_desktop.errors import MedqdegError


class CalibrationError(MedqdegError):
    """A profile that cannot be read, drafted or compared; ``str(error)`` is one line that names the file or cell."""
