"""The built-in sample study: phantoms of eight modalities and real DICOM files that pydicom installs, with questions.

Everything the demonstration shows is made or found on the machine itself; nothing is downloaded. Phantom answers are known by
construction; questions about the real files ask only what their headers and pictures make certain.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pydicom.data

from medqdeg_desktop.engine.seeding import generator
from medqdeg_desktop.samples import ct, mr, photographs, radiograph, tissue, ultrasound
from medqdeg_desktop.samples.dicom_file import write_dicom
from medqdeg_desktop.samples.shapes import Phantom
from medqdeg_desktop.taxonomy import Modality

_SLICES = 17
_MODALITY_NAMES = (
    "CT", "MRI", "X-ray", "Ultrasound", "Histopathology", "Dermoscopy", "Endoscopy", "Fundus photography",
)  # fmt: skip

#: Real files that come with pydicom: name, modality, further question (text, right option, wrong options, task).
_REAL: tuple[tuple[str, Modality, str], ...] = (
    ("J2K_pixelrep_mismatch.dcm", Modality.CT, "Head"),
    ("examples_overlay.dcm", Modality.MRI, "Abdomen"),
    ("examples_ybr_color.dcm", Modality.ULTRASOUND, "Heart"),
)


@dataclass(frozen=True, slots=True)
class SampleStudy:
    """Where the sample study lies: ``items`` is the file of item lines, ``series`` the folder to open first."""

    folder: Path
    items: Path
    series: Path
    item_count: int


def build(folder: Path, *, seed: int = 0, copies: int = 3) -> SampleStudy:
    """Writes the sample study into ``folder`` (created); ``copies`` phantoms of each kind. Same seed, same bytes.

    A finished study in the folder is left as it is.
    """
    items_path = folder / "items.jsonl"
    series = folder / "dicom" / "ct_abdomen_0"
    marker = {"seed": seed, "copies": copies, "layout": 1}
    done = folder / "sample_study.json"
    if done.is_file() and json.loads(done.read_text("utf-8")).get("made_with") == marker:
        return SampleStudy(folder, items_path, series, int(json.loads(done.read_text("utf-8"))["items"]))
    folder.mkdir(parents=True, exist_ok=True)
    lines = list(_lines(folder, seed, copies))
    with items_path.open("w", encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(lines):
            file.write(json.dumps({"id": f"sample_{number:03d}", **line}, ensure_ascii=False) + "\n")
    done.write_text(json.dumps({"made_with": marker, "items": len(lines)}) + "\n", "utf-8")
    return SampleStudy(folder, items_path, series, len(lines))


def real_files() -> list[Path]:
    """The real DICOM files of the sample study where pydicom installed them: there at once, before any phantom is made."""
    return [Path(str(pydicom.data.get_testdata_file(name))) for name, _, _ in _REAL]


def _lines(folder: Path, seed: int, copies: int) -> Iterator[dict[str, Any]]:
    kinds: tuple[tuple[str, Callable[[int], Phantom], Callable[[Phantom], list[_Question]]], ...] = (
        ("ct_abdomen", ct.ct_abdomen, _about_ct),
        ("mr_head", mr.mr_head, _about_mr),
        ("chest_radiograph", radiograph.chest_radiograph, _about_radiograph),
        ("ultrasound", ultrasound.ultrasound_sector, _about_ultrasound),
        ("tissue", tissue.tissue_section, _about_tissue),
        ("dermoscopy", photographs.dermoscopy, _about_dermoscopy),
        ("endoscopy", photographs.endoscopy, _about_endoscopy),
        ("fundus", photographs.fundus, _about_fundus),
    )
    for name, make, ask in kinds:
        for copy in range(copies):
            number = seed * 1000 + copy
            phantom = make(number)
            path = folder / "dicom" / f"{name}_{copy}" / "001.dcm"
            if name == "ct_abdomen" and copy == 0:
                path = _write_volume(folder / "dicom" / f"{name}_{copy}", partial(ct.ct_abdomen, number))
            else:
                write_dicom(phantom.image, path, series=f"{name} {number}", description=f"Phantom {name.replace('_', ' ')}")
            yield from _item_lines(folder, path, phantom.image.modality, ask(phantom), f"{name}-{number}", "phantom")
    for file_name, modality, region in _REAL:
        source = Path(str(pydicom.data.get_testdata_file(file_name)))
        path = folder / "real" / file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, path)
        yield from _item_lines(folder, path, modality, [_region(region)], file_name, "pydicom test file (MIT)")


def _write_volume(folder: Path, make: Callable[..., Phantom]) -> Path:
    """A scrollable abdomen from head to feet; returns the file of the middle slice, where the questions are true."""
    for index in range(_SLICES):
        # The middle slice is z = 0, exactly the phantom that the questions are about.
        z = (index - _SLICES // 2) / (_SLICES // 2) * 0.8
        write_dicom(
            make(z=z).image,
            folder / f"{index + 1:03d}.dcm",
            series=f"volume {folder.name}",
            description="Phantom abdomen, 17 slices",
            z_mm=-z * ct.HALF_HEIGHT_MM,
            instance=index + 1,
        )
    return folder / f"{_SLICES // 2 + 1:03d}.dcm"


@dataclass(frozen=True, slots=True)
class _Question:
    text: str
    right: str
    wrong: tuple[str, ...]
    task: str
    skill: str


def _item_lines(
    folder: Path, path: Path, modality: Modality | None, questions: list[_Question], patient: str, licence: str
) -> Iterator[dict[str, Any]]:
    assert modality is not None
    for question in [_which_modality(modality, patient), *questions]:
        rng = generator(0, f"options {patient} {question.text}")
        texts = [question.right, *question.wrong]
        order = rng.permutation(len(texts))
        options = {chr(ord("A") + i): texts[k] for i, k in enumerate(order)}
        yield {
            "image": path.relative_to(folder).as_posix(),
            "modality": str(modality),
            "question": question.text,
            "options": options,
            "answer": next(letter for letter, text in options.items() if text == question.right),
            "task": question.task,
            "skill": question.skill,
            "source": "medqdeg sample study",
            "patient": patient,
            "public": True,
            "licence": licence,
        }


def _which_modality(modality: Modality, patient: str) -> _Question:
    right = "Fundus photography" if modality is Modality.FUNDUS else str(modality)
    others = [name for name in _MODALITY_NAMES if name != right]
    chosen = generator(0, f"modality options {patient}").choice(len(others), 3, replace=False)
    return _Question(
        "Which imaging modality was used to acquire this image?",
        right,
        tuple(others[k] for k in chosen),
        "Imaging Perception",
        "Attribute Recognition",
    )


def _region(region: str) -> _Question:
    regions = ("Abdomen", "Head", "Chest", "Heart", "Knee", "Hand")
    wrong = tuple(r for r in regions if r != region and {r, region} != {"Chest", "Heart"})[:3]
    return _Question("Which body region or organ is shown?", region, wrong, "Anatomical Recognition", "General Structures")


def _count(text: str, count: int, highest: int = 3) -> _Question:
    wrong = tuple(str(n) for n in range(highest + 1) if n != count)
    return _Question(text, str(count), wrong, "Imaging Perception", "Counting")


def _side(text: str, truth: str) -> _Question:
    words = {"right": "The patient's right side", "left": "The patient's left side", "none": "Neither side"}
    wrong = tuple(words[w] for w in words if w != truth)
    return _Question(text, words[truth], wrong, "Clinical Understanding", "Disease Diagnosis")


def _about_ct(phantom: Phantom) -> list[_Question]:
    return [_region("Abdomen"), _count("How many hypodense lesions does the liver show?", phantom.truth["liver lesions"])]


def _about_mr(phantom: Phantom) -> list[_Question]:
    return [_region("Head"), _side("On which side is the ring-enhancing lesion?", phantom.truth["enhancing lesion"])]


def _about_radiograph(phantom: Phantom) -> list[_Question]:
    return [_region("Chest"), _side("On which side is a round opacity seen in the lung?", phantom.truth["round opacity"])]


def _about_ultrasound(phantom: Phantom) -> list[_Question]:
    return [_count("How many anechoic cysts are visible?", phantom.truth["cysts"])]


def _about_tissue(phantom: Phantom) -> list[_Question]:
    return [_count("How many glands with a lumen are visible?", phantom.truth["glands"], 4)]


def _about_dermoscopy(phantom: Phantom) -> list[_Question]:
    yes = "Symmetric with one colour" if phantom.truth["symmetric"] else "Asymmetric with several colours"
    no = "Asymmetric with several colours" if phantom.truth["symmetric"] else "Symmetric with one colour"
    return [
        _Question("How is the pigmented lesion best described?", yes, (no,), "Clinical Understanding", "Attribute Recognition")
    ]


def _about_endoscopy(phantom: Phantom) -> list[_Question]:
    return [_count("How many polyps are visible?", phantom.truth["polyps"], 2)]


def _about_fundus(phantom: Phantom) -> list[_Question]:
    right, wrong = ("Right eye", "Left eye") if phantom.truth["eye"] == "right" else ("Left eye", "Right eye")
    return [_Question("Which eye is shown?", right, (wrong,), "Anatomical Recognition", "General Structures")]
