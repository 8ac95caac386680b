"""The evidence behind a profile, as a report: one HTML page that stands alone, tables as CSV, charts as SVG, everything as JSON.

Protocol, anchors, pseudonyms, image hashes, displays, software and counts of decisions stand beside the figures. A person gets
no report before they may read the answers it is made of.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from medqdeg_desktop import __version__
from medqdeg_desktop.calibration import evidence_rows as rows_of
from medqdeg_desktop.calibration.adjudication import Standing, standing
from medqdeg_desktop.calibration.charts import CHARTS, Shown, evidence_charts
from medqdeg_desktop.calibration.comparison import Scale, scales
from medqdeg_desktop.calibration.errors import CalibrationError
from medqdeg_desktop.calibration.evidence_rows import SESSION_FACTS, Row
from medqdeg_desktop.calibration.figures import PanelFigures, panel_figures
from medqdeg_desktop.calibration.verification import STEPS
from medqdeg_desktop.chart.figure import Figure, figure_csv
from medqdeg_desktop.chart.svg import svg
from medqdeg_desktop.csv_text import csv_text
from medqdeg_desktop.engine import atomic
from medqdeg_desktop.shipped import shipped
from medqdeg_desktop.statistics.panel import ENOUGH_READERS
from medqdeg_desktop.statistics.reliability import Interval
from medqdeg_desktop.study.readings import Session, Signature
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import DEGRADATION_BY_NAME, Level


@dataclass(frozen=True)
class Evidence:
    """All that the report shows: ``charts`` and ``tables`` by name, ``counts`` of decisions by stage and verdict."""

    study_name: str
    now: Standing
    figures: PanelFigures
    scales: tuple[Scale, ...]
    tables: dict[str, list[Row]]
    charts: dict[str, Figure]
    counts: dict[str, int]
    sessions: tuple[Session, ...]
    signatures: tuple[Signature, ...]

    @property
    def title(self) -> str:
        return f"{self.now.protocol.name} {self.now.protocol.version}"

    def chart(self, name: str, width: float) -> Figure:
        """The chart ``name`` (one of ``charts``) laid out for ``width`` pixels."""
        made = CHARTS[name](Shown(self.now, self.figures, self.scales), width)
        assert made is not None, "only charts with something to show are named"
        return made

    @property
    def of_this_panel_only(self) -> bool:
        """Too few readers for intervals of readers in general."""
        return len(self.figures.readers) < ENOUGH_READERS


def assemble(study: Study, protocol_id: str, viewer: str) -> Evidence:
    """The evidence as ``viewer`` may see it; CalibrationError while they may not read the answers."""
    now = standing(study, protocol_id, viewer)
    if now.hidden:
        raise CalibrationError(now.hidden)
    answers = study.trials(protocol_id, viewer)
    figures = panel_figures(answers)
    found = scales(now.protocol, answers)
    sessions = study.sessions(protocol_id)
    counts: dict[str, int] = {}
    for a in answers:
        counts[f"{a.stage}: {a.verdict}"] = counts.get(f"{a.stage}: {a.verdict}", 0) + 1
    tables = {
        "levels": rows_of.level_rows(now),
        "agreement": rows_of.agreement_rows(figures),
        "readers": rows_of.reader_rows(figures, now.names),
        "pairs": rows_of.pair_rows(figures, now.names),
        "confusion": rows_of.confusion_rows(figures),
        "comparisons": rows_of.scale_rows(found),
        "answers": rows_of.answer_rows(answers, now),
        "sessions": rows_of.session_rows(sessions, now.names),
        "images": rows_of.image_rows(now),
    }
    return Evidence(
        study_name=study.name,
        now=now,
        figures=figures,
        tables=tables,
        scales=tuple(found),
        charts=evidence_charts(Shown(now, figures, tuple(found))),
        counts=dict(sorted(counts.items())),
        sessions=tuple(sessions),
        signatures=tuple(study.signatures(protocol_id)),
    )


def write_report(study: Study, protocol_id: str, viewer: str, folder: Path) -> dict[str, Path]:
    """Writes the report, but for its PDF, into ``folder``; see ``assemble`` and ``write``."""
    return write(assemble(study, protocol_id, viewer), folder)


def write(evidence: Evidence, folder: Path) -> dict[str, Path]:
    """Writes ``calibration.html``, ``calibration.json``, CSV tables and ``figures/``; returns the paths by name."""
    try:
        (folder / "figures").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CalibrationError(f"{folder}: cannot be made ({error.strerror})") from None
    now = evidence.now
    panel = {k: v for k, v in asdict(evidence.figures).items() if k not in ("means", "repeats")}
    body = {
        "protocol_id": now.fixed.protocol_id,
        "protocol": now.fixed.body,
        "panel": _plain(panel),
        **{name: _plain(rows) for name, rows in evidence.tables.items()},
        "signatures": _plain([asdict(s) for s in evidence.signatures]),
        "session_facts": {s.session_id: _plain(s.facts) for s in evidence.sessions},
    }
    texts = {
        "html": ("calibration.html", html(evidence)),
        "json": ("calibration.json", json.dumps(body, indent=1, allow_nan=False) + "\n"),
    }
    texts |= {name: (f"{name}.csv", csv_text(rows)) for name, rows in evidence.tables.items() if rows}
    for name, figure in evidence.charts.items():
        texts[f"{name}.svg"] = (f"figures/{name}.svg", svg(figure))
        texts[f"{name}.csv"] = (f"figures/{name}.csv", figure_csv(figure))
    files = {}
    for name, (file_name, text) in texts.items():
        atomic.write_bytes(folder / file_name, text.encode())
        files[name] = folder / file_name
    return files


def html(evidence: Evidence, *, template: str = "calibration.html.j2") -> str:
    """The page as text: no script, nothing from outside itself."""
    folder = shipped("report")
    environment = Environment(
        loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"number": _number, "interval": _interval, "percent": _percent}
    return environment.get_template(template).render(
        css=Markup((folder / "report.css").read_text(encoding="utf-8")),
        evidence=evidence,
        now=evidence.now,
        study_name=evidence.study_name,
        figures=evidence.figures,
        tables=evidence.tables,
        charts={name: Markup(svg(figure, identifier=name, inline=True)) for name, figure in evidence.charts.items()},
        counts=evidence.counts,
        steps=STEPS,
        levels=(Level.L1, Level.L2),
        facts=SESSION_FACTS,
        label=lambda name: DEGRADATION_BY_NAME[name].label,
        made_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        version=__version__,
        signatures=evidence.signatures,
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
