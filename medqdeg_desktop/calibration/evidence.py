"""The evidence behind a profile, as a report: one HTML page that stands alone, tables as CSV, everything as JSON.

Protocol, anchors, pseudonyms, image hashes, displays, software and counts of decisions stand beside the figures. A person gets
no report before they may read the answers it is made of.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from medqdeg_desktop import __version__
from medqdeg_desktop.calibration.adjudication import Standing, standing
from medqdeg_desktop.calibration.charts import intervals_chart, levels_chart
from medqdeg_desktop.calibration.comparison import Scale, scales
from medqdeg_desktop.calibration.errors import CalibrationError
from medqdeg_desktop.calibration.figures import PanelFigures, panel_figures
from medqdeg_desktop.calibration.verification import STEPS
from medqdeg_desktop.engine import atomic
from medqdeg_desktop.shipped import shipped
from medqdeg_desktop.statistics.reliability import Interval
from medqdeg_desktop.study.readings import TrialAnswer
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import DEGRADATION_BY_NAME, Level

Row = dict[str, Any]


def write_report(study: Study, protocol_id: str, viewer: str, folder: Path) -> dict[str, Path]:
    """Writes ``calibration.html``, ``calibration.json`` and CSV tables into ``folder``; returns their paths by name.

    Raises CalibrationError while ``viewer`` may not read the answers.
    """
    now = standing(study, protocol_id, viewer)
    if now.hidden:
        raise CalibrationError(now.hidden)
    answers = study.trials(protocol_id, viewer)
    figures = panel_figures(answers)
    tables = {
        "levels": level_rows(now),
        "readers": reader_rows(figures, now.names),
        "pairs": pair_rows(figures, now.names),
        "answers": answer_rows(answers, now.names),
        "comparisons": scale_rows(scales(now.protocol, answers)),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CalibrationError(f"{folder}: cannot be made ({error.strerror})") from None
    page = html(study, now, figures, tables, answers)
    body = {
        "protocol_id": protocol_id,
        "protocol": now.fixed.body,
        "panel": _plain(asdict(figures)),
        **{name: _plain(rows) for name, rows in tables.items()},
    }
    texts = {"html": ("calibration.html", page), "json": ("calibration.json", json.dumps(body, indent=1, allow_nan=False) + "\n")}
    texts |= {name: (f"{name}.csv", _csv(rows)) for name, rows in tables.items() if rows}
    files = {}
    for name, (file_name, text) in texts.items():
        atomic.write_bytes(folder / file_name, text.encode())
        files[name] = folder / file_name
    return files


def level_rows(now: Standing) -> list[Row]:
    """A row a level: consensus, interval, spread, counts, verification, state."""
    rows = []
    for cell in now.cells:
        p = cell.proposal
        for level, severity in p.severities.items():
            found = p.levels[level]
            verdict = cell.verdict
            rows.append(
                {
                    "type": p.cell.type,
                    "modality": str(p.cell.modality),
                    "level": str(level),
                    "severity": severity,
                    "low": found.severity.low,
                    "high": found.severity.high,
                    "readers": len(found.reader_medians),
                    "settings": found.settings,
                    "cannot_set": found.cannot_set,
                    "within_sd": found.within.value,
                    "within_sd_low": found.within.low,
                    "within_sd_high": found.within.high,
                    "between_range": found.between_range,
                    "rated_as_intended": verdict.shares.get(level, math.nan) if verdict else math.nan,
                    "median_rating": verdict.medians.get(level, math.nan) if verdict else math.nan,
                    "vote_round": p.vote_round,
                    "state": cell.state,
                    "doubts": "; ".join(p.doubts),
                }
            )
    return rows


def reader_rows(figures: PanelFigures, names: Mapping[str, str]) -> list[Row]:
    rows = []
    for r in figures.readers:
        row: Row = {"reader": names.get(r.reader, r.reader), "settings": r.settings, "sessions": r.sessions, "seconds": r.seconds}
        row |= {"catches_passed": r.catches[0], "catches": r.catches[1], "cannot_set": r.cannot_set}
        for name in ("within", "repeatability", "bias", "drift", "start_effect"):
            interval: Interval = getattr(r, name)
            row |= {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
        rows.append(row)
    return rows


def pair_rows(figures: PanelFigures, names: Mapping[str, str]) -> list[Row]:
    return [
        {
            "first": names.get(p.first, p.first),
            "second": names.get(p.second, p.second),
            "pairs": p.limits.bias.n,
            "bias": p.limits.bias.value,
            "bias_low": p.limits.bias.low,
            "bias_high": p.limits.bias.high,
            "lower_limit": p.limits.lower.value,
            "upper_limit": p.limits.upper.value,
            "kappa": p.kappa.kappa if p.kappa else math.nan,
            "kappa_low": p.kappa.low if p.kappa else math.nan,
            "kappa_high": p.kappa.high if p.kappa else math.nan,
        }
        for p in figures.pairs
    ]


def answer_rows(answers: Iterable[TrialAnswer], names: Mapping[str, str]) -> list[Row]:
    """Every decision, in the order of time."""
    return [
        {
            "event_id": a.event_id,
            "at": a.at,
            "reader": names.get(a.reader, a.reader),
            "stage": a.stage,
            "trial": a.key,
            "session": a.session,
            "ordinal": a.ordinal,
            "verdict": a.verdict,
            "type": a.type,
            "modality": a.modality,
            "level": a.level,
            "severity": a.severity,
            "rating": a.detail.get("rating"),
            "image": a.image_id,
            "start": a.detail.get("start"),
            "seconds": a.detail.get("seconds"),
            "slider_events": a.detail.get("slider_events"),
            "flickers": a.detail.get("flickers"),
            "reason": a.reason,
        }
        for a in answers
    ]


def scale_rows(found: Sequence[Scale]) -> list[Row]:
    return [
        {"modality": str(s.modality), "type": name, "strength": s.strengths.log_strength[i], "low": s.strengths.low[i],
         "high": s.strengths.high[i], "comparisons": s.strengths.comparisons}
        for s in found
        for i, name in enumerate(s.types)
    ]  # fmt: skip


def html(
    study: Study, now: Standing, figures: PanelFigures, tables: Mapping[str, list[Row]], answers: Sequence[TrialAnswer]
) -> str:
    """The page as text: no script, nothing from outside itself."""
    folder = shipped("report")
    environment = Environment(
        loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"number": _number, "interval": _interval, "percent": _percent}
    names = now.names
    effects = {names.get(r.reader, r.reader): r for r in figures.readers}
    charts = [
        levels_chart(now.cells, "Levels: each reader's median (open) and the consensus with its interval"),
        intervals_chart({n: r.bias for n, r in effects.items()}, "Bias of each reader", "setting minus the panel's mean"),
        intervals_chart({n: r.start_effect for n, r in effects.items()}, "Effect of the start", "begun at 1 minus begun at 0"),
    ]
    counts: dict[str, int] = {}
    for a in answers:
        counts[f"{a.stage}: {a.verdict}"] = counts.get(f"{a.stage}: {a.verdict}", 0) + 1
    return environment.get_template("calibration.html.j2").render(
        css=Markup((folder / "report.css").read_text(encoding="utf-8")),
        now=now,
        study_name=study.name,
        figures=figures,
        tables=tables,
        charts=[Markup(chart) for chart in charts],
        counts=dict(sorted(counts.items())),
        sessions=study.sessions(now.fixed.protocol_id),
        steps=STEPS,
        levels=(Level.L1, Level.L2),
        label=lambda name: DEGRADATION_BY_NAME[name].label,
        made_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        version=__version__,
        signatures=study.signatures(now.fixed.protocol_id),
    )


def _number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _interval(value: Interval, digits: int = 3) -> str:
    if math.isnan(value.low):
        return ""
    return f"{_number(value.low, digits)} to {_number(value.high, digits)}"


def _percent(value: float) -> str:
    return "–" if math.isnan(value) else f"{value * 100:.0f} %"


def _plain(value: Any) -> Any:
    """``value`` as JSON can hold it: keys as text, NaN as null."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _csv(rows: Sequence[Row]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {k: "" if v is None or (isinstance(v, float) and math.isnan(v)) else v for k, v in row.items()} for row in rows
    )
    return out.getvalue()
