"""The base of every error raised on purpose: ``str(error)`` is one line, fit to be shown to a user as it stands.

The command line prints that line and exits with 1; the window shows it in a banner. Anything else that is raised is a
defect and keeps its traceback.
"""

from __future__ import annotations


class MedqdegError(Exception):
    """Something a user can understand and act on: it names the file, row or value, and the reason."""
