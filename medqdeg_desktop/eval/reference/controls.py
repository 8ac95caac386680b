"""Two controls beside the published levels: a degradation that must not change answers, and one that was expected to.

A turn of one degree leaves every question as it was. A limited angle at its most severe takes most of an abdomen away; its
published levels, of 174 and 158 degrees, are far milder than that. Both are asked of the same questions clean and degraded.
The card says of each what was expected and whether it came.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from medqdeg_desktop.bank.dataset import write_dataset
from medqdeg_desktop.engine.degradation import degrade
from medqdeg_desktop.engine.display import to_display
from medqdeg_desktop.engine.image import Pixels
from medqdeg_desktop.eval.analysis import Analysis
from medqdeg_desktop.eval.plan import EvaluateOptions
from medqdeg_desktop.eval.question_table import question_table
from medqdeg_desktop.eval.reference import items, pictures
from medqdeg_desktop.eval.runner import evaluate
from medqdeg_desktop.eval.scores import count_votes, score
from medqdeg_desktop.eval.spec import parse_spec
from medqdeg_desktop.eval.tables import dataset_of, results_of
from medqdeg_desktop.progress import Progress
from medqdeg_desktop.samples.questions import NOT_LEARNT
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Modality

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Control:
    """``modality`` None: all. The degradation is at ``severity`` with ``overrides`` on top, of seed 0.

    ``least`` is the fall that was expected at least, or None where none was.
    """

    name: str
    type_name: str
    severity: float
    overrides: tuple[tuple[str, float], ...] = ()
    modality: Modality | None = None
    least: float | None = None


#: A fall that nobody would call small: that of the whole mix from L0 to L2 has to reach .08.
LARGE: Final = 0.08
#: A fall within which nothing was lost.
NONE_LOST: Final = 0.02

CONTROLS: Final = (
    Control("rotation by one degree", "object_rotation", 0.0, (("angle_deg", 1.0),)),
    Control("limited angle at severity 1", "limited_angle", 1.0, modality=Modality.CT, least=LARGE),
)


def tested(control: Control, model: Path, lines: Sequence[Json], folder: Path, *, trials: int, replicates: int) -> Json:
    """Accuracy of ``model`` on the learnt questions among ``lines``, clean and under ``control``; ``fall`` is the difference."""
    chosen = [line for line in lines if _fits(line, control)]
    place, study_path = folder / f"control-{control.type_name}", folder / f"control-{control.type_name}.medq"
    shutil.rmtree(place, ignore_errors=True)
    dataset = write_dataset(place, _entries(chosen, control))
    if not study_path.exists():
        Study.create(study_path, name=control.name).close()
    options = EvaluateOptions(mode="option", trials=trials, batch_size=32)
    run = evaluate(dataset.folder, study_path, parse_spec(f"local:{model}"), options, Progress("evaluate")).run
    with Study.open(study_path, read_only=True) as study:
        runs = [kept for kept in study.runs() if kept.run_id == run.run_id]
        table = question_table(dataset_of(runs).rows(), {line["id"]: line["patient"] for line in chosen})
        scores = [score(kept, count_votes(study, kept, table), table) for kept in runs]
    results = results_of(Analysis(table, runs, scores), replicates=replicates, parts=())
    clean, degraded = (row for row in results["models"][0]["levels"])
    matched = degraded["matched_l0"]
    return {
        "name": control.name,
        "questions": len(chosen),
        "pictures": results["clusters"],
        "clean": clean["accuracy"],
        "degraded": degraded["accuracy"],
        "fall": -matched["accuracy_difference"],
        "fall_ci": [-value for value in reversed(matched["accuracy_difference_ci"])],
    }


def _fits(line: Json, control: Control) -> bool:
    modality = Modality(line["modality"])
    return control.modality in (None, modality) and (items.kind_of(line["id"]), modality) not in NOT_LEARNT


def _entries(lines: Sequence[Json], control: Control) -> Iterator[tuple[Json, Pixels]]:
    seen: dict[str, tuple[Pixels, Pixels]] = {}
    for line in lines:
        if line["image"] not in seen:
            seed = int(Path(line["image"]).stem)
            image = pictures.draw(seed, size=items.size_of(seed)).image
            changed = degrade(image, control.type_name, control.severity, overrides=dict(control.overrides))
            seen = {line["image"]: (to_display(image), to_display(changed))}
        values = {name: line[name] for name in ("question", "options", "answer", "modality", "skill", "task")}
        common = {"item_id": line["id"], "pair_id": line["id"], **values}
        clean, degraded = seen[line["image"]]
        yield {**common, "level": "L0"}, clean
        yield {**common, "level": "L1", "degradation": control.type_name}, degraded
