"""DICOM: the facts of a file, from its header alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from medqdeg_desktop.engine.errors import UnreadableImageError
from medqdeg_desktop.engine.reading import overlay_planes
from medqdeg_desktop.engine.reading.dicom_file import (
    DicomFile,
    element,
    first_item,
    functional_group,
    hashed,
    items,
    number,
    numbers,
    text,
    whole,
)
from medqdeg_desktop.engine.reading.facts import FileFacts
from medqdeg_desktop.engine.reading.geometry import valid_orientation
from medqdeg_desktop.engine.reading.limits import Limits

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_RLE = "1.2.840.10008.1.2.5"
_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
#: Elements by which images of one series that lie at the same place differ.
_SPLITS = (
    ("EchoTime", "echo time"),
    ("EchoNumbers", "echo"),
    ("DiffusionBValue", "b-value"),
    ("TemporalPositionIdentifier", "time point"),
    ("TriggerTime", "trigger time"),
    ("AcquisitionNumber", "acquisition"),
    ("ImageType", "image type"),
    ("ContentTime", "time"),
)


def describe(file: DicomFile, limits: Limits) -> FileFacts:
    """Facts of an opened file. Raises UnreadableImageError where it holds no image or claims an impossible one."""
    header = file.header
    check(file, limits)
    frames = frame_count(file)
    orientations: list[tuple[float, ...] | None] = [orientation(header, i) for i in range(frames)]
    facts = FileFacts(
        path=file.path,
        format="DICOM",
        frames=frames,
        rows=whole(header, "Rows") or 0,
        columns=whole(header, "Columns") or 0,
        colour=(whole(header, "SamplesPerPixel") or 1) > 1 or text(header, "PhotometricInterpretation") == "PALETTE COLOR",
        bits=0 if "Float" in file.pixel_keyword else whole(header, "BitsStored") or 8,
        modality=text(header, "Modality").upper(),
        label=_label(header),
        transfer_syntax=syntax_name(file.transfer_syntax),
        spacing=spacing(header, 0),
        positions=[position(header, i) for i in range(frames)],
        orientations=orientations,
        window=window(header, 0),
        hounsfield=hounsfield(header, 0),
        series_key=_series_key(file.path, header),
        instance_key=hashed(text(header, "SOPInstanceUID")),
        frame_of_reference=hashed(text(header, "FrameOfReferenceUID")),
        instance_number=whole(header, "InstanceNumber"),
        splits={name: _plain(header, keyword) for keyword, name in _SPLITS if text(header, keyword)},
        gantry_tilt=number(header, "GantryDetectorTilt") or 0.0,
        frame_seconds=_frame_seconds(header),
        warnings=_warnings(file),
    )
    if frames > 1:
        facts.slice_spacing = number(functional_group(header, 0, "PixelMeasuresSequence"), "SpacingBetweenSlices")
    return facts


def check(file: DicomFile, limits: Limits) -> None:
    """Refuses what has no pixels, or whose header claims more than it can hold or than the limits allow."""
    header, path = file.header, file.path
    if not file.pixel_keyword:
        kind = text(header, "Modality")
        if text(header, "MediaStorageSOPClassUID") or items(header, "DirectoryRecordSequence"):
            raise UnreadableImageError(path, "is a directory of DICOM files, not an image")
        if len(header) == 0:
            raise UnreadableImageError(path, "is no DICOM file, or is cut off in its header")
        raise UnreadableImageError(path, f"holds no pixels{f' (modality {kind})' if kind else ''}, or is cut off before them")
    rows, columns = whole(header, "Rows"), whole(header, "Columns")
    if rows is None or columns is None:
        raise UnreadableImageError(path, "the header lacks Rows or Columns")
    samples, allocated = whole(header, "SamplesPerPixel") or 1, whole(header, "BitsAllocated") or 8
    # Values are held as float32, or as 8-bit colour.
    limits.check_frame(path, rows, columns, samples, max(4 if samples == 1 else 1, allocated // 8))
    if header.get("NumberOfFrames") not in (None, "") and whole(header, "NumberOfFrames") is None:
        raise UnreadableImageError(path, "NumberOfFrames is no number")
    frames = frame_count(file)
    limits.check_frames(path, frames)
    if file.pixel_length is not None and not _encapsulated(file.pixel_syntax):
        bits = rows * columns * samples * allocated
        if text(header, "PhotometricInterpretation") == "YBR_FULL_422":
            bits = bits * 2 // 3
        needed = (bits * frames + 7) // 8
        present = min(file.pixel_length, file.size - file.pixel_offset)
        if present < needed:
            raise UnreadableImageError(
                path,
                f"pixel data are cut off or the header is wrong: {present:,} bytes where {frames} x {rows} x {columns} "
                f"need {needed:,}",
            )


def frame_count(file: DicomFile) -> int:
    """NumberOfFrames, 1 where absent; 0 where the header says less than one."""
    count = whole(file.header, "NumberOfFrames")
    return 1 if count is None else max(count, 0)


def _encapsulated(syntax: str) -> bool:
    from pydicom.uid import UID

    uid = UID(syntax)
    return uid.is_transfer_syntax and uid.is_encapsulated


def syntax_name(uid: str) -> str:
    from pydicom.uid import UID

    return str(UID(uid).name)


def orientation(header: Dataset, frame: int) -> tuple[float, ...] | None:
    """Direction cosines of one frame, or None where absent or invalid."""
    group = functional_group(header, frame, "PlaneOrientationSequence")
    values = numbers(group, "ImageOrientationPatient", 6) or numbers(header, "ImageOrientationPatient", 6)
    return valid_orientation(values)


def position(header: Dataset, frame: int) -> tuple[float, float, float] | None:
    group = functional_group(header, frame, "PlanePositionSequence")
    values = numbers(group, "ImagePositionPatient", 3) or numbers(header, "ImagePositionPatient", 3)
    return None if values is None else (values[0], values[1], values[2])


def spacing(header: Dataset, frame: int) -> tuple[float, float] | None:
    """(row, column) mm: PixelSpacing, else the detector's ImagerPixelSpacing, else the region calibration of ultrasound."""
    group = functional_group(header, frame, "PixelMeasuresSequence")
    for source, keyword in ((group, "PixelSpacing"), (header, "PixelSpacing"), (header, "ImagerPixelSpacing")):
        values = numbers(source, keyword, 2)
        if values is not None and values[0] > 0 and values[1] > 0:
            return values[0], values[1]
    regions = items(header, "SequenceOfUltrasoundRegions")
    if len(regions) == 1:
        region = regions[0]
        across, down = number(region, "PhysicalDeltaX"), number(region, "PhysicalDeltaY")
        # Unit 3 is centimetres (PS3.3 C.8.5.5.1.15).
        if across and down and whole(region, "PhysicalUnitsXDirection") == 3 == whole(region, "PhysicalUnitsYDirection"):
            return abs(down) * 10, abs(across) * 10
    return None


def detector_spacing(header: Dataset) -> bool:
    """Whether the spacing is that of the detector: distances in the body are smaller by the magnification."""
    return numbers(header, "PixelSpacing", 2) is None and numbers(header, "ImagerPixelSpacing", 2) is not None


def window(header: Dataset, frame: int) -> tuple[float, float] | None:
    """(center, width) of the first window of a frame, or None."""
    for source in (functional_group(header, frame, "FrameVOILUTSequence"), header):
        center, width = number(source, "WindowCenter"), number(source, "WindowWidth")
        if center is not None and width is not None and width > 0:
            return center, width
    return None


def hounsfield(header: Dataset, frame: int) -> bool:
    """Whether rescaled values are HU: RescaleType says so, or a CT rescales without saying to what (PS3.3 C.8.2.1.1.2)."""
    group = functional_group(header, frame, "PixelValueTransformationSequence")
    source = group if group is not None else header
    kind = text(source, "RescaleType").upper()
    if kind in ("HU", "HU_MOD"):
        return True
    return kind in ("", "US") and text(header, "Modality").upper() == "CT" and number(source, "RescaleIntercept") is not None


def _series_key(path: str, header: Dataset) -> str:
    """From SeriesInstanceUID; where that was blanked, slices of one folder with equal frame of reference and series number."""
    uid = text(header, "SeriesInstanceUID")
    if not uid and position(header, 0) is not None:
        keywords = ("FrameOfReferenceUID", "SeriesNumber", "SeriesDescription", "AcquisitionNumber")
        uid = "\x1f".join((str(Path(path).parent), *(text(header, keyword) for keyword in keywords)))
    return hashed(uid)


def _label(header: Dataset) -> str:
    """Modality, body part and series description; no other element reaches the screen."""
    parts = [text(header, "Modality"), text(header, "BodyPartExamined").capitalize(), text(header, "SeriesDescription")]
    kept: list[str] = []
    for part in parts:
        if part and not any(part.casefold() in k.casefold() for k in kept):
            kept.append(part[:64])
    return " · ".join(kept) or "DICOM"


def _plain(header: Dataset, keyword: str) -> str:
    """A value as a person would write it: "10" for 10.0, all parts of a multiple value."""
    values = numbers(header, keyword)
    if values is not None:
        return " ".join(f"{v:g}" for v in values)
    value = element(header, keyword)
    return value if isinstance(value, str) else " ".join(str(part) for part in value)


def _frame_seconds(header: Dataset) -> float | None:
    """Seconds a cine frame is shown, from FrameTime (ms) or the recommended rate."""
    milliseconds = number(header, "FrameTime")
    if milliseconds and milliseconds > 0:
        return milliseconds / 1000
    rate = number(header, "RecommendedDisplayFrameRate") or number(header, "CineRate")
    return 1 / rate if rate and rate > 0 else None


def _warnings(file: DicomFile) -> list[str]:
    header = file.header
    found: list[str] = []
    if file.guessed:
        found.append("no file meta header: encoding guessed")
    if "RescaleIntercept" in header and number(header, "RescaleSlope") is None and "RescaleSlope" in header:
        found.append("RescaleSlope is empty: 1 assumed")
    if detector_spacing(header):
        found.append("spacing is that of the detector, not of the patient")
    if "ImageOrientationPatient" in header and orientation(header, 0) is None:
        found.append("image orientation is invalid and left out")
    if first_item(header, "ModalityLUTSequence") is not None and hounsfield(header, 0):
        found.append("modality LUT used instead of rescale")
    if text(header, "SOPClassUID") == _SLIDE:
        found.append("tiles of a whole-slide image: the extra 'slides' opens it by region")
    planes, broken = overlay_planes.planes(header)
    found += broken
    if any(plane.bit is not None for plane in planes) and _encapsulated(file.pixel_syntax) and file.pixel_syntax != _RLE:
        found.append("overlay planes in bits of compressed pixels are left out")
    return found
