"""Phantoms written as DICOM, so that the sample study is read by the very path that a scanner's files take."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from medqdeg_desktop.engine.image import MedicalImage
from medqdeg_desktop.taxonomy import Modality

# DICOM Modality and SOP class (PS3.4 B.5) of each phantom.
_CLASSES: dict[Modality, tuple[str, str]] = {
    Modality.CT: ("CT", "1.2.840.10008.5.1.4.1.1.2"),
    Modality.MRI: ("MR", "1.2.840.10008.5.1.4.1.1.4"),
    Modality.XRAY: ("DX", "1.2.840.10008.5.1.4.1.1.1.1"),
    Modality.ULTRASOUND: ("US", "1.2.840.10008.5.1.4.1.1.6.1"),
    Modality.HISTOPATHOLOGY: ("GM", "1.2.840.10008.5.1.4.1.1.77.1.2"),
    Modality.DERMOSCOPY: ("DMS", "1.2.840.10008.5.1.4.1.1.77.1.4"),
    Modality.ENDOSCOPY: ("ES", "1.2.840.10008.5.1.4.1.1.77.1.1"),
    Modality.FUNDUS: ("OP", "1.2.840.10008.5.1.4.1.1.77.1.5.1"),
}
_CT_INTERCEPT = -1024


def write_dicom(image: MedicalImage, path: Path, *, series: str, description: str, z_mm: float = 0.0, instance: int = 1) -> None:
    """Writes ``image`` as one uncompressed DICOM file; the same image and names give the same bytes.

    ``z_mm`` is the slice position along the patient's axis (positive towards the head), for series of several files.
    """
    assert image.modality is not None
    code, sop_class = _CLASSES[image.modality]
    dataset = Dataset()
    dataset.SOPClassUID = UID(sop_class) if sop_class else SecondaryCaptureImageStorage
    dataset.SOPInstanceUID = _uid(f"{series}/{instance}")
    dataset.StudyInstanceUID = _uid("medqdeg sample study")
    dataset.SeriesInstanceUID = _uid(series)
    dataset.FrameOfReferenceUID = _uid(f"{series} frame of reference")
    dataset.Modality = code
    dataset.Manufacturer = "medqdeg_desktop phantom"
    dataset.PatientName = "Phantom"
    dataset.PatientID = "PHANTOM"
    dataset.PatientIdentityRemoved = "YES"
    dataset.BurnedInAnnotation = "NO"
    dataset.SeriesDescription = description
    dataset.SeriesNumber = 1
    dataset.InstanceNumber = instance
    dataset.Rows, dataset.Columns = image.shape
    if image.spacing is not None:
        # DICOM decimal strings hold 16 characters.
        dataset.PixelSpacing = [f"{value:.10g}" for value in image.spacing]
    if image.orientation is not None and code in {"CT", "MR"}:
        rows, columns = image.shape
        spacing = image.spacing or (1.0, 1.0)
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        dataset.ImagePositionPatient = [
            f"{-(columns - 1) / 2 * spacing[1]:.10g}",
            f"{-(rows - 1) / 2 * spacing[0]:.10g}",
            f"{z_mm:.10g}",
        ]
        dataset.SliceThickness = 5
    elif image.orientation is not None:
        dataset.PatientOrientation = [image.orientation[1], image.orientation[3]]
    if image.is_rgb:
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
        bits, stored = 8, np.asarray(image.pixels, np.uint8)
    else:
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        bits = 8 if image.modality is Modality.ULTRASOUND else (12 if image.modality is Modality.XRAY else 16)
        values = np.round(image.pixels)
        if image.modality is Modality.CT:
            dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = _CT_INTERCEPT, 1, "HU"
            values = values - _CT_INTERCEPT
        stored = values.astype(np.uint8 if bits == 8 else np.uint16)
        if image.window is not None:
            dataset.WindowCenter, dataset.WindowWidth = f"{image.window.center:.10g}", f"{image.window.width:.10g}"
            dataset.VOILUTFunction = "LINEAR_EXACT"
    dataset.BitsAllocated = 8 if bits == 8 else 16
    dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = bits, bits - 1, 0
    data = stored.astype(stored.dtype.newbyteorder("<")).tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta = meta
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)


def _uid(text: str) -> UID:
    """A UID below the UUID root 2.25 that depends on ``text`` alone."""
    return UID(f"2.25.{int.from_bytes(hashlib.sha256(text.encode()).digest()[:15], 'big')}")
