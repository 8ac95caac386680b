"""PNG, JPEG, TIFF, BMP and WebP through Pillow, 8 and 16 bit, grey and colour; the pages of a TIFF are frames.

Pillow's pixel limit is kept. The orientation that a camera wrote into EXIF is applied and recorded; a colour profile is noted,
not applied; transparency is laid on black.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt

from medqdeg_desktop.engine.errors import UnreadableImageError
from medqdeg_desktop.engine.reading.archives import open_bytes
from medqdeg_desktop.engine.reading.colour import grey_if_equal, to_bytes
from medqdeg_desktop.engine.reading.facts import DecodedFrame, FileFacts
from medqdeg_desktop.engine.reading.limits import Limits

if TYPE_CHECKING:
    from PIL.Image import Image

Array = npt.NDArray[Any]

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")
_NAMES = {"WEBP": "WebP"}
_GREY16 = ("I;16", "I;16L", "I;16B", "I;16N")
_EXIF_ORIENTATION = 0x0112


def describe(path: str, limits: Limits) -> FileFacts:
    """Facts from the header alone. Raises UnreadableImageError."""
    with _opened(path, limits) as (image, file):
        frames = _frame_count(path, image, limits)
        columns, rows = image.size
        limits.check_frame(path, rows, columns, 3, 1)
        turned = _exif_orientation(image) in (5, 6, 7, 8)
        name = _NAMES.get(image.format or "", image.format or "")
        return FileFacts(
            path=path,
            format=name,
            frames=frames,
            rows=columns if turned else rows,
            columns=rows if turned else columns,
            colour=not _is_grey(image),
            bits=_bits(image, file),
            label=f"{name} image",
            transfer_syntax=name,
        )


def decode(path: str, frame: int, limits: Limits) -> DecodedFrame:
    """Page ``frame``. Raises UnreadableImageError with the reason in one line."""
    from PIL import ImageOps

    with _opened(path, limits) as (image, file):
        frames = _frame_count(path, image, limits)
        if not 0 <= frame < frames:
            raise UnreadableImageError(path, f"has no frame {frame + 1}; it has {frames}")
        if frame:
            image.seek(frame)
        columns, rows = image.size
        limits.check_frame(path, rows, columns, 1 if _is_grey(image) else 3, 4 if _is_grey(image) else 1)
        name = _NAMES.get(image.format or "", image.format or "")
        provenance = {"format": name, "decoder": f"Pillow {version('pillow')}", "transfer_syntax": name}
        if image.info.get("icc_profile"):
            provenance["colour_profile"] = "present, not applied"
        bits = _bits(image, file)
        orientation = _exif_orientation(image)
        if image.format == "JPEG" and (wrong := _damage(file)):
            provenance["damaged"] = wrong
        values = _deep_colour_png(file) if bits == 16 and not _is_grey(image) else None
        if values is not None:
            import cv2

            provenance["decoder"] = f"OpenCV {cv2.__version__}"
            provenance["bits"] = "16-bit colour shown with 8"
        else:
            image.load()
            upright = ImageOps.exif_transpose(image) if orientation > 1 else image
            if orientation > 1:
                provenance["exif_orientation"] = f"{orientation}, applied"
            values = _values(upright, provenance)
    if values.ndim == 2:
        return _grey(values, bits, provenance)
    grey = grey_if_equal(values) if frames == 1 else None
    if grey is None:
        return DecodedFrame(values, provenance=provenance, voi_function="LINEAR_EXACT")
    provenance["colour"] = "three equal channels taken as grey"
    return _grey(grey, 8, provenance)


def _damage(file: BinaryIO) -> str:
    from medqdeg_desktop.engine.reading.damage import damage

    file.seek(0)
    return damage(file.read())


def _grey(values: Array, bits: int, provenance: dict[str, str]) -> DecodedFrame:
    stored = (0.0, float(2**bits - 1)) if bits else None
    return DecodedFrame(
        values.astype(np.float32), bits=bits, stored_range=stored, voi_function="LINEAR_EXACT", provenance=provenance
    )


@contextmanager
def _opened(path: str, limits: Limits) -> Iterator[tuple[Image, BinaryIO]]:
    """The picture, and its file to look at beside it."""
    from PIL import Image

    with warnings.catch_warnings():
        # Over half of Pillow's limit it only warns; here that is a refusal as well.
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with ExitStack() as opened:
                file, aside = (opened.enter_context(open_bytes(path, limits)) for _ in range(2))
                yield opened.enter_context(Image.open(file, formats=FORMATS)), aside
        except UnreadableImageError:
            raise
        except (Image.DecompressionBombWarning, Image.DecompressionBombError):
            raise UnreadableImageError(path, f"has more than {Image.MAX_IMAGE_PIXELS:,} pixels") from None
        except Image.UnidentifiedImageError:
            raise UnreadableImageError(path, "is damaged in its header") from None
        except (OSError, SyntaxError, EOFError, ValueError, struct.error) as error:
            raise UnreadableImageError(path, f"cannot be decoded ({str(error)[:160] or type(error).__name__})") from None


def _frame_count(path: str, image: Image, limits: Limits) -> int:
    # An animation is no stack of slices: of PNG and WebP the first picture counts.
    frames = int(getattr(image, "n_frames", 1)) if image.format == "TIFF" else 1
    limits.check_frames(path, frames)
    return frames


def _exif_orientation(image: Image) -> int:
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:
        return 1


def _is_grey(image: Image) -> bool:
    return image.mode in ("1", "L", "LA", "I", "F", *_GREY16)


def _bits(image: Image, file: BinaryIO) -> int:
    """Bits of a stored value; 0 for floating point."""
    if image.mode in _GREY16:
        return 16
    if image.mode == "I":
        return 16 if image.format == "PNG" else 32
    if image.mode == "F":
        return 0
    return 16 if image.format == "PNG" and _png_depth(file) == 16 else 8


def _png_depth(file: BinaryIO) -> int:
    file.seek(0)
    head = file.read(25)
    return head[24] if len(head) == 25 else 8


def _deep_colour_png(file: BinaryIO) -> npt.NDArray[np.uint8] | None:
    """RGB of a PNG with 16 bits a channel, rounded to 8 (Pillow would cut the low byte off)."""
    import cv2

    file.seek(0)
    deep = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_UNCHANGED)
    if deep is None or deep.ndim != 3 or deep.dtype != np.uint16:
        return None
    colour = deep[..., 2::-1].astype(np.float32)
    if deep.shape[2] == 4:
        colour *= deep[..., 3:].astype(np.float32) / np.float32(65535)
    return to_bytes(colour, 16)


def _values(image: Image, provenance: dict[str, str]) -> Array:
    """The pixels as (rows, columns) in their own type or (rows, columns, 3) uint8."""
    mode = image.mode
    if mode == "P":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    elif mode == "1":
        image = image.convert("L")
    elif mode not in ("L", "LA", "RGB", "RGBA", "I", "F", *_GREY16):
        provenance["colour_space"] = f"{mode} converted to RGB"
        image = image.convert("RGB")
    values: Array = np.asarray(image)
    if values.ndim == 3 and values.shape[2] in (2, 4):
        alpha = values[..., -1:]
        values = values[..., :-1]
        if int(alpha.min(initial=255)) < 255:
            provenance["transparency"] = "laid on black"
            values = np.rint(values * (alpha.astype(np.float32) / 255)).astype(np.uint8)
        if values.shape[2] == 1:
            values = values[..., 0]
    return values
