"""With the wide vector units switched off, 8-bit pictures differ by at most 1 in at most 0.01 % of pixels."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

_RENDER = """
import os, sys
sys.path.insert(0, sys.argv[1])
import cv2
import numpy as np
if os.environ.get("WIDE") == "no":
    assert not cv2.checkHardwareSupport(11)  # CV_CPU_AVX2
    assert not np._core._multiarray_umath.__cpu_features__.get("X86_V3")
from sample_frames import phantom
from medqdeg_desktop.engine.degradation import degrade, registry
from medqdeg_desktop.engine.display import to_display
from medqdeg_desktop.taxonomy import Modality
pictures = {}
for name, degradation in registry().items():
    kinds = degradation.type.modalities or (Modality.XRAY, Modality.ENDOSCOPY)
    for modality in kinds[:2]:
        image = degrade(phantom(modality, 224), name, 0.65, seed=7)
        pictures[f"{name} {modality}"] = to_display(image)
np.savez(sys.argv[2], **pictures)
"""

_NO_WIDE_VECTORS = {
    "OPENCV_CPU_DISABLE": "AVX2,AVX512-SKX",
    "OPENCV_IPP": "disabled",
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
    "WIDE": "no",
}


def _pictures(folder: Path, name: str, environment: dict[str, str]) -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    target = folder / f"{name}.npz"
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _RENDER, str(Path(__file__).parent), str(target)],
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        check=True,
        capture_output=True,
    )
    with np.load(target) as file:
        return dict(file)


def test_pictures_hold_across_cpu_feature_levels(tmp_path: Path) -> None:
    with_all, without = _pictures(tmp_path, "all", {}), _pictures(tmp_path, "few", _NO_WIDE_VECTORS)
    assert with_all.keys() == without.keys()
    for name, picture in with_all.items():
        difference = np.abs(picture.astype(int) - without[name].astype(int))
        assert difference.max() <= 1, name
        assert (difference > 0).mean() <= 1e-4, name
