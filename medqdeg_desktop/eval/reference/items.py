"""The reference model's items: a fixed mix of questions about held-out phantoms, and of two questions about real slices.

The mix is a file of item lines that ships with the model (``items.jsonl``) and was fixed before the model was tested. Its
pictures are not shipped: each is the phantom of the seed in its name, made when it is needed, the same on every machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from medqdeg_desktop.engine.seeding import generator
from medqdeg_desktop.eval.reference import pictures
from medqdeg_desktop.eval.reference.pictures import HELD_OUT_SEEDS
from medqdeg_desktop.eval.reference.slices import TESTED, frames
from medqdeg_desktop.samples.dicom_file import write_dicom
from medqdeg_desktop.samples.questions import Question, questions_about, region, which_modality
from medqdeg_desktop.taxonomy import Modality

ITEMS: Final = "reference_model/items.jsonl"
#: Held-out phantoms, the same number of each modality, and their pixels a side.
PHANTOMS: Final = 400
SIZE: Final = 256
_SELDOM: Final = ("modality", "region")
_SOURCE: Final = "medqdeg reference items"
_TESTED_SOURCE: Final = "real slices"


def kind_of(item_id: str) -> str:
    """The kind of question of an item of the mix."""
    return item_id.split("-", 1)[0]


def phantom_lines(first: int = HELD_OUT_SEEDS, count: int = PHANTOMS) -> Iterator[dict[str, Any]]:
    """Item lines about ``count`` phantoms from seed ``first`` on, picture by picture.

    Modality and region could be asked of every picture and would outweigh the rest; they are asked of one in four. Findings are
    there in most pictures; "Does it show ..." and "Which finding ..." are asked of every picture without one and of every third
    with one, so that presence is not the better guess.
    """
    present = 0
    for seed in range(first, first + count):
        phantom = pictures.draw(seed, size=size_of(seed))
        modality = phantom.image.modality
        assert modality is not None
        asked = list(questions_about(modality, phantom.truth, generator(seed, "wrong options")))
        with_finding = any(question.right == "Yes" for question in asked)
        present += with_finding
        for question in asked:
            if question.kind in ("presence", "finding") and with_finding and present % 3:
                continue
            if question.kind in _SELDOM and (seed - first) // len(pictures.MODALITIES) % 4 != _SELDOM.index(question.kind):
                continue
            yield _line(question, seed, modality)


def size_of(seed: int) -> int:
    # Speckle belongs to the picture's size: an ultrasound picture has its own.
    return 480 if pictures.MODALITIES[seed % len(pictures.MODALITIES)] is Modality.ULTRASOUND else SIZE


def _line(question: Question, seed: int, modality: Modality) -> dict[str, Any]:
    options, answer = question.arranged(generator(seed, f"options {question.kind}"))
    return {
        "id": f"{question.kind}-{seed}",
        "image": f"images/{seed}.dcm",
        "modality": str(modality),
        "question": question.text,
        "options": options,
        "answer": answer,
        "task": question.task,
        "skill": question.skill,
        "source": _SOURCE,
        "patient": f"phantom {seed}",
        "public": True,
        "licence": "Apache-2.0",
    }


def written(lines: Sequence[dict[str, Any]], folder: Path) -> Path:
    """Makes the pictures of ``lines`` as DICOM files below ``folder`` and the file of item lines beside them; returns the file.

    Pictures that are there already are left as they are.
    """
    for name in dict.fromkeys(str(line["image"]) for line in lines):
        path = folder / name
        if not path.is_file():
            seed = int(path.stem)
            image = pictures.draw(seed, size=size_of(seed)).image
            write_dicom(image, path, series=f"reference {seed}", description=f"Phantom {image.modality}")
    path = folder / "items.jsonl"
    path.write_text(as_text(lines), "utf-8", newline="\n")
    return path


def slice_lines(data: Path) -> Iterator[dict[str, Any]]:
    """Item lines about the real slices of ``TESTED`` below ``data``: modality and, where it is known, body region."""
    for source in TESTED:
        path = data / source.path
        for image in frames(data, source):
            name = f"{source.path.replace('/', '_')}-{image.frame}"
            asked = [which_modality(source.modality, generator(0, f"modality {name}"))]
            if source.region:
                asked.append(region(source.region, generator(0, f"region {name}")))
            for question in asked:
                options, answer = question.arranged(generator(0, f"options {question.kind} {name}"))
                yield {
                    "id": f"{question.kind}-{name}",
                    "image": str(path.absolute()),
                    "modality": str(source.modality),
                    "question": question.text,
                    "options": options,
                    "answer": answer,
                    "frame": image.frame,
                    "task": question.task,
                    "skill": question.skill,
                    "source": _TESTED_SOURCE,
                    "patient": source.path,
                    "public": True,
                    "licence": source.licence,
                }


def as_text(lines: Iterable[dict[str, Any]]) -> str:
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def read(path: Path) -> list[dict[str, Any]]:
    """The item lines of a file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]
