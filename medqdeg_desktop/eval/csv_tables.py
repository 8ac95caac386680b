"""The tables of the results as rows, by file name, and rows as CSV: unrounded, intervals as two columns."""

from __future__ import annotations

from typing import Any

from medqdeg_desktop.eval.question_table import DIMENSIONS

Json = dict[str, Any]


def csv_tables(results: Json) -> dict[str, list[Json]]:
    """Tables by file name: ``levels``, ``by_<dimension>``, ``models`` (DKE and cliff), ``pairs`` (inter-model DKE),
    ``model_differences``, ``language_prior``, ``position_bias`` and ``severity_curves``, each where it has a row."""
    models = results["models"]
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
        {"mode": group["mode"], "trials": group["trials"], "level": level, **pair}
        for group in results["inter_model_dke"]
        for level, cell in group["levels"].items()
        for pair in cell["pairs"]
    ]
    if pairs:
        tables["pairs"] = pairs
    for name in ("model_differences", "language_prior"):
        if results[name]:
            tables[name] = [_prefixed("", row) for row in results[name]]
    places = [
        {**_head(model), **_prefixed("", place)} for model in models for place in (model["position"] or {"places": []})["places"]
    ]
    if places:
        tables["position_bias"] = places
    points = [
        {"type": sweep["type"], **{key: curve[key] for key in ("model", "label", "run_id")}, **_prefixed("", point)}
        for sweep in results["sweeps"]
        for curve in sweep["models"]
        for point in curve["points"]
    ]
    if points:
        tables["severity_curves"] = points
    return tables


def _head(model: Json) -> Json:
    return {key: model[key] for key in ("model", "label", "run_id", "mode", "trials", "random_weights")}


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
