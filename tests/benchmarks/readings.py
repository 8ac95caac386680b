"""Where two readings of the published example pictures differ: both, and what ours shows at the default levels, side by side.

    python -m tests.benchmarks.readings

Four types were read twice from the same examples with different answers (one picture each, no parameter is printed in the
publications): ghosts, low dose, blood cells, limited angle. Nothing decides between the readings, so nothing is asserted here;
ours is measured on the picture, by an estimator that does not know the parameters.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from medqdeg_desktop.engine.degradation import degrade
from medqdeg_desktop.engine.display import to_display
from medqdeg_desktop.engine.image import MedicalImage, Window, frozen
from medqdeg_desktop.engine.severity_path import L1_SEVERITY, L2_SEVERITY
from medqdeg_desktop.samples.ct import ct_abdomen
from medqdeg_desktop.samples.mr import mr_head
from medqdeg_desktop.samples.tissue import tissue_section
from medqdeg_desktop.taxonomy import Modality

Plane = npt.NDArray[np.float64]
_SEED = 1
_LEVELS = (L1_SEVERITY, L2_SEVERITY)


def _shown(image: MedicalImage) -> Plane:
    return np.asarray(to_display(image), np.float64)


def ghosts() -> list[str]:
    """Period and weight of the stronger phase-encode lines, and the shift of the mean, of the MR phantom."""
    found = []
    image = mr_head(1, size=266).image
    for severity in _LEVELS:
        out = degrade(image, "ghosting_artifact", severity, seed=_SEED, overrides={"axis": 0})
        before, after = (np.abs(np.fft.fft(np.asarray(p, np.float64), axis=0)) for p in (image.pixels, out.pixels))
        ratio = np.median(after[1:120] / np.maximum(before[1:120], 1e-9), axis=1)
        # The period at which the mean weight stands out most from the rest.
        contrast = {n: ratio[n - 1 :: n].mean() / np.delete(ratio, np.s_[n - 1 :: n]).mean() for n in range(2, 13)}
        n = max(contrast, key=lambda period: contrast[period])
        shift = (_shown(out) - _shown(image)).mean()
        found.append(f"every {n}th line {contrast[n]:.2f} times, mean {shift:+.0f} of 255")
    return found


def low_dose() -> list[str]:
    """Standard deviation of what is added within the body of the CT phantom, in grey levels of W400 L40."""
    image = ct_abdomen(1).image
    body = cv2.erode((np.asarray(image.pixels) > -200).astype(np.uint8), np.ones((31, 31), np.uint8)) > 0
    added = [np.asarray(degrade(image, "low_dose", s, seed=_SEED).pixels) - image.pixels for s in _LEVELS]
    return [f"sd {255 / 400 * change[body].std():.1f} of 255" for change in added]


def blood_cells() -> list[str]:
    """Share of the pixels of the tissue phantom that change, by two thresholds."""
    image = tissue_section(1, size=512).image
    found = []
    for severity in _LEVELS:
        change = np.abs(_shown(degrade(image, "blood_cell_artifact", severity, seed=_SEED)) - _shown(image)).max(axis=2)
        found.append(f"{100 * (change > 10).mean():.0f} % by more than 10 levels, {100 * (change > 0).mean():.0f} % at all")
    return found


def limited_angle() -> list[str]:
    """Degrees of direction whose strength in the spectrum of a noisy frame falls below half of that of the rest."""
    side = 512
    y, x = np.mgrid[:side, :side] - side / 2
    hu = frozen((40 + 30 * np.random.default_rng(0).standard_normal((side, side))).astype(np.float32))
    image = MedicalImage(hu, Modality.CT, "HU", (1.0, 1.0), Window(40, 400), (-160.0, 240.0))
    radius, turn = np.hypot(x, y), np.degrees(np.arctan2(y, x)) % 180
    ring = (radius > side / 10) & (radius < side / 6)
    found = []
    for severity in _LEVELS:
        out = degrade(image, "limited_angle", severity, seed=_SEED).pixels
        before, after = (np.abs(np.fft.fftshift(np.fft.fft2(np.asarray(p, np.float64)))) for p in (hu, out))
        wedges = [ring & (turn // 2 == k) for k in range(90)]
        strength = np.array([after[wedge].sum() / before[wedge].sum() for wedge in wedges])
        found.append(f"{2 * np.count_nonzero(strength < 0.5 * np.median(strength))} degrees missing")
    return found


#: Type, what was read at L1 and L2 by the one and by the other, what measures ours.
READ = (
    (
        "ghosting_artifact",
        ("every 6th line 1.2 to 1.3 times", "every 5th line 2.2 times"),
        ("6 ghosts, faint", "7 ghosts, very strong, mean +49"),
        ghosts,
    ),
    ("low_dose", ("sd 2.1 of 255", "sd 5.1 of 255"), ("sd about 5 of 255", "sd about 7 of 255"), low_dose),
    (
        "blood_cell_artifact",
        ("6 % by more than 10 levels", "18 % by more than 10 levels"),
        ("18 % changed", "45 % changed"),
        blood_cells,
    ),
    (
        "limited_angle",
        ("a small wedge missing", "80 to 100 degrees missing, by eye"),
        ("a small wedge missing", "40 to 60 degrees missing, by eye"),
        limited_angle,
    ),
)


def main() -> None:
    print(f"{'type':22}{'level':7}{'one reading':36}{'the other':36}ours")
    for name, one, other, measured in READ:
        for level, first, second, ours in zip(("L1", "L2"), one, other, measured(), strict=True):
            print(f"{name:22}{level:7}{first:36}{second:36}{ours}")


if __name__ == "__main__":
    main()
