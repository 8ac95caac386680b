"""How much a file may ask for before anything is decoded.

A header is a claim: a file of 500 bytes can claim 61 GiB of pixels. Every claim is checked against these limits first, and
the decoder runs in a child process with a memory and a time limit for what a check cannot foresee.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from medqdeg_desktop.engine.errors import UnreadableImageError

MIB = 1 << 20

#: Deflate cannot do better than 1032 : 1 (RFC 1951: 258 bytes for 2 bits), PackBits not better than 64 : 1 (128 bytes for 2).
DEFLATE_RATIO = 1032
PACKBITS_RATIO = 64


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one decoder.

    frame_bytes     decoded size of one frame (rows x columns x samples x bytes a value).
    volume_bytes    decoded size of a NIfTI volume, or of an inflated file or member of an archive that is held as a whole.
    frames          frames in one file.
    entries         entries of one archive.
    memory_bytes    address space of the decoder process (POSIX).
    seconds         time for one frame; a volume that must be inflated as a whole counts as one.
    """

    frame_bytes: int = 512 * MIB
    volume_bytes: int = 1024 * MIB
    frames: int = 100_000
    entries: int = 100_000
    memory_bytes: int = 4096 * MIB
    seconds: float = 20.0

    @classmethod
    def from_environment(cls) -> Limits:
        """The defaults, scaled by ``MEDQDEG_DECODER_LIMIT_MB`` (size of one frame) where a site works with larger images."""
        text = os.environ.get("MEDQDEG_DECODER_LIMIT_MB", "")
        if not text.isdigit() or int(text) == 0:
            return cls()
        frame = int(text) * MIB
        return cls(frame_bytes=frame, volume_bytes=2 * frame, memory_bytes=max(4096 * MIB, 8 * frame))

    def check_frame(self, path: str, rows: int, columns: int, samples: int, bytes_per_value: int) -> None:
        """Raises UnreadableImageError unless one frame of this size may be decoded."""
        if rows < 1 or columns < 1:
            raise UnreadableImageError(path, f"the header says {rows} rows and {columns} columns")
        size = rows * columns * samples * bytes_per_value
        if size > self.frame_bytes:
            raise UnreadableImageError(
                path, f"a frame of {columns} x {rows} would take {_mb(size)}; the limit is {_mb(self.frame_bytes)}"
            )

    def check_volume(self, path: str, size: int) -> None:
        """Raises UnreadableImageError unless ``size`` bytes may be held at once."""
        if size > self.volume_bytes:
            raise UnreadableImageError(path, f"would inflate to {_mb(size)}; the limit is {_mb(self.volume_bytes)}")

    def check_frames(self, path: str, frames: int) -> None:
        """Raises UnreadableImageError unless a file may hold so many frames."""
        if not 1 <= frames <= self.frames:
            raise UnreadableImageError(path, f"the header says {frames:,} frames; the limit is {self.frames:,}")


def _mb(size: int) -> str:
    return f"{size / MIB:,.0f} MB"
