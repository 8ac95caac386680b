"""What the product needs from the operating system, and the package that brings it (design 10). Imports no Qt."""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SystemLibrary:
    """A shared library that the Qt wheels link to but do not carry, with its Debian and RHEL packages."""

    soname: str
    debian: str
    rhel: str
    windowed_only: bool = False


#: Needed even with QT_QPA_PLATFORM=offscreen, and for a window on X11.
QT_LIBRARIES = (
    SystemLibrary("libEGL.so.1", "libegl1", "libglvnd-egl"),
    SystemLibrary("libGL.so.1", "libgl1", "libglvnd-glx"),
    SystemLibrary("libxkbcommon.so.0", "libxkbcommon0", "libxkbcommon"),
    SystemLibrary("libfontconfig.so.1", "libfontconfig1", "fontconfig"),
    SystemLibrary("libdbus-1.so.3", "libdbus-1-3", "dbus-libs"),
    SystemLibrary("libglib-2.0.so.0", "libglib2.0-0", "glib2"),
    SystemLibrary("libxcb-cursor.so.0", "libxcb-cursor0", "xcb-util-cursor", windowed_only=True),
    SystemLibrary("libxcb-icccm.so.4", "libxcb-icccm4", "xcb-util-wm", windowed_only=True),
    SystemLibrary("libxcb-image.so.0", "libxcb-image0", "xcb-util-image", windowed_only=True),
    SystemLibrary("libxcb-keysyms.so.1", "libxcb-keysyms1", "xcb-util-keysyms", windowed_only=True),
    SystemLibrary("libxcb-render-util.so.0", "libxcb-render-util0", "xcb-util-renderutil", windowed_only=True),
    SystemLibrary("libxkbcommon-x11.so.0", "libxkbcommon-x11-0", "libxkbcommon-x11", windowed_only=True),
)

#: The oldest C library that the Qt wheels run on.
OLDEST_GLIBC = (2, 34)


def sync_folder(folder: Path) -> None:
    """Flushes a folder's entries, so that names given before survive a power cut (a no-op where folders cannot be opened)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def stop_deferred() -> Iterator[threading.Event]:
    """Within it SIGTERM, which is how the window says stop, sets the event and takes effect at the end: nothing is cut short.

    Elsewhere than on the main thread signals do not come, and the event stays unset.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = signal.signal(signal.SIGTERM, lambda number, frame: asked.set())
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, before)
        if asked.is_set():
            signal.raise_signal(signal.SIGTERM)


def has_display() -> bool:
    """Whether a window can be shown: always on Windows and macOS; on Linux where X11 or Wayland is offered."""
    if os.environ.get("QT_QPA_PLATFORM", "") in {"offscreen", "minimal"}:
        return False
    if sys.platform in {"win32", "darwin"}:
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def missing_libraries(windowed: bool) -> list[SystemLibrary]:
    """Libraries that Qt will not start without; empty on Windows and macOS, whose wheels carry all they need."""
    if not sys.platform.startswith("linux"):
        return []
    return [lib for lib in QT_LIBRARIES if (windowed or not lib.windowed_only) and not _loads(lib.soname)]


def glibc_too_old() -> str:
    """The C library's version where it is too old for Qt, else ""."""
    name, version = platform.libc_ver()
    if name != "glibc":
        return ""
    numbers = tuple(int(part) for part in version.split(".")[:2])
    return version if numbers < OLDEST_GLIBC else ""


def advice(missing: list[SystemLibrary]) -> str:
    """One line that says what to install, for Debian and for RHEL."""
    debian = " ".join(lib.debian for lib in missing)
    rhel = " ".join(lib.rhel for lib in missing)
    names = ", ".join(lib.soname for lib in missing)
    return f"the system lacks {names}; Debian: apt-get install {debian}; RHEL: dnf install {rhel}"


def _loads(soname: str) -> bool:
    try:
        ctypes.CDLL(soname)
    except OSError:
        return False
    return True
