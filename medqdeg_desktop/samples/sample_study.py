"""The built-in sample study: phantoms of eight modalities and real DICOM files that pydicom installs, with questions.

Everything the demonstration shows is made or found on the machine itself; nothing is downloaded. Phantom answers are known by
construction; questions about the real files ask only what their headers and pictures make certain.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pydicom.data

from medqdeg_desktop.engine.seeding import generator
from medqdeg_desktop.samples import ct, mr, photographs, questions, radiograph, tissue, ultrasound
from medqdeg_desktop.samples.dicom_file import write_dicom
from medqdeg_desktop.samples.questions import Question
from medqdeg_desktop.samples.shapes import Phantom
from medqdeg_desktop.taxonomy import Modality

_SLICES = 17
#: Which of a pair is the odd one in the phantoms of a kind, by turns: the small kidney, the large ventricle.
_UNEVEN = ("none", "right", "left")
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


def build(folder: Path, *, seed: int = 0, copies: int = 3, cancelled: Callable[[], bool] = lambda: False) -> SampleStudy:
    """Writes the sample study into ``folder`` (created); ``copies`` phantoms of each kind. Same seed, same bytes.

    A finished study in the folder is left as it is. CancelledError once ``cancelled``, which is asked before each phantom.
    """
    items_path = folder / "items.jsonl"
    series = folder / "dicom" / "ct_abdomen_0"
    marker = {"seed": seed, "copies": copies, "layout": 3}
    done = folder / "sample_study.json"
    if done.is_file() and json.loads(done.read_text("utf-8")).get("made_with") == marker:
        return SampleStudy(folder, items_path, series, int(json.loads(done.read_text("utf-8"))["items"]))
    folder.mkdir(parents=True, exist_ok=True)
    lines = list(_lines(folder, seed, copies, cancelled))
    with items_path.open("w", encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(lines):
            file.write(json.dumps({"id": f"sample_{number:03d}", **line}, ensure_ascii=False) + "\n")
    done.write_text(json.dumps({"made_with": marker, "items": len(lines)}) + "\n", "utf-8")
    return SampleStudy(folder, items_path, series, len(lines))


def real_files() -> list[Path]:
    """The real DICOM files of the sample study where pydicom installed them: there at once, before any phantom is made."""
    return [Path(str(pydicom.data.get_testdata_file(name))) for name, _, _ in _REAL]


def _lines(folder: Path, seed: int, copies: int, cancelled: Callable[[], bool]) -> Iterator[dict[str, Any]]:
    kinds: tuple[tuple[str, Callable[..., Phantom], Callable[[Phantom], list[Question]]], ...] = (
        ("ct_abdomen", _abdomen, _about_ct),
        ("mr_head", _head, _about_mr),
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
            phantom = _unless(cancelled, make, number)
            path = folder / "dicom" / f"{name}_{copy}" / "001.dcm"
            if name == "ct_abdomen" and copy == 0:
                path = _write_volume(folder / "dicom" / f"{name}_{copy}", partial(_unless, cancelled, make, number))
            else:
                write_dicom(phantom.image, path, series=f"{name} {number}", description=f"Phantom {name.replace('_', ' ')}")
            asked = _learnt(phantom.image.modality, *ask(phantom))
            yield from _item_lines(folder, path, phantom.image.modality, asked, f"{name}-{number}", "phantom")
    for file_name, modality, region in _REAL:
        source = Path(str(pydicom.data.get_testdata_file(file_name)))
        path = folder / "real" / file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, path)
        yield from _item_lines(folder, path, modality, [questions.region(region)], file_name, "pydicom test file (MIT)")


def _unless(cancelled: Callable[[], bool], make: Callable[..., Phantom], number: int, **where: float) -> Phantom:
    if cancelled():
        raise CancelledError
    return make(number, **where)


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


def _item_lines(
    folder: Path, path: Path, modality: Modality | None, asked: list[Question], patient: str, licence: str
) -> Iterator[dict[str, Any]]:
    assert modality is not None
    for question in [questions.which_modality(modality, generator(0, f"modality options {patient}")), *asked]:
        options, answer = question.arranged(generator(0, f"options {patient} {question.text}"))
        yield {
            "image": path.relative_to(folder).as_posix(),
            "modality": str(modality),
            "question": question.text,
            "options": options,
            "answer": answer,
            "task": question.task,
            "skill": question.skill,
            "source": "medqdeg sample study",
            "patient": patient,
            "public": True,
            "licence": licence,
        }


def _abdomen(seed: int, *, size: int = 512, z: float = 0.0) -> Phantom:
    """Lesions large enough for the reference model, and kidneys that are alike, or one of them small."""
    return ct.ct_abdomen(seed, size=size, large_lesions=True, small_kidney=_UNEVEN[seed % 3], z=z)


def _head(seed: int, *, size: int = 256) -> Phantom:
    return mr.mr_head(seed, size=size, large_ventricle=_UNEVEN[seed % 3])


def _learnt(modality: Modality | None, *asked: Question) -> list[Question]:
    """Without what the reference model did not learn to answer in this modality."""
    return [question for question in asked if (question.kind, modality) not in questions.NOT_LEARNT]


def _about_ct(phantom: Phantom) -> list[Question]:
    return [
        questions.region("Abdomen"),
        questions.count("liver lesions", phantom.truth["liver lesions"]),
        questions.relation("larger kidney", phantom.truth["larger kidney"]),
    ]


def _about_mr(phantom: Phantom) -> list[Question]:
    return [
        questions.region("Head"),
        questions.side("enhancing lesion", phantom.truth["enhancing lesion"]),
        questions.relation("larger ventricle", phantom.truth["larger ventricle"]),
    ]


def _about_radiograph(phantom: Phantom) -> list[Question]:
    return [questions.region("Chest"), questions.side("round opacity", phantom.truth["round opacity"])]


def _about_ultrasound(phantom: Phantom) -> list[Question]:
    return [questions.count("cysts", phantom.truth["cysts"])]


def _about_tissue(phantom: Phantom) -> list[Question]:
    return [questions.count("glands", phantom.truth["glands"])]


def _about_dermoscopy(phantom: Phantom) -> list[Question]:
    return [questions.appearance(phantom.truth["symmetric"])]


def _about_endoscopy(phantom: Phantom) -> list[Question]:
    return [questions.count("polyps", phantom.truth["polyps"])]


def _about_fundus(phantom: Phantom) -> list[Question]:
    return [questions.eye(phantom.truth["eye"])]
