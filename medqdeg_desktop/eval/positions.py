"""Whether a model prefers a place in the list of options to what stands there.

A run with rotated options shows each text at each place in turn. What it chose is compared, place by place, with where the right
option stood: without a preference both have the same share at every place, whatever the model knows. A run without rotation can
be read in the same way, but its questions do not show every text at every place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medqdeg_desktop.eval.json_values import plain_pair
from medqdeg_desktop.eval.question_table import QuestionTable
from medqdeg_desktop.statistics.bootstrap import ClusterWeights, cluster_sums, interval, ratio
from medqdeg_desktop.study.records import Run
from medqdeg_desktop.study.store import Study

Json = dict[str, Any]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Positions:
    """Per question (n, K places as shown): ``chosen`` readable answers (or probability) at each place, ``right`` how often the
    right option stood there, ``hits`` how often it was chosen then."""

    chosen: Floats
    right: Floats
    hits: Floats


def rotated(run: Run) -> bool:
    """Whether ``run`` showed the options in turn at every place."""
    return bool(run.settings.get("rotate_options", False))


def positions_of(study: Study, run: Run, table: QuestionTable) -> Positions:
    """Read from every answer of ``run``; the place of a letter follows from the shift that the answer was asked with."""
    n, k = len(table), len(table.letters)
    chosen, right, hits = (np.zeros((n, k), dtype=np.float32) for _ in range(3))
    own = {letter: i for i, letter in enumerate(table.letters)}
    for answer in study.answers(run.run_id):
        row = table.index.get(answer.file_name)
        if row is None or answer.status == "failed":
            continue
        options, shift = int(table.options[row]), int(answer.detail.get("shift", 0))
        stood = (int(table.answer[row]) + shift) % options
        said = answer.probabilities or ({answer.choice: 1.0} if answer.choice in own else {})
        if not said:
            continue
        right[row, stood] += 1.0
        for letter, share in said.items():
            if own[letter] < options:
                place = (own[letter] + shift) % options
                chosen[row, place] += share
                if place == stood:
                    hits[row, place] += share
    return Positions(chosen, right, hits)


def position_bias(
    positions: Positions, table: QuestionTable, weights: ClusterWeights, keep: NDArray[np.bool_] | None = None
) -> Json | None:
    """``{"bias", "bias_ci", "places": [{"place", "n", "chosen", "right", "preference", "preference_ci", "accuracy"}]}``.

    preference   share of the answers that chose the place, minus the share of those in which the right option stood there.
    bias         half the sum of the preferences' sizes: the share of the answers that would have to move.
    accuracy     of the answers in which the right option stood at the place.

    ``bias`` is above 0 by chance alone; a place is preferred where its interval leaves 0 out. None without a readable answer.
    """
    rows = np.arange(len(table)) if keep is None else np.flatnonzero(keep)
    columns = np.concatenate([positions.chosen[rows], positions.right[rows]], axis=1)
    total = columns.sum(axis=0, dtype=np.float64)
    k = positions.chosen.shape[1]
    asked = total[k:].sum()
    if not asked:
        return None
    met, local = np.unique(table.cluster[rows], return_inverse=True)
    drawn = weights.sums(cluster_sums(columns, local, len(met)), met)
    share = ratio(drawn, np.broadcast_to(drawn[k:].sum(axis=0), drawn.shape))
    preferences = share[:k] - share[k:]
    clusters = int(np.unique(table.cluster[rows][positions.right[rows].any(axis=1)]).size)
    limits = interval(preferences, clusters)
    preference = (total[:k] - total[k:]) / asked
    hits = positions.hits[rows].sum(axis=0, dtype=np.float64)
    places = [
        {
            "place": table.letters[i],
            "n": float(total[k + i]),
            "chosen": float(total[i] / asked),
            "right": float(total[k + i] / asked),
            "preference": float(preference[i]),
            "preference_ci": plain_pair(limits[i]),
            "accuracy": float(hits[i] / total[k + i]) if total[k + i] else None,
        }
        for i in range(k)
    ]
    bias = np.abs(preferences).sum(axis=0, keepdims=True) / 2
    return {"bias": float(np.abs(preference).sum() / 2), "bias_ci": plain_pair(interval(bias, clusters)[0]), "places": places}
