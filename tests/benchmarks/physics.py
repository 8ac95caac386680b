"""What the nine specific degradations cost on anatomy-like phantoms: first picture, slider step, and both beside one copy.

    python -m tests.benchmarks.physics [--sides 512 1024 2048] [--types NAME ...]

cold    prepare and first picture of a new frame and seed, transfer functions of its size known, in ms
step    median of pictures at 15 severities never asked for before: transfer functions, masks and drawings are made anew
again   the same severities once more, what is cached included
copy    step / one pass over the same array (numpy copyto, hot)
proxy   median step on the proxy that is shown while dragging, where the frame is larger than that

One thread. A line is printed as soon as it is known.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from medqdeg_desktop.engine.batch import one_thread
from medqdeg_desktop.engine.degradation import Prepared, registry
from medqdeg_desktop.engine.image import MedicalImage, frozen
from medqdeg_desktop.samples.ct import ct_abdomen
from medqdeg_desktop.samples.mr import mr_head
from medqdeg_desktop.samples.tissue import tissue_section
from medqdeg_desktop.taxonomy import Modality

_MAKERS = {Modality.CT: ct_abdomen, Modality.MRI: mr_head, Modality.HISTOPATHOLOGY: tissue_section}


def frame(modality: Modality, side: int) -> MedicalImage:
    """A phantom of 512 pixels, brought to ``side``; spacing follows."""
    image: MedicalImage = _MAKERS[modality](1, size=512).image
    pixels = cv2.resize(image.pixels, (side, side), interpolation=cv2.INTER_LINEAR)
    row, column = image.spacing or (1.0, 1.0)
    return replace(image, pixels=frozen(pixels), spacing=image.spacing and (row * 512 / side, column * 512 / side))


def milliseconds(call: Callable[[], object]) -> float:
    """Time of one call."""
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1000


def copy_floor(pixels: np.ndarray) -> float:  # type: ignore[type-arg]
    """One pass over ``pixels``, median of 31."""
    target = np.empty_like(pixels)
    return statistics.median(milliseconds(lambda: np.copyto(target, pixels)) for _ in range(31))


def measure(name: str, image: MedicalImage) -> tuple[float, float, float]:
    """(cold, step, again) in ms."""
    Prepared(name, image, 0).at(0.5)
    cold = statistics.median(milliseconds(lambda seed=seed: Prepared(name, image, seed).at(0.5)) for seed in (1, 2, 3))
    prepared = Prepared(name, image, 4)
    prepared.at(0.5)
    severities = [0.203 + 0.04 * k for k in range(15)]
    step = statistics.median(milliseconds(lambda s=s: prepared.at(s)) for s in severities)
    again = statistics.median(milliseconds(lambda s=s: prepared.at(s)) for s in severities)
    return cold, step, again


def main() -> None:
    parser = argparse.ArgumentParser(description="Cost of the CT, MR and slide degradations.")
    parser.add_argument("--sides", type=int, nargs="+", default=[512, 1024, 2048])
    parser.add_argument("--types", nargs="+")
    arguments = parser.parse_args()
    one_thread()
    print(f"{'type':<24}{'side':>6}{'cold':>9}{'step':>9}{'again':>9}{'copy':>8}{'proxy':>9}")
    for side in arguments.sides:
        for name, degradation in registry().items():
            if degradation.type.general or (arguments.types and name not in arguments.types):
                continue
            assert degradation.type.modalities is not None
            image = frame(degradation.type.modalities[0], side)
            cold, step, again = measure(name, image)
            small = image.proxy(degradation.proxy_side)
            proxy = f"{measure(name, small)[1]:9.2f}" if small is not image else f"{'':>9}"
            ratio = step / copy_floor(image.pixels)
            print(f"{name:<24}{side:>6}{cold:9.2f}{step:9.2f}{again:9.2f}{ratio:8.0f}{proxy}", flush=True)


if __name__ == "__main__":
    main()
