"""What the readings of a panel say about the readers: every figure with its interval and its n, from answers alone.

Deviations are taken from the mean of all readers on the same picture, cell and level, so that what differs between pictures is
not counted against a reader. Nothing depends on the order in which answers arrive.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from medqdeg_desktop.calibration.trials import ADJUST, VERIFY
from medqdeg_desktop.calibration.verification import STEPS
from medqdeg_desktop.statistics.agreement import Agreement, weighted_kappa
from medqdeg_desktop.statistics.alpha import alpha_interval
from medqdeg_desktop.statistics.concordance import kendall_p, ordering
from medqdeg_desktop.statistics.distributions import t_quantile
from medqdeg_desktop.statistics.reader_model import ReaderModel, reader_model
from medqdeg_desktop.statistics.reliability import (
    Components,
    Interval,
    LimitsOfAgreement,
    bland_altman,
    icc_a1,
    mean_interval,
    median_interval,
    repeatability,
    variance_components,
    within_sd,
)
from medqdeg_desktop.study.readings import TrialAnswer
from medqdeg_desktop.taxonomy import Level

#: (type, modality, level, image): one thing that every reader sets.
Thing = tuple[str, str, str, str]
NO_INTERVAL = Interval(math.nan, math.nan, math.nan, 0)


@dataclass(frozen=True, slots=True)
class ReaderFigures:
    """One reader. ``bias`` against the panel's mean; ``drift`` change of the deviation an hour of reading; ``start_effect``
    settings that began at 1 minus those that began at 0; ``seconds`` median time a setting; ``catches`` passed of shown;
    ``retest`` second minus first setting of what was shown again; ``model_bias`` and ``inconsistency`` by ``reader_model``."""

    reader: str
    settings: int
    within: Interval
    repeatability: Interval
    bias: Interval
    drift: Interval
    start_effect: Interval
    seconds: Interval
    catches: tuple[int, int]
    cannot_set: int
    sessions: int
    retest: LimitsOfAgreement
    model_bias: Interval = NO_INTERVAL
    inconsistency: Interval = NO_INTERVAL


@dataclass(frozen=True, slots=True)
class PairFigures:
    """Two readers: limits of agreement of their settings, weighted kappa of their blind ratings."""

    first: str
    second: str
    limits: LimitsOfAgreement
    kappa: Agreement | None


@dataclass(frozen=True, slots=True)
class PanelFigures:
    """The panel. ``icc``, ``between`` and ``order`` (Kendall's W of the cells, with ``order_p``) by level; ``alpha_settings``
    interval, ``alpha_ratings`` ordinal; ``confusion`` counts of ratings by what was intended; ``start_effect`` over readers;
    ``retest`` of all readers; ``means`` each reader's setting of each thing, ``repeats`` each reader's (first, again)."""

    readers: tuple[ReaderFigures, ...]
    pairs: tuple[PairFigures, ...]
    within: Interval
    repeatability: Interval
    between: dict[Level, Interval]
    icc: dict[Level, Interval]
    components: dict[Level, Components]
    start_effect: Interval
    alpha_settings: Interval
    alpha_ratings: Interval
    confusion: dict[str, tuple[int, ...]]
    order: dict[Level, Interval]
    order_p: dict[Level, float]
    retest: LimitsOfAgreement
    means: dict[Thing, dict[str, float]] = field(repr=False)
    repeats: dict[str, tuple[tuple[float, float], ...]] = field(repr=False)


def panel_figures(answers: Sequence[TrialAnswer]) -> PanelFigures:
    """All figures of the answers of one protocol."""
    ordered = sorted(answers, key=lambda a: (a.at, a.event_id))
    settings = [a for a in ordered if a.stage == ADJUST and a.verdict == "set" and a.detail.get("kind") != "catch" and a.type]
    settings = [a for a in settings if not a.key.startswith("catch|") and a.severity is not None]
    ratings = [a for a in ordered if a.stage == VERIFY and a.verdict == "rated"]
    values: dict[Thing, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for a in settings:
        values[_thing(a)][a.reader].append(_severity(a))
    readers = sorted({a.reader for a in ordered})
    means = {thing: {r: math.fsum(v) / len(v) for r, v in by.items()} for thing, by in values.items()}
    groups = {r: [by[r] for by in values.values() if r in by] for r in readers}
    every = [g for each in groups.values() for g in each]
    repeats = {r: _repeats([a for a in settings if a.reader == r]) for r in readers}
    tables = {level: _table(means, readers, level) for level in (Level.L1, Level.L2)}
    both_levels = np.concatenate(list(tables.values()))
    model = reader_model([[by.get(r, []) for r in readers] for _, by in sorted(values.items())])
    figures = tuple(
        _reader(r, ordered, settings, means, groups[r], repeats[r], model, number) for number, r in enumerate(readers)
    )
    effects = [f.start_effect.value for f in figures if not math.isnan(f.start_effect.value)]
    within = within_sd(every)
    order = {level: _order(means, readers, level) for level in tables}
    pictures = [thing[3] for level in tables for thing in sorted(means) if thing[2] == level]
    rating_keys = sorted({a.key for a in ratings})
    return PanelFigures(
        readers=figures,
        pairs=tuple(_pair(a, b, means, ratings) for a, b in combinations(readers, 2)),
        within=within,
        repeatability=repeatability(every),
        between={level: _between(table) for level, table in tables.items()},
        icc={level: icc_a1(table) for level, table in tables.items()},
        components={level: variance_components(table, within.value) for level, table in tables.items()},
        start_effect=mean_interval(effects),
        alpha_settings=alpha_interval(both_levels.T, "interval", clusters=pictures) if len(both_levels) else NO_INTERVAL,
        alpha_ratings=alpha_interval(
            _rating_table(ratings, readers, rating_keys), "ordinal", clusters=[key.split("|")[3] for key in rating_keys]
        )
        if ratings
        else NO_INTERVAL,
        confusion=_confusion(ratings),
        order=order,
        order_p={level: kendall_p(w.value, w.n, len(readers)) for level, w in order.items()},
        retest=_limits([pair for pairs in repeats.values() for pair in pairs]),
        means={thing: dict(by) for thing, by in means.items()},
        repeats=repeats,
    )


def _thing(a: TrialAnswer) -> Thing:
    return (a.type, a.modality, a.level, a.image_id)


def _severity(a: TrialAnswer) -> float:
    assert a.severity is not None
    return a.severity


def _reader(
    reader: str,
    ordered: Sequence[TrialAnswer],
    settings: Sequence[TrialAnswer],
    means: Mapping[Thing, Mapping[str, float]],
    groups: list[list[float]],
    repeats: Sequence[tuple[float, float]],
    model: ReaderModel | None,
    column: int,
) -> ReaderFigures:
    own = [a for a in settings if a.reader == reader]
    all_own = [a for a in ordered if a.reader == reader]
    panel = {thing: math.fsum(by.values()) / len(by) for thing, by in means.items() if len(by) > 1}
    shared = [(thing, by[reader]) for thing, by in means.items() if reader in by and thing in panel]
    catches = [a for a in all_own if a.key.startswith("catch|")]
    return ReaderFigures(
        reader=reader,
        settings=len(own),
        within=within_sd(groups),
        repeatability=repeatability(groups),
        bias=mean_interval([value - panel[thing] for thing, value in shared]),
        drift=_drift(own, panel),
        start_effect=_start_effect(own),
        seconds=median_interval([float(a.detail["seconds"]) for a in own if "seconds" in a.detail]),
        catches=(sum(a.verdict == "cannot_set" for a in catches), len(catches)),
        cannot_set=sum(a.verdict == "cannot_set" and not a.key.startswith("catch|") for a in all_own),
        sessions=len({a.session for a in all_own if a.stage == ADJUST}),
        retest=_limits(repeats),
        model_bias=model.bias[column] if model else NO_INTERVAL,
        inconsistency=model.inconsistency[column] if model else NO_INTERVAL,
    )


def _repeats(own: Sequence[TrialAnswer]) -> tuple[tuple[float, float], ...]:
    """(first, again) of one reader's settings of what was shown twice, in the order of the things."""
    first = {_thing(a): _severity(a) for a in own if a.key.startswith("set|")}
    again = {_thing(a): _severity(a) for a in own if a.key.startswith("again|")}
    return tuple((first[thing], again[thing]) for thing in sorted(first.keys() & again.keys()))


def _limits(repeats: Sequence[tuple[float, float]]) -> LimitsOfAgreement:
    """Again minus first."""
    return bland_altman([again for _, again in repeats], [first for first, _ in repeats])


def _order(means: Mapping[Thing, Mapping[str, float]], readers: Sequence[str], level: Level) -> Interval:
    """Kendall's W of the cells' order at ``level``, over pictures that every reader set."""
    by_cell: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
    for thing, by in sorted(means.items()):
        if thing[2] == level and all(r in by for r in readers):
            by_cell[thing[0], thing[1]].append([by[r] for r in readers])
    return ordering(list(by_cell.values()))


def _drift(own: Sequence[TrialAnswer], panel: Mapping[Thing, float]) -> Interval:
    """Slope of a reader's deviation from the panel on the time read, per hour, with the interval of a regression."""
    spent: dict[str, float] = defaultdict(float)
    x, y = [], []
    for a in own:
        spent[a.session] += float(a.detail.get("seconds", 0.0))
        if _thing(a) in panel:
            x.append(spent[a.session] / 3600)
            y.append(_severity(a) - panel[_thing(a)])
    n = len(x)
    times, deviations = np.asarray(x), np.asarray(y)
    spread = float(((times - times.mean()) ** 2).sum()) if n > 2 else 0.0
    if spread <= 0:
        return Interval(math.nan, math.nan, math.nan, n)
    slope = float(((times - times.mean()) * (deviations - deviations.mean())).sum()) / spread
    rest = deviations - deviations.mean() - slope * (times - times.mean())
    error = math.sqrt(float((rest**2).sum()) / (n - 2) / spread)
    reach = t_quantile(0.975, n - 2) * error
    return Interval(slope, slope - reach, slope + reach, n)


def _start_effect(own: Sequence[TrialAnswer]) -> Interval:
    """Mean over cells and levels of (mean of settings begun at 1) minus (mean of those begun at 0)."""
    by: dict[tuple[str, str, str], dict[bool, list[float]]] = defaultdict(lambda: {False: [], True: []})
    for a in own:
        if "start" in a.detail:
            by[a.type, a.modality, a.level][float(a.detail["start"]) >= 0.5].append(_severity(a))
    return mean_interval([float(np.mean(s[True]) - np.mean(s[False])) for s in by.values() if s[True] and s[False]])


def _table(means: Mapping[Thing, Mapping[str, float]], readers: Sequence[str], level: Level) -> np.ndarray:
    """(things, readers) mean settings of one level, NaN where a reader has none."""
    things = sorted(thing for thing in means if thing[2] == level)
    rows = [[means[thing].get(r, math.nan) for r in readers] for thing in things]
    return np.asarray(rows, dtype=np.float64).reshape(len(things), len(readers))


def _between(table: np.ndarray) -> Interval:
    """SD of readers' mean deviations from the panel, with the interval of a variance."""
    whole = table[~np.isnan(table).any(axis=1)]
    if not len(whole):
        return Interval(math.nan, math.nan, math.nan, table.shape[1])
    return within_sd([list(whole.mean(axis=0))])


def _pair(first: str, second: str, means: Mapping[Thing, Mapping[str, float]], ratings: Sequence[TrialAnswer]) -> PairFigures:
    both = sorted(thing for thing, by in means.items() if first in by and second in by)
    limits = bland_altman([means[t][first] for t in both], [means[t][second] for t in both])
    rated: dict[str, dict[str, int]] = defaultdict(dict)
    for a in ratings:
        rated[a.key][a.reader] = int(a.detail["rating"])
    shared = sorted(key for key, by in rated.items() if first in by and second in by)
    kappa = None
    if shared:
        images = [key.split("|")[3] for key in shared]
        kappa = weighted_kappa(
            [rated[k][first] for k in shared],
            [rated[k][second] for k in shared],
            len(STEPS),
            weighting="quadratic",
            clusters=images,
        )
    return PairFigures(first, second, limits, kappa)


def _rating_table(ratings: Sequence[TrialAnswer], readers: Sequence[str], keys: Sequence[str]) -> np.ndarray:
    table = np.full((len(readers), len(keys)), np.nan)
    column = {key: i for i, key in enumerate(keys)}
    for a in ratings:
        table[readers.index(a.reader), column[a.key]] = float(a.detail["rating"])
    return table


def _confusion(ratings: Sequence[TrialAnswer]) -> dict[str, tuple[int, ...]]:
    counts: dict[str, list[int]] = {name: [0] * len(STEPS) for name in ("L0", "L1-", "L1", "L1+", "L2-", "L2", "L2+")}
    for a in ratings:
        counts[str(a.detail["intended"])][int(a.detail["rating"])] += 1
    return {name: tuple(row) for name, row in counts.items() if sum(row)}
