"""The tables of the results as rows, by file name, and rows as CSV: unrounded, intervals as two columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from medqdeg_desktop.eval.question_table import DIMENSIONS

Json = dict[str, Any]


def csv_tables(results: Json) -> dict[str, list[Json]]:
    """Tables by file name: ``levels``, ``by_<dimension>``, ``models`` (DKE and cliff), ``pairs`` (inter-model DKE),
    ``model_differences``, ``language_prior``, ``position_bias`` and ``severity_curves``, each where it has a row."""
    models = results["models"]
    names = {model["run_id"]: model["name"] for model in models}
    tables = {"levels": [_flat(model, cell) for model in models for cell in model["levels"]]}
    for dimension in DIMENSIONS:
        rows = [_flat(model, cell) for model in models for cell in model["by"][dimension]]
        if rows:
            tables[f"by_{dimension}"] = rows
    tables["models"] = [
        {
            **_head(model),
            **_prefixed("intra_model_dke", model["intra_model_dke"]),
            **_prefixed("cliff", model["cliff"]),
        }
        for model in models
    ]
    pairs = [
        {"mode": group["mode"], "trials": group["trials"], "level": level}
        | {f"{side}_name": names[pair[side]] for side in ("weaker", "stronger")}
        | pair
        for group in results["inter_model_dke"]
        for level, cell in group["levels"].items()
        for pair in cell["pairs"]
    ]
    if pairs:
        tables["pairs"] = pairs
    for name in ("model_differences", "language_prior"):
        if results[name]:
            tables[name] = [_named(_prefixed("", row), names) for row in results[name]]
    places = [
        {**_head(model), **_prefixed("", place)} for model in models for place in (model["position"] or {"places": []})["places"]
    ]
    if places:
        tables["position_bias"] = places
    points = [
        {"type": sweep["type"]} | _named({key: curve[key] for key in ("model", "label", "run_id")}, names) | _prefixed("", point)
        for sweep in results["sweeps"]
        for curve in sweep["models"]
        for point in curve["points"]
    ]
    if points:
        tables["severity_curves"] = points
    return tables


def _head(model: Json) -> Json:
    return {key: model[key] for key in ("model", "label", "name", "run_id", "mode", "trials", "random_weights")}


#: Columns with a run's label -> those with its id.
_LABELS: Final = {"label": "run_id", "first_label": "first", "second_label": "second"}


def _named(row: Json, names: Mapping[str, str]) -> Json:
    """``row`` with a column for each label in which runs of one label are told apart."""
    out: Json = {}
    for key, value in row.items():
        out[key] = value
        if key in _LABELS:
            out[key.replace("label", "name")] = names[row[_LABELS[key]]]
    return out


def _flat(model: Json, cell: Json) -> Json:
    """A cell as one row: intervals as two columns, the matched baseline's values under ``matched_l0_``."""
    own = {key: value for key, value in cell.items() if key != "matched_l0"}
    return {**_head(model), **_prefixed("", own), **_prefixed("matched_l0", cell["matched_l0"])}


def _prefixed(prefix: str, values: Json | None) -> Json:
    out: Json = {}
    for key, value in (values or {}).items():
        name = f"{prefix}_{key}" if prefix else key
        if key.endswith("_ci"):
            out[f"{name}_low"], out[f"{name}_high"] = value or (None, None)
        else:
            out[name] = value
    return out
