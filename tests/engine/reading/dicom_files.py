"""DICOM files made by the tests: plain images, stacks with geometry, enhanced objects, and hostile ones."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    RLELossless,
    generate_uid,
)

#: Stands in every element that could name a person; must never come out again.
CANARY = "CANARY^PATIENT"


def dataset(pixels: npt.NDArray[Any], **elements: Any) -> Dataset:
    """A CT image data set with identity, geometry and rescale; ``elements`` replace or add (None removes)."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = CTImageStorage
    data.SOPClassUID = CTImageStorage
    data.SOPInstanceUID = generate_uid()
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.SeriesInstanceUID = "1.2.3.4"
    data.StudyInstanceUID = "1.2.3"
    data.Modality = "CT"
    data.PatientName = CANARY
    data.PatientID = CANARY
    data.ReferringPhysicianName = CANARY
    data.AccessionNumber = CANARY[:16]
    data.SeriesDescription = "axial 3 mm"
    data.BodyPartExamined = "ABDOMEN"
    data.InstanceNumber = 1
    data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    data.ImagePositionPatient = [0, 0, 0]
    data.PixelSpacing = [0.5, 0.75]
    data.RescaleSlope = 1
    data.RescaleIntercept = -1024
    data.SamplesPerPixel = 3 if pixels.shape[-1] == 3 and pixels.ndim > 2 else 1
    data.Rows, data.Columns = pixels.shape[-3:-1] if data.SamplesPerPixel == 3 else pixels.shape[-2:]
    data.PhotometricInterpretation = "RGB" if data.SamplesPerPixel == 3 else "MONOCHROME2"
    if data.SamplesPerPixel == 3:
        data.PlanarConfiguration = 0
    data.BitsAllocated = 8 * pixels.dtype.itemsize
    data.BitsStored = data.BitsAllocated
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    data.PixelData = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    data["PixelData"].VR = "OW"
    for keyword, value in elements.items():
        if value is None:
            del data[keyword]
        else:
            setattr(data, keyword, value)
    return data


def save(path: Path, data: Dataset) -> Path:
    data.save_as(path, enforce_file_format=True)
    return path


def stack(folder: Path, depths: list[float], *, name: str = "slice", **elements: Any) -> list[Path]:
    """One file a depth (mm along z), instance numbers against the order of depths; pixels hold the index."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, depth in enumerate(depths):
        values: dict[str, Any] = {"ImagePositionPatient": [0, 0, depth], "InstanceNumber": len(depths) - number}
        data = dataset(np.full((8, 8), 1000 + number, np.uint16), **(values | elements))
        paths.append(save(folder / f"{name}{number:03}.dcm", data))
    return paths


def lut_item(first: int, entries: npt.NDArray[Any], bits: int) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "US" if first >= 0 else "SS", [len(entries) % 65536, first, bits])
    item.add_new("LUTData", "OW", entries.astype("<u2").tobytes())
    return item


def enhanced(positions: list[float]) -> Dataset:
    """An enhanced multi-frame object whose frames differ in place, slope and window; frame i holds the value i + 1."""
    pixels = np.stack([np.full((4, 6), i + 1, np.uint16) for i in range(len(positions))])
    data = dataset(pixels, NumberOfFrames=len(positions))
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope", "RescaleIntercept"):
        del data[keyword]
    shared = Dataset()
    shared.PixelMeasuresSequence = Sequence([Dataset()])
    shared.PixelMeasuresSequence[0].PixelSpacing = [0.4, 0.6]
    shared.PlaneOrientationSequence = Sequence([Dataset()])
    shared.PlaneOrientationSequence[0].ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
    data.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = []
    for i, place in enumerate(positions):
        frame, plane, transform, window = Dataset(), Dataset(), Dataset(), Dataset()
        plane.ImagePositionPatient = [place, 0, 0]
        transform.RescaleSlope, transform.RescaleIntercept, transform.RescaleType = i + 1, -10, "HU"
        window.WindowCenter, window.WindowWidth = 100 + i, 50
        frame.PlanePositionSequence = Sequence([plane])
        frame.PixelValueTransformationSequence = Sequence([transform])
        frame.FrameVOILUTSequence = Sequence([window])
        frames.append(frame)
    data.PerFrameFunctionalGroupsSequence = Sequence(frames)
    return data


# --- the hostile five -----------------------------------------------------------------------------------------------


def rle_that_claims_gigabytes(path: Path) -> Path:
    """An honest 8 x 8 RLE frame under Rows = Columns = 65535: the RLE decoder would abort its process."""
    data = dataset(np.zeros((8, 8), np.uint16))
    data.compress(RLELossless)
    data.Rows = data.Columns = 65535
    return save(path, data)


def deflate_bomb(path: Path, megabytes: int) -> Path:
    """A deflated file of a thousandth of ``megabytes``, all of it one private element of zeros before the pixels."""
    data = dataset(np.zeros((8, 8), np.uint16))
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    save(path, data)
    raw = path.read_bytes()
    start = 144 + struct.unpack_from("<L", raw, 140)[0]
    body = zlib.decompress(raw[start:], -zlib.MAX_WBITS)
    at = body.index(b"\x28\x00\x02\x00US")
    size = megabytes << 20
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    parts = [squeeze.compress(body[:at] + b"\x09\x00\x10\x10OB\x00\x00" + struct.pack("<L", size))]
    parts += [squeeze.compress(bytes(1 << 20)) for _ in range(megabytes)]
    parts += [squeeze.compress(body[at:]), squeeze.flush()]
    path.write_bytes(raw[:start] + b"".join(parts))
    return path


def two_million_frames(path: Path) -> Path:
    return save(path, dataset(np.zeros((128, 128), np.uint16), NumberOfFrames=2_000_000))


def deeply_nested(path: Path, depth: int = 3000) -> Path:
    """Sequences in sequences, written by hand since pydicom could not write them either."""
    data = dataset(np.zeros((8, 8), np.uint16))
    save(path, data)
    raw = path.read_bytes()
    at = raw.index(b"\x28\x00\x02\x00US")
    opening = b"\x09\x00\x10\x10SQ\x00\x00\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    closing = b"\xfe\xff\x0d\xe0\x00\x00\x00\x00" + b"\xfe\xff\xdd\xe0\x00\x00\x00\x00"
    path.write_bytes(raw[:at] + opening * depth + closing * depth + raw[at:])
    return path


def truncated(path: Path) -> Path:
    save(path, dataset(np.zeros((64, 64), np.uint16)))
    path.write_bytes(path.read_bytes()[:-3000])
    return path
