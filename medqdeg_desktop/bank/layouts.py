"""Which published layout a file or folder is in, told by its name and by the keys of its first row."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

from medqdeg_desktop.bank import (
    item_lines,
    json_rows,
    medq_bench,
    medxpertqa,
    omnimedvqa,
    slake,
    tsv_rows,
    vlmevalkit_tsv,
    vqa_rad,
)
from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.bank.importing import Importer

# Keys that a row of each layout has and no other layout's row has; the first that fits counts.
_JSON_ROWS: Final[tuple[tuple[str, Importer, Collection[str]], ...]] = (
    ("OmniMedVQA", omnimedvqa.read, ("question_id", "gt_answer")),
    ("MedXpertQA", medxpertqa.read, ("label", "options", "medical_task")),
    ("SLAKE", slake.read, ("img_name", "q_lang", "answer")),
    ("VQA-RAD", vqa_rad.read, ("question", "answer", "answer_type")),
)
_FOLDERS: Final = (("MedXpertQA", medxpertqa), ("SLAKE", slake), ("VQA-RAD", vqa_rad))


def importer_for(path: Path) -> tuple[str, Importer]:
    """(name of the layout, its importer) for ``path``; BankError where nothing fits."""
    if not path.exists():
        raise BankError(f"{path}: no such file or folder")
    if path.is_dir():
        return _folder(path)
    suffix = path.suffix.casefold()
    if suffix in (".tsv", ".tab"):
        return _table(path)
    if suffix not in (".json", ".jsonl", ".ndjson"):
        raise BankError(
            f"{path}: items come as .jsonl (item lines, MedXpertQA), .json (OmniMedVQA, SLAKE, VQA-RAD), .tsv (VLMEvalKit) "
            "or the folder of one of these"
        )
    keys = json_rows.first(path).keys()
    for name, importer, wanted in _JSON_ROWS:
        if keys >= set(wanted):
            return name, importer
    if suffix == ".json":
        return "OmniMedVQA", omnimedvqa.read
    return "item lines", item_lines.read


def _folder(path: Path) -> tuple[str, Importer]:
    for name, source in _FOLDERS:
        present = [path / file for file in source.FILES if (path / file).is_file()]
        # Another source's folder may hold a file called test.json as well: its first row decides.
        if present and importer_for(present[0])[0] == name:
            return name, source.read
    return "OmniMedVQA", omnimedvqa.read


def _table(path: Path) -> tuple[str, Importer]:
    names = set(tsv_rows.header(path))
    if "description" in names and ("image_a" in names or "answer" not in names):
        return "MedQ-Bench descriptions", medq_bench.read
    return "VLMEvalKit TSV", vlmevalkit_tsv.read
