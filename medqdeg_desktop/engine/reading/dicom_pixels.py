"""DICOM: one frame decoded to native values: decoder -> colour once -> modality LUT or rescale, with its VOI LUT or window.

pydicom's plugins decode all transfer syntaxes but JPEG lossless and 12-bit JPEG, for which SimpleITK reads a temporary file
made of that one frame. Pixels of lossy colour files depend on the decoder, so its name and version are recorded.
"""

from __future__ import annotations

import tempfile
import warnings
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from medqdeg_desktop.engine.errors import UnreadableImageError
from medqdeg_desktop.engine.reading import dicom, overlay_planes
from medqdeg_desktop.engine.reading.codestream import check_codestream, jpeg2000_precision
from medqdeg_desktop.engine.reading.colour import grey_if_equal, to_bytes
from medqdeg_desktop.engine.reading.damage import complaint, damage, overheard
from medqdeg_desktop.engine.reading.dicom_file import (
    DicomFile,
    element,
    first_item,
    functional_group,
    items,
    number,
    text,
    whole,
)
from medqdeg_desktop.engine.reading.facts import DecodedFrame, one_line
from medqdeg_desktop.engine.reading.geometry import edge_letters
from medqdeg_desktop.engine.reading.limits import Limits

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Array = npt.NDArray[Any]

_JPEG_LOSSLESS = {"1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"}
_JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
_JPEG = {"1.2.840.10008.1.2.4.50", _JPEG_EXTENDED}
_JPEG_LS = {"1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"}
_JPEG_2000 = {f"1.2.840.10008.1.2.4.{n}" for n in (90, 91, 201, 202, 203)}
_PIXEL_DESCRIPTION = (
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
)
_RLE = "1.2.840.10008.1.2.5"
_PACKAGES = {"pylibjpeg-rle": "pylibjpeg", "pylibjpeg-openjpeg": "pylibjpeg", "pyjpegls": "pyjpegls", "pillow": "pillow"}


def decode(file: DicomFile, frame: int, limits: Limits) -> DecodedFrame:
    """Frame ``frame`` of an opened file. Raises UnreadableImageError with the reason in one line."""
    dicom.check(file, limits)
    header = file.header
    frames = dicom.frame_count(file)
    if not 0 <= frame < frames:
        raise UnreadableImageError(file.path, f"has no frame {frame + 1}; it has {frames}")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        stored, decoder, wrong = _stored_values(file, frame)
    words = stored if _unmasked(file) else None
    if words is not None:
        stored = overlay_planes.pixel_values(words, header)
    if stored.ndim == 3 and stored.shape[2] not in (1, 3):
        raise UnreadableImageError(file.path, f"{stored.shape[2]} values a pixel cannot be shown")
    provenance = {"format": "DICOM", "decoder": decoder, "transfer_syntax": dicom.syntax_name(file.transfer_syntax)}
    if wrong:
        provenance["damaged"] = wrong
    if told:
        # A damaged or contradictory frame may still be decoded: what the decoder says of it goes with the picture.
        provenance["decoder_warning"] = (
            one_line(told[0].message) if isinstance(told[0].message, Warning) else str(told[0].message)
        )
    overlay, groups = overlay_planes.overlay(header, frame, words)
    if groups:
        provenance["overlay_planes"] = ", ".join(f"{group:04X}" for group in groups)
    if text(header, "PhotometricInterpretation") == "PALETTE COLOR":
        stored = _through_palette(file.path, stored, header)
    spacing = dicom.spacing(header, frame)
    if spacing is not None and dicom.detector_spacing(header):
        provenance["spacing"] = "ImagerPixelSpacing (at the detector)"
    cosines = dicom.orientation(header, frame)
    letters = edge_letters(cosines) if cosines else _stated_letters(header)
    if stored.ndim == 3:
        colour = to_bytes(stored, 8 if stored.dtype == np.uint8 else whole(header, "BitsStored") or 16)
        # A grey frame of a colour loop stays colour, so that all frames of a series are of one kind.
        if frames > 1:
            return DecodedFrame(colour, spacing=spacing, orientation=letters, provenance=provenance, overlay=overlay)
        grey = grey_if_equal(colour)
        if grey is None:
            return DecodedFrame(colour, spacing=spacing, orientation=letters, provenance=provenance, overlay=overlay)
        provenance["colour"] = "three equal channels taken as grey"
        return DecodedFrame(
            grey,
            8,
            (0.0, 255.0),
            voi_function="LINEAR_EXACT",
            spacing=spacing,
            orientation=letters,
            provenance=provenance,
            overlay=overlay,
        )
    padding = number(header, "PixelPaddingValue")
    pixels, stored_range = _modality_values(stored, header, frame)
    if padding is not None:
        provenance["padding"] = f"{padding:g} (stored value)"
    voi = functional_group(header, frame, "FrameVOILUTSequence")
    function = (text(voi, "VOILUTFunction") or text(header, "VOILUTFunction")).upper()
    window = dicom.window(header, frame)
    return DecodedFrame(
        pixels=pixels,
        bits=0 if stored.dtype.kind == "f" else whole(header, "BitsStored") or 8 * stored.dtype.itemsize,
        stored_range=stored_range,
        hounsfield=dicom.hounsfield(header, frame),
        window=window,
        # Windows that the program makes itself run exactly from low to high.
        voi_function="LINEAR_EXACT" if window is None else function if function in ("SIGMOID", "LINEAR_EXACT") else "LINEAR",
        voi_lut=_voi_table(header),
        inverted=text(header, "PhotometricInterpretation") == "MONOCHROME1",
        spacing=spacing,
        orientation=letters,
        provenance=provenance,
        overlay=overlay,
    )


def _unmasked(file: DicomFile) -> bool:
    """Whether decoding leaves all bits of the pixel words in place, so that those beside the values can be looked at and cut."""
    header = file.header
    return (
        (file.pixel_syntax == _RLE or not dicom._encapsulated(file.pixel_syntax))
        and file.pixel_keyword == "PixelData"
        and (whole(header, "SamplesPerPixel") or 1) == 1
        and (whole(header, "BitsAllocated") or 0) > (whole(header, "BitsStored") or 0)
    )


def _stored_values(file: DicomFile, frame: int) -> tuple[Array, str, str]:
    """Stored values (rows, columns) or RGB (rows, columns, 3), the decoder's name with its version, and damage it passed over."""
    from pydicom.encaps import get_frame
    from pydicom.pixels import get_decoder
    from pydicom.pixels.utils import as_pixel_options
    from pydicom.uid import UID

    syntax = file.pixel_syntax
    options: dict[str, Any] = as_pixel_options(file.header, pixel_keyword=file.pixel_keyword, pixel_vr=file.pixel_vr)
    options["transfer_syntax_uid"] = UID(syntax)
    if _unmasked(file):
        options["correct_unused_bits"] = False
    native = not dicom._encapsulated(syntax)
    if native:
        with file.stream() as source:
            stored, _ = get_decoder(syntax).as_array(source, index=frame, **options)
        return stored, f"pydicom {_version('pydicom')}", ""
    with file.stream() as source:
        code = get_frame(
            source,
            frame,
            number_of_frames=dicom.frame_count(file),
            extended_offsets=options.get("extended_offsets"),
        )
    check_codestream(file.path, code, syntax, file.header)
    precision, stored_bits = jpeg2000_precision(code) if syntax in _JPEG_2000 else None, whole(file.header, "BitsStored")
    if precision is not None and stored_bits is not None and precision > stored_bits:
        warnings.warn(f"the compressed values have {precision} bits, the header says {stored_bits}", stacklevel=1)
    if syntax in _JPEG_LOSSLESS:
        return _by_simpleitk(file, code)
    for package in _decoders(file.path, syntax):
        try:
            with file.stream() as source:
                stored, _ = get_decoder(syntax).as_array(
                    source,
                    index=frame,
                    decoding_plugin=_PACKAGES[package],
                    **options,
                )
            wrong = damage(code) if syntax in _JPEG or syntax in _JPEG_2000 else ""
            return stored, f"pydicom {_version('pydicom')}, {package} {_version(package)}", wrong
        except MemoryError:
            raise
        except Exception as error:
            failure = error
            if syntax == _JPEG_EXTENDED:
                return _by_simpleitk(file, code)
    # What is wrong with the data says more than that a library gave up.
    reason = (damage(code) if syntax in _JPEG_2000 else "") or one_line(failure)
    raise UnreadableImageError(file.path, f"pixel data cannot be decoded ({reason})")


def _decoders(path: str, syntax: str) -> tuple[str, ...]:
    """Packages that decode ``syntax``, the preferred one first; UnreadableImageError where there is none (video, for example)."""
    if syntax == _RLE:
        return ("pylibjpeg-rle",)
    if syntax in _JPEG:
        return ("pillow",)
    if syntax in _JPEG_LS:
        return ("pyjpegls",)
    if syntax in _JPEG_2000:
        return ("pylibjpeg-openjpeg",)
    raise UnreadableImageError(path, f"transfer syntax {dicom.syntax_name(syntax)} is not read")


def _by_simpleitk(file: DicomFile, code: bytes) -> tuple[Array, str, str]:
    """As ``_stored_values``, for one JPEG frame through a temporary file of this frame and its description alone."""
    import SimpleITK
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import UID, SecondaryCaptureImageStorage

    single = Dataset()
    for keyword in _PIXEL_DESCRIPTION:
        value = element(file.header, keyword)
        if value is not None:
            setattr(single, keyword, value)
    single.SOPClassUID = SecondaryCaptureImageStorage
    single.SOPInstanceUID = UID("2.25.1")
    single.PixelData = encapsulate([code])
    single["PixelData"].VR = "OB"
    single["PixelData"].is_undefined_length = True
    single.file_meta = FileMetaDataset()
    single.file_meta.TransferSyntaxUID = UID(file.pixel_syntax)
    single.file_meta.MediaStorageSOPClassUID = single.SOPClassUID
    single.file_meta.MediaStorageSOPInstanceUID = single.SOPInstanceUID
    with tempfile.TemporaryDirectory(prefix="medqdeg-") as folder:
        path = str(Path(folder) / "frame.dcm")
        single.save_as(path, enforce_file_format=True)
        reader = SimpleITK.ImageFileReader()
        reader.SetImageIO("GDCMImageIO")
        reader.SetFileName(path)
        with overheard() as words:
            try:
                stored: Array = SimpleITK.GetArrayFromImage(reader.Execute())
            except RuntimeError as error:
                raise UnreadableImageError(file.path, f"pixel data cannot be decoded ({one_line(error)})") from None
    return stored[0], f"SimpleITK {_version('SimpleITK')}", complaint(words)


def _modality_values(stored: Array, header: Dataset, frame: int) -> tuple[Array, tuple[float, float] | None]:
    """float32 values after the modality LUT or rescale, and the range that the stored bits can express."""
    table = lookup_table(first_item(header, "ModalityLUTSequence"), stored.dtype.kind == "i")
    if table is not None:
        first, entries, bits = table
        index = np.clip(stored.astype(np.int64) - first, 0, len(entries) - 1)
        return entries[index].astype(np.float32), (0.0, float(2**bits - 1))
    group = functional_group(header, frame, "PixelValueTransformationSequence")
    source = group if group is not None else header
    slope, intercept = number(source, "RescaleSlope"), number(source, "RescaleIntercept")
    slope = 1.0 if slope is None or slope == 0 else slope
    intercept = intercept or 0.0
    pixels = stored.astype(np.float32)
    if slope == 1.0 and intercept.is_integer() and stored.dtype.itemsize <= 2 and abs(intercept) < 2**23:
        pixels += np.float32(intercept)  # whole numbers below 2^24 are exact in float32
    elif (slope, intercept) != (1.0, 0.0):
        # In double precision, rounded once at the end.
        pixels = (stored.astype(np.float64) * slope + intercept).astype(np.float32)
    if stored.dtype.kind == "f":
        return pixels, None
    bits = whole(header, "BitsStored") or 8 * stored.dtype.itemsize
    low, high = (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1) if stored.dtype.kind == "i" else (0.0, 2.0**bits - 1)
    ends = sorted((low * slope + intercept, high * slope + intercept))
    return pixels, (ends[0], ends[1])


def lookup_table(item: Dataset | None, signed: bool) -> tuple[int, npt.NDArray[np.float64], int] | None:
    """(first mapped value, entries, bits an entry) of a LUT sequence item (PS3.3 C.11.1.1), or None."""
    descriptor = element(item, "LUTDescriptor")
    data = element(item, "LUTData")
    if descriptor is None or data is None or len(descriptor) != 3:
        return None
    count, first, bits = (int(v) for v in descriptor)
    count = count or 65536
    if signed and first > 32767:
        first -= 65536
    if isinstance(data, bytes):
        values = np.frombuffer(data, "<u2" if len(data) >= 2 * count else "u1")
    else:
        values = np.asarray(list(data) if isinstance(data, list | tuple) or hasattr(data, "__iter__") else [data])
        if len(values) * 2 == count:
            # Two 8-bit entries in each 16-bit word, low byte first.
            values = values.astype("<u2").view("u1")
    entries = values[:count].astype(np.float64)
    if entries.size == 0:
        return None
    return first, entries, bits if 8 <= bits <= 16 else 16


def _voi_table(header: Dataset) -> tuple[float, npt.NDArray[np.float32]] | None:
    """The first VOI LUT with its entries scaled to 0..1 by the bits an entry has, or None."""
    table = lookup_table(first_item(header, "VOILUTSequence"), whole(header, "PixelRepresentation") == 1 or _negative(header))
    if table is None:
        return None
    first, entries, bits = table
    return float(first), (entries / (2**bits - 1)).astype(np.float32)


def _negative(header: Dataset) -> bool:
    """Whether rescaled values can be negative: the first mapped value of a VOI LUT is then signed (PS3.3 C.11.2.1.1)."""
    return (number(header, "RescaleIntercept") or 0.0) < 0 and not items(header, "ModalityLUTSequence")


def _through_palette(path: str, stored: Array, header: Dataset) -> Array:
    from pydicom.pixels import apply_color_lut

    try:
        coloured: Array = apply_color_lut(stored, header)[..., :3]
    except Exception as error:
        raise UnreadableImageError(path, f"the colour palette is broken ({one_line(error)})") from None
    if coloured.dtype == np.uint16 and int(coloured.max(initial=0)) <= 255:
        # Some devices write 8-bit colours into a palette that is declared with 16 bits.
        coloured = coloured.astype(np.uint8)
    return coloured if coloured.dtype == np.uint8 else to_bytes(coloured, 16)


def _stated_letters(header: Dataset) -> tuple[str, str, str, str] | None:
    """Letters of a projection from PatientOrientation (toward the right edge, toward the bottom), or None."""
    value = element(header, "PatientOrientation")
    if value is None or isinstance(value, str) or len(value) != 2:
        return None
    opposite = str.maketrans("LRAPHF", "RLPAFH")
    right, bottom = (str(v).upper() for v in value)
    if not right or not bottom or set(right + bottom) - set("LRAPHF"):
        return None
    return right.translate(opposite), right, bottom.translate(opposite), bottom


@cache
def _version(package: str) -> str:
    return version(package)
