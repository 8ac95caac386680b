"""Makes ``resources/profiles/default.json``: L1 and L2 of every type on every modality that it suits, before anyone has
calibrated.

Every severity path passes through the default levels at the same two severities, so the file holds what the paths say there, and
for each cell where the value comes from. After a change of a path: ``python -m medqdeg_desktop.calibration.default_profile
FILE``; a test compares the shipped file with the paths.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from medqdeg_desktop.calibration.profiles import path_parameters, profile_to_json
from medqdeg_desktop.engine.degradation import Degradation, registry
from medqdeg_desktop.engine.severity_path import L1_SEVERITY, L2_SEVERITY
from medqdeg_desktop.study.records import Profile, ProfileCell
from medqdeg_desktop.taxonomy import Level, Modality

_SEVERITY: Final = {Level.L1: L1_SEVERITY, Level.L2: L2_SEVERITY}


@dataclass(frozen=True, slots=True)
class Source:
    """Where the two default values of a type come from: what was measured on the published example, or why they were chosen.

    measured_on     modality of the published example the values were measured on; None where they are not measured.
    """

    level1: str
    level2: str
    measured_on: Modality | None = None

    def basis(self, level: Level, modality: Modality) -> str:
        text = self.level1 if level is Level.L1 else self.level2
        if self.measured_on is None:
            return f"chosen: {text}"
        if self.measured_on is modality:
            return f"measured on the published {modality} example: {text}"
        return f"measured on the published {self.measured_on} example, taken over for {modality}: {text}"


_M = Modality
_SOURCES: Final[dict[str, Source]] = {
    "limited_angle": Source(
        "a missing wedge of 6 degrees; the published example shows shading alone, its width could not be measured",
        "a missing wedge of 22 degrees, which leaves findings to judge in HU; in the published example 40 to 60 by eye",
    ),
    "sparse_view": Source(
        "144 views, as measured on the published example",
        "60 views, which leave findings to judge in HU; 36 measured on the published example, 45 in CT-DEGRADBENCH",
    ),
    "low_dose": Source(
        "quarter dose, the convention of the Mayo low-dose challenge", "5 to 10 % of the dose, the low end of simulations"
    ),
    "bias_field_artifact": Source(
        "about 2 between the brightest and darkest part of a head; 1.8 measured on the published example, without its dimming",
        "about 4 between the brightest and darkest part of a head; the published L2 differs from L1 by dimming alone",
    ),
    "undersampling_artifact": Source(
        "acceleration 3 with 10 % of the centre; 4.2 measured on the published example, which can hardly be told from its L2",
        "acceleration 4.8 with 8 % of the centre, as measured on the published example",
    ),
    "ghosting_artifact": Source(
        "every n-th line 1.35 times as strong; 1.2 to 1.3 measured on the published example",
        "every n-th line 2.2 times as strong, as measured on the published example",
    ),
    "blood_cell_artifact": Source(
        "6 % of the area covered; 6 to 18 % of the published example changed, by the threshold taken",
        "18 % of the area covered; 18 to 45 % of the published example changed, by the threshold taken",
    ),
    "dark_spots_artifact": Source(
        "least transmission 0.54 over 39 % of the area in the published example",
        "least transmission 0.24 over 81 % of the area in the published example",
    ),
    "object_rotation": Source("18 degrees", "-153 degrees; other plates 150 to 200 by eye", _M.XRAY),
    "object_movement": Source(
        "2 degrees and 2 mm; SSIM on brain MRI close to the 0.63 of the published example",
        "5 degrees and 5 mm, half of TorchIO's default, which is severe already",
    ),
    "adjust_brightness": Source("offset of -75 of 255", "offset of -113 of 255", _M.ENDOSCOPY),
    "exposure": Source(
        "u^1.45 - 0.035, a power of 1.63 without offset; 1.6, on X-ray 1 stop of detector signal, which is 1.60",
        "u^2.36 - 0.105, a power of 3.4 without offset; 2.5, on X-ray 2.4 stops of detector signal, which is 3.3",
        _M.XRAY,
    ),
    "reduce_contrast": Source("factor 0.65", "factor 0.30", _M.ULTRASOUND),
    "gaussian_noise": Source("sigma 12.2 of 255", "sigma 20.3 of 255", _M.XRAY),
    "low_resolution": Source(
        "factor 2.5; the published L1 (1.7 on 1024 rows) cannot be seen",
        "factor 7; the published L2 leaves 60 of 1024 rows, a factor of 17 in blocks, which hides most findings",
    ),
    "motion_blur": Source("line of 7 pixels on 513", "line of 11 pixels on 513", _M.ENDOSCOPY),
    "gaussian_blur": Source("sigma 3.0 pixels on 483", "sigma 7.0 pixels on 483", _M.ENDOSCOPY),
    "bubble": Source(
        "disc of 100 pixels on 256; blurred by 1.5 pixels there, by 0.7 % of the side in a second estimate",
        "disc of 182 pixels on 256; blurred by 3.25 pixels there, by 1.7 % of the side in a second estimate",
        _M.HISTOPATHOLOGY,
    ),
}
_DARK_BRIGHTNESS: Final = Source(
    "offset of 0.12; tissue lies in the lower third of the range, the 0.29 published for endoscopy would leave nothing of it",
    "offset of 0.22, half of the 0.44 published for endoscopy, for the same reason",
)
_XRAY_MOTION: Final = Source("line of 13 pixels on 1024", "line of 39 to 41 pixels on 1024", _M.XRAY)
_SOURCES_ON_MODALITY: Final[dict[tuple[str, Modality], Source]] = {
    ("motion_blur", _M.XRAY): _XRAY_MOTION,
    ("adjust_brightness", _M.MRI): _DARK_BRIGHTNESS,
    ("adjust_brightness", _M.ULTRASOUND): _DARK_BRIGHTNESS,
}


def default_profile() -> Profile:
    """The default profile as the registered degradations define it."""
    cells = tuple(
        _cell(degradation, modality, level)
        for degradation in registry().values()
        for modality in Modality
        if degradation.type.suits(modality)
        for level in _SEVERITY
    )
    return Profile(
        name="default",
        version="1.0.0",
        status="default",
        cells=cells,
        source="measured from the published examples of MedQ-Deg (arXiv 2603.07769) or chosen, as each cell says",
    )


def _cell(degradation: Degradation, modality: Modality, level: Level) -> ProfileCell:
    source = _SOURCES_ON_MODALITY.get((degradation.name, modality), _SOURCES[degradation.name])
    severity = _SEVERITY[level]
    return ProfileCell(
        type=degradation.name,
        modality=modality,
        level=level,
        severity=severity,
        path_version=degradation.path_version,
        parameters=path_parameters(degradation.name, severity, modality),
        basis=source.basis(level, modality),
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m medqdeg_desktop.calibration.default_profile FILE")
    Path(sys.argv[1]).write_text(profile_to_json(default_profile()), encoding="utf-8")
