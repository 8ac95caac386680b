"""Real pictures: those that the model may learn from by their licence, and others that only test it. None ships with the product.

Training takes volumes and photographs under Apache-2.0 or CC0, which allow weights derived from them (named in NOTICE). The
test takes other sources: no picture of a training source is tested, and none of a test source is learnt from. Nothing is known
of a slice but its modality and its body region, and nothing else is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from medqdeg_desktop.engine.image import MedicalImage
from medqdeg_desktop.engine.reading import read_series
from medqdeg_desktop.eval.reference.pictures import ATTRIBUTES, MODALITIES, MOST_FINDINGS, REGIONS, Pictures, shown
from medqdeg_desktop.taxonomy import Modality


@dataclass(frozen=True, slots=True)
class Source:
    """``path`` of a file below the data folder, ``region`` "" where it is not asked, and its frames first .. last by step."""

    path: str
    modality: Modality
    region: str
    licence: str
    first: int = 0
    last: int | None = None
    step: int = 1


#: TotalSegmentator's example volumes (Apache-2.0), ISIC 2017 and a retina of Wikimedia Commons (CC0).
TRAINED: Final = (
    Source("nifti/ct_abdomen_RAS_int32.nii.gz", Modality.CT, "Abdomen", "Apache-2.0", first=45),
    Source("nifti/mr_abdomen_LPS_int16.nii.gz", Modality.MRI, "Abdomen", "Apache-2.0"),
    Source("png/dermoscopy/isic_78a38da1_1056_364.png", Modality.DERMOSCOPY, "Skin", "CC0-1.0"),
    Source("png/dermoscopy/isic_78a38da1_10_364.png", Modality.DERMOSCOPY, "Skin", "CC0-1.0"),
    Source("png/dermoscopy/isic_78a38da1_2102_364.png", Modality.DERMOSCOPY, "Skin", "CC0-1.0"),
    Source("png/dermoscopy/isic_78a38da1_9_9.png", Modality.DERMOSCOPY, "Skin", "CC0-1.0"),
    Source("png/fundus/retina_wikimedia_cc0.jpg", Modality.FUNDUS, "Retina", "CC0-1.0"),
)

#: Other origins (pydicom's test files, TCIA by way of niivue, CHASE_DB1, HyperKvasir, PolypGen, HC18, NIH), never learnt from.
TESTED: Final = (
    Source("dicom/ct/explicit_VR-UN.dcm", Modality.CT, "Abdomen", "MIT"),
    Source("dicom/ct/bad_sequence.dcm", Modality.CT, "", "MIT"),
    Source("dicom/ct/eCT_Supplemental.dcm", Modality.CT, "", "MIT"),
    Source("dicom/ct/CT1_J2KI.dcm", Modality.CT, "", "MIT"),
    *(Source(f"dicom/mr_series_t1ce/{n:03d}.dcm", Modality.MRI, "Head", "BSD-2-Clause") for n in range(46, 72, 2)),
    Source("nifti/mr_gd_brain_RAS_uint8.nii.gz", Modality.MRI, "Head", "BSD-2-Clause", first=40, last=110, step=7),
    Source("dicom/mr/examples_overlay.dcm", Modality.MRI, "Abdomen", "MIT"),
    Source("dicom/mr/MR2_J2KR_shoulder.dcm", Modality.MRI, "", "MIT"),
    Source("dicom/us/echo_ybr422_jpeg_30f.dcm", Modality.ULTRASOUND, "Heart", "MIT", step=6),
    Source("dicom/us/echo_mono_jpeg_lossless.dcm", Modality.ULTRASOUND, "Heart", "MIT"),
    *(
        Source(f"png/us/fetal_df6cf37b_{n}.png", Modality.ULTRASOUND, "", "CC-BY-4.0")
        for n in ("1039_364", "2069_364", "3099_9", "9_9")
    ),
    Source("dicom/xray/CR-MONO1-10-chest_part10.dcm", Modality.XRAY, "Chest", "MIT"),
    Source("png/xray/NIH_00000001_000.png", Modality.XRAY, "Chest", "MIT"),
    Source("dicom/xray/RG3_J2KR_leg.dcm", Modality.XRAY, "", "MIT"),
    *(
        Source(f"png/fundus/chase_8c2a1587_{n}.png", Modality.FUNDUS, "Retina", "CC-BY-4.0")
        for n in ("1464_364", "1464_9", "2192_9", "737_364", "737_9", "9_364", "9_9")
    ),
    *(
        Source(f"png/endoscopy/{n}.png", Modality.ENDOSCOPY, "Colon", "CC-BY-4.0")
        for n in (
            "hyperkvasir_2904a7a3_9_364",
            "hyperkvasir_d1e8477f_9_9",
            "hyperkvasir_e5dd7b46_1768_9",
            "hyperkvasir_e5dd7b46_911_9",
            "polypgen_6f782960_893_9",
            "polypgen_6f782960_9_364",
        )
    ),
    Source("png/pathology/OS-1_HE_breast.png", Modality.HISTOPATHOLOGY, "", "free to use"),
)


def learnt_slices(data: Path, *, seed: int = 0) -> Pictures:
    """The slices of ``TRAINED`` below ``data`` as training pictures, once each; MedqdegError for a missing file."""
    found = [(source, image) for source in TRAINED for image in frames(data, source)]
    table = {name: np.full(len(found), -1, np.int8) for name in ATTRIBUTES}
    for row, (source, _) in enumerate(found):
        table["modality"][row] = MODALITIES.index(source.modality)
        table["region"][row] = REGIONS.index(source.region)
    pixels = np.stack([shown(image, seed + row) for row, (_, image) in enumerate(found)])
    return Pictures(pixels, table, np.full((len(found), MOST_FINDINGS, 2), np.nan, np.float32))


def frames(data: Path, source: Source) -> Iterator[MedicalImage]:
    series = read_series(data / source.path, modality=source.modality)
    last = series.frame_count - 1 if source.last is None else source.last
    for index in range(source.first, last + 1, source.step):
        yield series.frame(index)
