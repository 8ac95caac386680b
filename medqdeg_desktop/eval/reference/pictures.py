"""Pictures to learn from: phantoms of eight modalities in many variations, each with what is true of it.

A picture belongs to its seed alone. Training, validation and held-out pictures come from seeds that cannot meet, and none of
them meets the sample study's. Pictures are kept as 128 x 128 RGB, made smaller exactly as the model's processor does it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from medqdeg_desktop.engine import atomic, batch
from medqdeg_desktop.engine.display import to_display
from medqdeg_desktop.engine.image import MedicalImage, Window
from medqdeg_desktop.engine.seeding import generator
from medqdeg_desktop.samples import ct, mr, photographs, radiograph, tissue, ultrasound
from medqdeg_desktop.samples.questions import ENLARGED_CUP, ENLARGED_HEART
from medqdeg_desktop.samples.shapes import Phantom
from medqdeg_desktop.taxonomy import Modality

SIDE: Final = 128
#: Most findings that a picture holds.
MOST_FINDINGS: Final = 4
TRAINING_SEEDS, VALIDATION_SEEDS, HELD_OUT_SEEDS = 10_000_000, 20_000_000, 30_000_000

MODALITIES: Final = (
    Modality.CT,
    Modality.MRI,
    Modality.XRAY,
    Modality.ULTRASOUND,
    Modality.HISTOPATHOLOGY,
    Modality.DERMOSCOPY,
    Modality.ENDOSCOPY,
    Modality.FUNDUS,
)
REGIONS: Final = ("Abdomen", "Head", "Chest", "Skin", "Colon", "Retina")
SIDES: Final = ("right", "left", "none")
#: What a picture can be asked about, with the number of classes; -1 in a table means that the attribute does not apply.
ATTRIBUTES: Final[dict[str, int]] = {
    "modality": len(MODALITIES),
    "region": len(REGIONS),
    "count": 5,
    "side": len(SIDES),
    "eye": 2,
    "symmetric": 2,
    "heart": 2,
    "cup": 2,
    "kidneys": len(SIDES),
    "ventricles": len(SIDES),
}
_REGION_OF: Final = {
    Modality.CT: "Abdomen",
    Modality.MRI: "Head",
    Modality.XRAY: "Chest",
    Modality.ULTRASOUND: "Abdomen",
    Modality.DERMOSCOPY: "Skin",
    Modality.ENDOSCOPY: "Colon",
    Modality.FUNDUS: "Retina",
}
# Keys of a phantom's truth.
_COUNTED: Final = {
    Modality.CT: "liver lesions",
    Modality.ULTRASOUND: "cysts",
    Modality.HISTOPATHOLOGY: "glands",
    Modality.ENDOSCOPY: "polyps",
}
_SIDED: Final = {Modality.MRI: "enhancing lesion", Modality.XRAY: "round opacity"}
# Attribute and key of the truth: on which side the larger of two is.
_COMPARED: Final = {"kidneys": "larger kidney", "ventricles": "larger ventricle"}
_CHUNK = 250

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Pictures:
    """``pixels`` (N, 128, 128, 3) uint8; ``attributes`` name -> (N,) int8; ``centres`` (N, 4, 2) float32, x and y of findings in
    -1 .. 1 (to the right and down), NaN where there are fewer.
    """

    pixels: Bytes
    attributes: dict[str, npt.NDArray[np.int8]]
    centres: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.pixels)

    def __add__(self, other: Pictures) -> Pictures:
        return Pictures(
            np.concatenate([self.pixels, other.pixels]),
            {name: np.concatenate([values, other.attributes[name]]) for name, values in self.attributes.items()},
            np.concatenate([self.centres, other.centres]),
        )


def draw(seed: int, *, size: int | None = None) -> Phantom:
    """The phantom of ``seed``: its modality, what it shows and its size vary with the seed; ``size`` fixes its pixels a side."""
    rng = generator(seed, "variety")
    modality = MODALITIES[seed % len(MODALITIES)]
    natural = int(rng.choice((128, 160, 192, 256), p=(0.3, 0.35, 0.2, 0.15)))
    # Speckle does not get coarser with the picture: an ultrasound picture is made at its own size and then reduced.
    pixels = size or (480 if modality is Modality.ULTRASOUND else natural)
    heart = float(rng.uniform(0.85, 1.05) if rng.random() < 0.5 else rng.uniform(1.25, 1.45))
    cup = float(rng.uniform(0.3, 0.5) if rng.random() < 0.5 else rng.uniform(0.7, 0.85))
    uneven = str(generator(seed, "uneven pair").choice(SIDES))
    if modality is Modality.CT:
        return ct.ct_abdomen(seed, size=pixels, large_lesions=True, small_kidney=uneven)
    if modality is Modality.MRI:
        return mr.mr_head(seed, size=pixels, large_ventricle=uneven)
    if modality is Modality.XRAY:
        return radiograph.chest_radiograph(seed, size=pixels, heart=heart)
    if modality is Modality.FUNDUS:
        return photographs.fundus(seed, size=pixels, cup=cup)
    plain: dict[Modality, Callable[..., Phantom]] = {
        Modality.ULTRASOUND: ultrasound.ultrasound_sector,
        Modality.HISTOPATHOLOGY: tissue.tissue_section,
        Modality.DERMOSCOPY: photographs.dermoscopy,
        Modality.ENDOSCOPY: photographs.endoscopy,
    }
    return plain[modality](seed, size=pixels)


def attributes_of(phantom: Phantom) -> dict[str, int]:
    """What is true of ``phantom`` as class indices; attributes that do not apply are absent."""
    modality, truth = phantom.image.modality, phantom.truth
    assert modality is not None
    found = {"modality": MODALITIES.index(modality)}
    if modality in _REGION_OF:
        found["region"] = REGIONS.index(_REGION_OF[modality])
    if modality in _COUNTED:
        found["count"] = int(truth[_COUNTED[modality]])
    if modality in _SIDED:
        found["side"] = SIDES.index(truth[_SIDED[modality]])
    if "eye" in truth:
        found["eye"] = int(truth["eye"] == "left")
        found["cup"] = int(truth["cup"] > ENLARGED_CUP)
    if "symmetric" in truth:
        found["symmetric"] = int(truth["symmetric"])
    if "heart" in truth:
        found["heart"] = int(truth["heart"] > ENLARGED_HEART)
    found |= {name: SIDES.index(truth[key]) for name, key in _COMPARED.items() if key in truth}
    return found


def truth_from(attributes: Mapping[str, int]) -> tuple[Modality, dict[str, Any]]:
    """The reverse of ``attributes_of``: modality and truth, as far as questions need them. -1 means not applicable."""
    modality = MODALITIES[attributes["modality"]]
    known = {name: value for name, value in attributes.items() if value >= 0}
    truth: dict[str, Any] = {}
    if modality in _COUNTED and "count" in known:
        truth[_COUNTED[modality]] = known["count"]
    if modality in _SIDED and "side" in known:
        truth[_SIDED[modality]] = SIDES[known["side"]]
    if "eye" in known and modality is Modality.FUNDUS:
        truth |= {"eye": ("right", "left")[known["eye"]], "cup": float(known["cup"])}
    if "symmetric" in known and modality is Modality.DERMOSCOPY:
        truth["symmetric"] = bool(known["symmetric"])
    if "heart" in known and modality is Modality.XRAY:
        truth["heart"] = 2.0 * known["heart"]
    for name, where in (("kidneys", Modality.CT), ("ventricles", Modality.MRI)):
        if name in known and modality is where:
            truth[_COMPARED[name]] = SIDES[known[name]]
    if "region" in known:
        truth["region"] = REGIONS[known["region"]]
    return modality, truth


def shown(image: MedicalImage, seed: int) -> Bytes:
    """The (128, 128, 3) picture of ``image``; a grey one through a window that varies with ``seed`` by some percent."""
    rng = generator(seed, "window")
    window = image.window
    if window is not None:
        window = Window(window.center + window.width * rng.uniform(-0.05, 0.05), window.width * rng.uniform(0.85, 1.15))
    return reduced(to_display(image, window))


def reduced(picture: Bytes) -> Bytes:
    """8-bit grey or RGB of any size as (128, 128, 3), by the same bicubic reduction as the model's processor."""
    made = Image.fromarray(picture).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return np.asarray(made, np.uint8)


def made(
    folder: Path, first_seed: int, count: int, *, workers: int = 1, tell: Callable[[int], None] = lambda n: None
) -> Pictures:
    """``count`` pictures from ``first_seed`` on, from the files in ``folder``; what is not there is made."""
    folder.mkdir(parents=True, exist_ok=True)
    starts = range(first_seed, first_seed + count, _CHUNK)
    paths = {start: folder / f"pictures-{start}.npz" for start in starts}
    missing = [(start, str(path)) for start, path in paths.items() if not path.is_file()]
    if missing:
        with batch.process_pool(workers) as pool:
            for done, _ in enumerate(pool.map(_make_chunk, missing), 1):
                tell(done * _CHUNK)
    chunks = [_load(path) for path in paths.values()]
    return Pictures(
        np.concatenate([c.pixels for c in chunks])[:count],
        {name: np.concatenate([c.attributes[name] for c in chunks])[:count] for name in ATTRIBUTES},
        np.concatenate([c.centres for c in chunks])[:count],
    )


def _make_chunk(task: tuple[int, str]) -> None:
    start, path = task
    pixels, centres = np.zeros((_CHUNK, SIDE, SIDE, 3), np.uint8), np.full((_CHUNK, MOST_FINDINGS, 2), np.nan, np.float32)
    table: dict[str, Any] = {name: np.full(_CHUNK, -1, np.int8) for name in ATTRIBUTES}
    for row, phantom in enumerate(_phantoms(range(start, start + _CHUNK))):
        pixels[row] = shown(phantom.image, start + row)
        for place, centre in enumerate(phantom.truth.get("centres", [])):
            centres[row, place] = centre
        for name, value in attributes_of(phantom).items():
            table[name][row] = value
    with atomic.opened(Path(path)) as file:
        np.savez(file, pixels=pixels, centres=centres, **table)


def _phantoms(seeds: Sequence[int]) -> Iterator[Phantom]:
    cv2.setNumThreads(1)
    return map(draw, seeds)


def _load(path: Path) -> Pictures:
    with np.load(path) as stored:
        return Pictures(stored["pixels"], {name: stored[name] for name in ATTRIBUTES}, stored["centres"])
