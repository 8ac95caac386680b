"""Reading images: DICOM, NIfTI, PNG, JPEG, TIFF, BMP, WebP; files, folders and DICOMDIR.

``scan`` lists the series at a path, ``read_series`` opens exactly one, ``read_image`` one frame. Decoding happens in guarded
child processes (``guard``), unless ``decode_here`` says that the caller is expendable itself.

Names are loaded when they are first used: the decoder process lives in this package and starts faster without the rest.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from medqdeg_desktop.engine.reading.guard import Decoder, decoder_here, shared_decoder
    from medqdeg_desktop.engine.reading.opening import read_image, read_series
    from medqdeg_desktop.engine.reading.scanning import Refused, ScanResult, scan
    from medqdeg_desktop.engine.reading.series import FrameSource, Series

__all__ = [
    "Decoder",
    "FrameSource",
    "Refused",
    "ScanResult",
    "Series",
    "decoder_here",
    "read_image",
    "read_series",
    "scan",
    "shared_decoder",
]

_HOMES = {
    "guard": ("Decoder", "decoder_here", "shared_decoder"),
    "opening": ("read_image", "read_series"),
    "scanning": ("Refused", "ScanResult", "scan"),
    "series": ("FrameSource", "Series"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
