"""The tables of the evidence: one function a table, a row a line of its CSV, every estimate beside its interval and its n."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from medqdeg_desktop.calibration.adjudication import Standing
from medqdeg_desktop.calibration.comparison import Scale
from medqdeg_desktop.calibration.figures import PanelFigures
from medqdeg_desktop.calibration.verification import STEPS
from medqdeg_desktop.statistics.distributions import binomial_bounds
from medqdeg_desktop.statistics.panel import ENOUGH_READERS
from medqdeg_desktop.statistics.reliability import Interval
from medqdeg_desktop.study.readings import Session, TrialAnswer

Row = dict[str, Any]

#: Facts of a session that a report names, with their words; what else was recorded is in the JSON.
SESSION_FACTS = (
    "screen", "display", "window", "device_pixel_ratio", "dpi", "logical_dpi", "refresh_hz", "colour_depth", "ambient_light",
    "distance_cm", "display_mode", "conditions_note", "application", "engine_sha256", "numpy", "opencv-python-headless",
    "platform", "utc_offset",
)  # fmt: skip


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


def agreement_rows(figures: PanelFigures) -> list[Row]:
    """The panel as a whole: a row a figure and level ("both" where it is of both)."""
    rows = [
        _agreement("within-reader SD", "both", figures.within),
        _agreement("repeatability coefficient", "both", figures.repeatability),
    ]
    for what, by_level in (
        ("between-reader SD", figures.between),
        ("ICC(A,1)", figures.icc),
        ("Kendall's W of the cells", figures.order),
    ):
        rows += [_agreement(what, str(level), interval) for level, interval in by_level.items()]
    rows += [
        _agreement("Krippendorff's alpha, settings (interval)", "both", figures.alpha_settings),
        _agreement("Krippendorff's alpha, blind ratings (ordinal)", "both", figures.alpha_ratings),
        _agreement("effect of the start (begun at 1 minus begun at 0)", "both", figures.start_effect),
        _agreement("test-retest, mean difference", "both", figures.retest.bias),
        _agreement("test-retest, lower limit of agreement", "both", figures.retest.lower),
        _agreement("test-retest, upper limit of agreement", "both", figures.retest.upper),
    ]
    readers = len(figures.readers)
    meant = "readers in general" if readers >= ENOUGH_READERS else "this panel"
    return [{**row, "readers": readers, "interval_describes": meant} for row in rows if not math.isnan(row["value"])]


def _agreement(what: str, level: str, interval: Interval) -> Row:
    return {"figure": what, "level": level, **_interval("value", interval), "n": interval.n}


def _interval(name: str, interval: Interval) -> Row:
    head = name if name != "value" else ""
    low, high = (f"{head}_low", f"{head}_high") if head else ("low", "high")
    return {name: interval.value, low: interval.low, high: interval.high}


def reader_rows(figures: PanelFigures, names: Mapping[str, str]) -> list[Row]:
    rows = []
    for r in figures.readers:
        row: Row = {"reader": names.get(r.reader, r.reader), "settings": r.settings, "sessions": r.sessions}
        row |= {"catches_passed": r.catches[0], "catches": r.catches[1], "cannot_set": r.cannot_set}
        for name in ("seconds", "within", "repeatability", "bias", "drift", "start_effect", "model_bias", "inconsistency"):
            row |= _interval(name, getattr(r, name))
        row |= {"shown_again": r.retest.bias.n, **_interval("retest_bias", r.retest.bias)}
        row |= _interval("retest_lower", r.retest.lower) | _interval("retest_upper", r.retest.upper)
        rows.append(row)
    return rows


def pair_rows(figures: PanelFigures, names: Mapping[str, str]) -> list[Row]:
    return [
        {
            "first": names.get(p.first, p.first),
            "second": names.get(p.second, p.second),
            "pairs": p.limits.bias.n,
            **_interval("bias", p.limits.bias),
            **_interval("lower_limit", p.limits.lower),
            **_interval("upper_limit", p.limits.upper),
            "kappa": p.kappa.kappa if p.kappa else math.nan,
            "kappa_low": p.kappa.low if p.kappa else math.nan,
            "kappa_high": p.kappa.high if p.kappa else math.nan,
            "rated_by_both": p.kappa.subjects if p.kappa else 0,
        }
        for p in figures.pairs
    ]


def confusion_rows(figures: PanelFigures) -> list[Row]:
    """Shares of each row of the table of meant and perceived levels, with exact binomial intervals."""
    rows = []
    for meant, counts in figures.confusion.items():
        n = sum(counts)
        for step, count in zip(STEPS, counts, strict=True):
            low, high = binomial_bounds(count, n)
            rows.append({"meant": meant, "rated": step, "count": count, "n": n, "share": count / n, "low": low, "high": high})
    return rows


def scale_rows(found: Sequence[Scale]) -> list[Row]:
    return [
        {"modality": str(s.modality), "type": name, "strength": s.strengths.log_strength[i], "low": s.strengths.low[i],
         "high": s.strengths.high[i], "comparisons": s.strengths.comparisons}
        for s in found
        for i, name in enumerate(s.types)
    ]  # fmt: skip


def answer_rows(answers: Iterable[TrialAnswer], now: Standing) -> list[Row]:
    """Every decision in the order of time, with what it was made on and with."""
    rows = []
    for a in answers:
        detail, image = a.detail, now.images.get(a.image_id)
        facts = image.facts if image else {}
        window = detail.get("window") or (None, None)
        rows.append(
            {
                "event_id": a.event_id,
                "at": a.at,
                "reader": now.names.get(a.reader, a.reader),
                "stage": a.stage,
                "trial": a.key,
                "session": a.session,
                "ordinal": a.ordinal,
                "session_minutes": detail.get("session_minutes"),
                "verdict": a.verdict,
                "type": a.type,
                "modality": a.modality,
                "level": a.level,
                "severity": a.severity,
                "rating": detail.get("rating"),
                "image": a.image_id,
                "decoder": facts.get("decoder"),
                "array": detail.get("array"),
                "start": detail.get("start"),
                "path_version": detail.get("path_version"),
                "parameters": detail.get("parameters"),
                "seed": detail.get("seed"),
                "render_sha256": detail.get("render_sha256"),
                "window_center": window[0],
                "window_width": window[1],
                "zoom": detail.get("zoom"),
                "layout": detail.get("layout"),
                "seconds": detail.get("seconds"),
                "slider_events": detail.get("slider_events"),
                "flickers": detail.get("flickers"),
                "reason": a.reason,
            }
        )
    return rows


def session_rows(sessions: Iterable[Session], names: Mapping[str, str]) -> list[Row]:
    """Who sat down when, at which display, in which light, with which software."""
    return [
        {"session": s.session_id, "at": s.at, "reader": names.get(s.reader, s.reader), "stage": s.stage,
         **{name: s.facts.get(name) for name in SESSION_FACTS}}
        for s in sessions
    ]  # fmt: skip


def image_rows(now: Standing) -> list[Row]:
    """The pictures of the protocol by the hash of their pixels; paths stay at their site."""
    rows = []
    for image_id in dict.fromkeys(i for c in now.protocol.cells for i in (*c.images, *c.held_out)):
        record = now.images.get(image_id)
        facts = record.facts if record else {}
        held_out = any(image_id in c.held_out for c in now.protocol.cells)
        rows.append(
            {
                "image": image_id,
                "alias": record.alias if record else None,
                "modality": str(record.modality) if record and record.modality else None,
                "use": "verification" if held_out else "adjustment",
                "frame": record.frame if record else None,
                "decoder": facts.get("decoder"),
                "transfer_syntax": facts.get("transfer_syntax"),
            }
        )
    return rows
