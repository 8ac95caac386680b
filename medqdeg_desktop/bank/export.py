"""Handing a set over: VLMEvalKit TSV, Hugging Face imagefolder or parquet, each with a dataset card. PNG bytes are passed
on unchanged.

Everything is streamed; each file appears whole or not at all. The TSV has the columns of MedQ-DEG-Bench and is split into
the clean (``good``) and the degraded (``simulate``) rows as the authors publish theirs. Parquet has the image as a struct
of bytes and path with the metadata that makes ``datasets`` show it as an image.
"""

from __future__ import annotations

import base64
import contextlib
import csv
import hashlib
import io
import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from medqdeg_desktop.bank import rows
from medqdeg_desktop.bank.dataset import CARD, MANIFEST, METADATA, RUN, Dataset
from medqdeg_desktop.bank.errors import BankError, DatasetError
from medqdeg_desktop.engine import atomic
from medqdeg_desktop.progress import Progress

TSV_SHARD_BYTES = 1_000_000_000
PARQUET_SHARD_BYTES = 500_000_000
_PARQUET_GROUP = 100
_UNSAFE = re.compile(r"[^\w.-]")
# VLMEvalKit reads its tables with pandas, to which these words are no text; options that say so would be dropped unseen
# (VLMEvalKit issue 677). The list is that of the `na_values` of pandas.read_csv.
_TAKEN_FOR_MISSING = frozenset(
    [
        "#N/A",
        "#N/A N/A",
        "#NA",
        "-1.#IND",
        "-1.#QNAN",
        "-NaN",
        "-nan",
        "1.#IND",
        "1.#QNAN",
        "<NA>",
        "N/A",
        "NA",
        "NULL",
        "NaN",
        "None",
        "n/a",
        "nan",
        "null",
    ]
)
#: Columns after the answer (those of MedQ-DEG-Bench first) and the field that each shows.
_TSV_COLUMNS = {
    "modality": "modality",
    "degradation_type": "published_type",
    "degradation_severity": "level",
    "source": "source",
    "degradation_category": "category",
    "capability": "capability",
    "task": "task",
    "skill": "skill",
    "item_id": "item_id",
    "pair_id": "pair_id",
    "severity": "severity",
    "parameters": "parameters",
    "seed": "seed",
    "sha256": "sha256",
}


def export_dataset(folder: Path | str, layout: str, out: Path, progress: Progress | None = None) -> list[Path]:
    """Writes the set in ``folder`` to the new or empty folder ``out`` as ``layout``; returns the files and folders to hand over.

    layout   "vlmevalkit", "imagefolder" or "parquet" (needs the extra ``parquet``).
    Raises DatasetError where ``folder`` is no complete set or an image is not as recorded, BankError where ``out`` is in use.
    """
    writers: dict[str, Callable[[Dataset, Path, Progress], list[Path]]] = {
        "vlmevalkit": _vlmevalkit,
        "imagefolder": _imagefolder,
        "parquet": _parquet,
    }
    if layout not in writers:
        raise BankError(f"format {layout!r} is none of {', '.join(writers)}")
    dataset = Dataset.open(folder)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BankError(f"{out}: is in use; choose a new or empty folder")
    out.mkdir(parents=True, exist_ok=True)
    progress = progress or Progress("export")
    written = writers[layout](dataset, out, progress)
    card = out / CARD
    atomic.write_bytes(card, dataset_card(dataset, layout, written).encode())
    progress.finish(files=len(written))
    return [*written, card]


def _vlmevalkit(dataset: Dataset, out: Path, progress: Progress) -> list[Path]:
    """TSV files of at most a gigabyte, quoted throughout as VLMEvalKit writes them; ``index`` is unique over the whole set."""
    letters = _letters(dataset)
    header = ["index", "image", "image_path", "question", *letters, "answer", *_TSV_COLUMNS]
    shards = {kind: _TsvShards(out, f"MedQ-Robust-{kind}", header) for kind in ("good", "simulate")}
    done = 0
    try:
        for first, group in _by_question(dataset):
            images = [base64.b64encode(_png(dataset, row)).decode() for row in group]
            # Several images of one question stand in one cell, as a list, the way VLMEvalKit reads them.
            cell = images[0] if len(images) == 1 else json.dumps(images)
            paths = [row["file_name"] for row in group]
            index = "_".join(filter(None, (_file_name(first["item_id"]), first["published_type"], first["level"])))
            line = [index, cell, paths[0] if len(paths) == 1 else json.dumps(paths), _guarded(first["question"])]
            line += [_guarded(first.get(letter, "")) for letter in letters]
            line += [first["answer"], *(first[field] for field in _TSV_COLUMNS.values())]
            shards["good" if first["level"] == "L0" else "simulate"].write(line)
            done += len(group)
            progress.update(done, dataset.row_count)
        return [path for kind in shards.values() for path in kind.close()]
    finally:
        for kind in shards.values():
            kind.abandon()


def _file_name(item_id: str) -> str:
    """``item_id`` fit to be part of a file's name, which VLMEvalKit makes of an index; told apart by a hash where it is not."""
    safe = _UNSAFE.sub("-", item_id)
    return safe if safe == item_id else f"{safe}-{hashlib.sha256(item_id.encode()).hexdigest()[:8]}"


def _guarded(text: str) -> str:
    """``text`` with a blank at its end where a reader would take it for a missing value: "None" is an option."""
    return f"{text} " if text in _TAKEN_FOR_MISSING else text


class _TsvShards:
    """Writes rows to ``NAME.tsv``; from the second file on, ``NAME-00001.tsv`` and so on."""

    def __init__(self, folder: Path, name: str, header: list[str]) -> None:
        self._folder, self._name, self._header = folder, name, header
        self._paths: list[Path] = []
        self._open: contextlib.ExitStack | None = None
        self._file: Any = None
        self._size = 0

    def write(self, line: list[Any]) -> None:
        text = io.StringIO()
        csv.writer(text, delimiter="\t", quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(line)
        data = text.getvalue().encode()
        if self._open is None or self._size + len(data) > TSV_SHARD_BYTES:
            self._finish()
            number = len(self._paths)
            path = self._folder / (f"{self._name}-{number:05d}.tsv" if number else f"{self._name}.tsv")
            self._paths.append(path)
            self._open = contextlib.ExitStack()
            self._file = self._open.enter_context(atomic.opened(path))
            self._size = self._file.write(("\t".join(f'"{name}"' for name in self._header) + "\n").encode())
        self._size += self._file.write(data)

    def close(self) -> list[Path]:
        self._finish()
        return self._paths

    def abandon(self) -> None:
        """Drops a file that an error left unfinished; nothing after ``close``."""
        if self._open is not None:
            stack, self._open = self._open, None
            stack.__exit__(RuntimeError, RuntimeError("unfinished"), None)

    def _finish(self) -> None:
        if self._open is not None:
            stack, self._open = self._open, None
            stack.close()


def _imagefolder(dataset: Dataset, out: Path, progress: Progress) -> list[Path]:
    """A copy of the set as it stands: ``metadata.jsonl`` beside the images."""
    for done, row in enumerate(dataset.rows(), 1):
        target = out / row["file_name"]
        target.parent.mkdir(parents=True, exist_ok=True)
        source = dataset.image_path(row)
        try:
            shutil.copyfile(source, target)
        except FileNotFoundError:
            raise DatasetError(f"{source}: is missing; `medqdeg generate` makes it again") from None
        progress.update(done, dataset.row_count)
    for name in (METADATA, MANIFEST, RUN):
        if (dataset.folder / name).exists():
            shutil.copyfile(dataset.folder / name, out / name)
    return [out]


def _parquet(dataset: Dataset, out: Path, progress: Progress) -> list[Path]:
    """Files of about 500 MB called ``test-NNNNN-of-NNNNN.parquet``, in rows' order."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise BankError("parquet needs pyarrow; install medqdeg-desktop[parquet]") from None
    letters = _letters(dataset)
    names = [*(n for n in rows.FIELDS if n not in rows.LETTERS), *letters]
    numbers = {"image_index": pa.int64(), "image_count": pa.int64(), "frame": pa.int64(), "severity": pa.float64()}
    numbers |= {"width": pa.int64(), "height": pa.int64()}
    fields = [pa.field("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())]))]
    fields += [pa.field(name, numbers.get(name, pa.string())) for name in names]
    features: dict[str, Any] = {"image": {"_type": "Image"}}
    features |= {f.name: {"dtype": str(f.type).replace("double", "float64"), "_type": "Value"} for f in fields[1:]}
    schema = pa.schema(fields, metadata={"huggingface": json.dumps({"info": {"features": features}})})
    parts: list[Path] = []
    done = size = 0
    writer = None
    group: list[dict[str, Any]] = []

    def flush() -> None:
        nonlocal writer, size
        if not group:
            return
        if writer is None or size >= PARQUET_SHARD_BYTES:
            if writer is not None:
                writer.close()
            parts.append(out / f"{atomic.TEMPORARY}{len(parts):05d}.parquet")
            writer, size = pq.ParquetWriter(parts[-1], schema, compression="none"), 0
        size += sum(len(entry["image"]["bytes"]) for entry in group)
        writer.write_table(pa.Table.from_pylist(group, schema=schema))
        group.clear()

    try:
        for row in dataset.rows():
            group.append({"image": {"bytes": _png(dataset, row), "path": row["file_name"]}, **{n: row.get(n, "") for n in names}})
            done += 1
            if len(group) == _PARQUET_GROUP:
                flush()
                progress.update(done, dataset.row_count)
        flush()
    finally:
        if writer is not None:
            writer.close()
    final = [out / f"test-{k:05d}-of-{len(parts):05d}.parquet" for k in range(len(parts))]
    for part, path in zip(parts, final, strict=True):
        atomic.replace(part, path)
    return final


def dataset_card(dataset: Dataset, layout: str, files: list[Path]) -> str:
    """A dataset card in Markdown: what it is, counts, levels' origin, licences, and how it was made."""
    manifest = dataset.manifest
    counts: dict[str, Counter[str]] = {
        name: Counter() for name in ("level", "modality", "degradation", "task", "source", "licence")
    }
    for row in dataset.rows():
        for name, counter in counts.items():
            counter[str(row[name]) or ("clean" if name == "degradation" else "not stated")] += 1
    run: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError):
        run = json.loads((dataset.folder / RUN).read_bytes())
    head = ["---", "task_categories:", "- visual-question-answering", "tags:", "- medical"]
    if layout == "parquet":
        head += ["configs:", "- config_name: default", "  data_files:", "  - split: test", "    path: '*.parquet'"]
    lines = [*head, "---", "", "# Degraded medical question-answer set", ""]
    lines += [f"{dataset.row_count:,} images of {manifest.get('items', 0):,} questions, set `{dataset.sha256}`."]
    lines += [_levels_told(set(counts["level"]))]
    if "rule" in manifest:
        lines += [f"Drawn by rule {manifest['rule']} with seed {manifest['seed']}."]
    if manifest.get("mark_regions"):
        lines += ["Regions that questions carry as data were drawn on the finished pictures, equally sharp at every level."]
    lines += ["Marks that a source burned into its pictures were degraded with them.", ""]
    for profile in manifest.get("profiles", []):
        lines.append(f"- Severity profile: {profile['name']} {profile['version']}, {profile['status']}, `{profile['sha256']}`")
    lines += [f"- Engine: medqdeg-desktop {run.get('engine_version', 'not recorded')}"]
    lines += [f"- Note: {note}" for note in manifest.get("notes", [])]
    for name, counter in counts.items():
        lines += ["", f"| {name} | images |", "|---|---|"]
        lines += [f"| {key} | {count:,} |" for key, count in sorted(counter.items())]
    lines += ["", "Licences are those of the source images, stated for each row; research use only, not for diagnosis.", ""]
    if layout == "vlmevalkit":
        lines += [f"Files: {', '.join(path.name for path in files)}.", ""]
    return "\n".join(lines)


def _levels_told(levels: set[str]) -> str:
    """What the levels of a set are, in a sentence."""
    swept = sorted((int(name[1:]) for name in levels if name[0] == "S"), key=int)
    if swept:
        points = ", ".join(f"{per_mille / 1000:g} (S{per_mille:03d})" for per_mille in swept)
        return f"Every question stands on its clean image (L0) and on the same image degraded at the severities {points}."
    if levels == {"L0"}:
        return "Every question stands on its clean image (L0)."
    return "Every question stands on its clean image (L0) and on the same image degraded mildly (L1) and severely (L2)."


def _letters(dataset: Dataset) -> list[str]:
    """Option columns of the whole set: A to E, and as many more as some row needs."""
    found = set(rows.LETTERS)
    for row in dataset.rows():
        found |= set(rows.options_of(row))
    return sorted(found)


def _by_question(dataset: Dataset) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """(first row, rows of all its images in order) for each question at each type and level."""
    item: list[dict[str, Any]] = []

    def groups() -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
        variants: dict[tuple[str, str, float], list[dict[str, Any]]] = {}
        for row in item:
            variants.setdefault((row["degradation"], row["level"], row["severity"]), []).append(row)
        for group in variants.values():
            yield group[0], sorted(group, key=lambda row: int(row["image_index"]))

    for row in dataset.rows():
        if item and row["item_id"] != item[0]["item_id"]:
            yield from groups()
            item = []
        item.append(row)
    yield from groups()


def _png(dataset: Dataset, row: dict[str, Any]) -> bytes:
    path = dataset.image_path(row)
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}; `medqdeg generate` makes it again") from error
