"""Every figure of a panel against another computation from the same answers: scipy, pingouin, krippendorff, scikit-learn.

What is checked is the whole way from answers to figure, so that a table the wrong way round or a reader mixed up shows as well.
"""

from __future__ import annotations

import math
from itertools import combinations, product

import krippendorff
import numpy as np
import pandas as pd
import pingouin
import pytest
from scipy import stats
from sklearn.metrics import cohen_kappa_score
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from medqdeg_desktop.calibration.figures import PanelFigures, panel_figures
from medqdeg_desktop.calibration.trials import ADJUST, VERIFY
from medqdeg_desktop.statistics.reliability import Interval
from medqdeg_desktop.study.readings import TrialAnswer
from medqdeg_desktop.taxonomy import Level

READERS, TYPES, IMAGES, LEVELS = ("r1", "r2", "r3", "r4"), ("gaussian_blur", "motion_blur", "low_dose"), 5, ("L1", "L2")
THING = ["type", "image", "level"]


def _answers() -> list[TrialAnswer]:
    """Four readers with biases, noise and a pull towards the start set three cells and rate the proposed levels."""
    rng = np.random.default_rng(12)
    of_image = rng.normal(0, 0.04, (len(TYPES), IMAGES))
    made: list[TrialAnswer] = []

    def keep(reader: str, stage: str, key: str, session: str, verdict: str, severity: float, detail: dict[str, object]) -> None:
        _, name, _, image, level = key.split("|")
        number = len(made)
        at = f"2026-03-{1 + number // 1440:02d}T{number // 60 % 24:02d}:{number % 60:02d}:00Z"
        made.append(
            TrialAnswer(
                reader, "p", stage, key, session, number, verdict, name, "CT", level[:2], severity, image, detail, "",
                f"{number:06d}", at,
            )
        )  # fmt: skip

    for r, reader in enumerate(READERS):
        shown = [(t, i, again) for again in (False, True) for t, i in product(range(len(TYPES)), range(2 if again else IMAGES))]
        for t, i, again in shown:
            for n, level in enumerate(LEVELS):
                start = float((t + i + n + again) % 2)
                truth = 0.3 + 0.3 * n + 0.04 * t + of_image[t, i] + 0.03 * (r - 1.5) + 0.05 * (start - 0.5)
                key = f"{'again' if again else 'set'}|{TYPES[t]}|CT|image{i}|{level}"
                detail = {"start": start, "seconds": float(rng.uniform(8, 30)), "repeat": again}
                keep(reader, ADJUST, key, f"{reader}{again}", "set", truth + rng.normal(0, 0.03), detail)
        for t, i, (intended, step) in product(
            range(len(TYPES)), range(3), (("L0", 0), ("L1-", 1), ("L1", 2), ("L1+", 2), ("L2-", 3), ("L2", 3), ("L2+", 4))
        ):
            rating = int(np.clip(step + rng.choice([-1, 0, 0, 0, 1]), 0, 4))
            detail = {"intended": intended, "rating": rating, "seconds": 5.0}
            keep(reader, VERIFY, f"rate|{TYPES[t]}|CT|held{i}|{intended}", f"{reader}v", "rated", 0.5, detail)
    return made


ANSWERS = _answers()


@pytest.fixture(scope="module")
def figures() -> PanelFigures:
    return panel_figures(ANSWERS)


@pytest.fixture(scope="module")
def settings() -> pd.DataFrame:
    rows = [
        {"reader": a.reader, "type": a.type, "image": a.image_id, "level": a.level, "s": a.severity, "session": a.session}
        | {"start": a.detail["start"], "seconds": a.detail["seconds"]}
        for a in ANSWERS
        if a.stage == ADJUST
    ]
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def ratings() -> pd.DataFrame:
    rows = [
        {"reader": a.reader, "key": a.key, "intended": a.detail["intended"], "rating": a.detail["rating"]}
        for a in ANSWERS
        if a.stage == VERIFY
    ]
    return pd.DataFrame(rows)


def _means(settings: pd.DataFrame, level: str = "") -> pd.DataFrame:
    """(things, readers) mean settings."""
    chosen = settings[settings.level == level] if level else settings
    return chosen.pivot_table(index=THING, columns="reader", values="s")


def _same(found: Interval, value: float, low: float, high: float) -> None:
    assert (found.value, found.low, found.high) == pytest.approx((value, low, high), abs=1e-10)


def _of_variance(variance: float, freedom: int) -> tuple[float, float, float]:
    """SD with its interval by scipy's chi squared."""
    ends = (math.sqrt(variance * freedom / stats.chi2.ppf(q, freedom)) for q in (0.975, 0.025))
    return math.sqrt(variance), *ends  # type: ignore[return-value]


def _of_mean(values: object) -> tuple[float, float, float]:
    found = stats.ttest_1samp(np.asarray(values, float), 0)
    low, high = found.confidence_interval(0.95)
    return float(np.mean(np.asarray(values, float))), float(low), float(high)


def test_within_reader_sd_and_repeatability(figures: PanelFigures, settings: pd.DataFrame) -> None:
    again = settings.groupby(["reader", *THING]).s.agg(["var", "count"])
    again = again[again["count"] > 1]
    _same(figures.within, *_of_variance(again["var"].mean(), len(again)))
    assert figures.repeatability.value == pytest.approx(1.96 * math.sqrt(2 * again["var"].mean()), rel=1e-4)
    for reader in figures.readers:
        own = again.loc[reader.reader]["var"]
        _same(reader.within, *_of_variance(own.mean(), len(own)))


def test_between_reader_sd(figures: PanelFigures, settings: pd.DataFrame) -> None:
    for level in LEVELS:
        _same(figures.between[Level(level)], *_of_variance(_means(settings, level).mean().var(), len(READERS) - 1))


def test_bias_drift_effect_of_the_start_and_time_of_each_reader(figures: PanelFigures, settings: pd.DataFrame) -> None:
    means = _means(settings)
    panel = means.mean(axis=1)
    for reader in figures.readers:
        own = settings[settings.reader == reader.reader]
        _same(reader.bias, *_of_mean(means[reader.reader] - panel))
        hours = own.groupby("session").seconds.cumsum() / 3600
        fit = stats.linregress(
            hours, own.s.to_numpy() - panel.loc[list(own[THING].itertuples(index=False, name=None))].to_numpy()
        )
        reach = stats.t.ppf(0.975, len(own) - 2) * fit.stderr
        _same(reader.drift, fit.slope, fit.slope - reach, fit.slope + reach)
        ends = own.assign(high=own.start >= 0.5).pivot_table(index=["type", "level"], columns="high", values="s")
        _same(reader.start_effect, *_of_mean(ends[True] - ends[False]))
        assert reader.seconds.value == own.seconds.median()
    _same(figures.start_effect, *_of_mean([r.start_effect.value for r in figures.readers]))


def test_limits_of_agreement_of_each_pair(figures: PanelFigures, settings: pd.DataFrame) -> None:
    means = _means(settings)
    assert [(p.first, p.second) for p in figures.pairs] == list(combinations(READERS, 2))
    for pair in figures.pairs:
        difference = means[pair.first] - means[pair.second]
        _same(pair.limits.bias, *_of_mean(difference))
        ends = difference.mean() + np.array([-1, 1]) * stats.norm.ppf(0.975) * difference.std()
        assert (pair.limits.lower.value, pair.limits.upper.value) == pytest.approx(tuple(ends))


@pytest.mark.parametrize("level", LEVELS)
def test_icc_is_pingouins(figures: PanelFigures, settings: pd.DataFrame, level: str) -> None:
    tall = _means(settings, level).reset_index(names=THING).assign(thing=lambda t: t[THING].agg("|".join, axis=1))
    tall = tall.melt(id_vars="thing", value_vars=list(READERS), var_name="reader", value_name="s")
    oracle = pingouin.intraclass_corr(tall, targets="thing", raters="reader", ratings="s").set_index("Type").loc["ICC(A,1)"]
    found = figures.icc[Level(level)]
    assert found.value == pytest.approx(oracle["ICC"], abs=1e-6)
    assert (found.low, found.high) == pytest.approx(tuple(oracle["CI95"]), abs=0.006)  # printed to two decimals


@pytest.mark.parametrize("level", LEVELS)
def test_variance_components_are_those_of_an_analysis_of_variance(
    figures: PanelFigures, settings: pd.DataFrame, level: str
) -> None:
    table = _means(settings, level)
    tall = table.reset_index(drop=True).melt(ignore_index=False, var_name="reader", value_name="s").reset_index(names="thing")
    squares = anova_lm(ols("s ~ C(thing) + C(reader)", tall).fit()).mean_sq
    things, readers = table.shape
    found = figures.components[Level(level)]
    assert found.reader**2 == pytest.approx((squares["C(reader)"] - squares["Residual"]) / things)
    assert found.image**2 == pytest.approx((squares["C(thing)"] - squares["Residual"]) / readers)
    assert found.interaction**2 == pytest.approx(max(0, squares["Residual"] - figures.within.value**2))


def test_alpha_of_settings_and_of_ratings_is_krippendorffs(
    figures: PanelFigures, settings: pd.DataFrame, ratings: pd.DataFrame
) -> None:
    theirs = krippendorff.alpha(_means(settings).T.to_numpy(), level_of_measurement="interval")
    assert figures.alpha_settings.value == pytest.approx(theirs)
    table = ratings.pivot_table(index="reader", columns="key", values="rating").to_numpy()
    assert figures.alpha_ratings.value == pytest.approx(krippendorff.alpha(table, level_of_measurement="ordinal"))


def test_kappa_of_each_pair_is_scikit_learns_and_the_confusion_is_a_cross_table(
    figures: PanelFigures, ratings: pd.DataFrame
) -> None:
    wide = ratings.pivot_table(index="key", columns="reader", values="rating").astype(int)
    for pair in figures.pairs:
        assert pair.kappa is not None
        theirs = cohen_kappa_score(wide[pair.first], wide[pair.second], weights="quadratic", labels=range(5))
        assert pair.kappa.kappa == pytest.approx(theirs)
    counts = pd.crosstab(ratings.intended, ratings.rating).reindex(columns=range(5), fill_value=0)
    assert figures.confusion == {name: tuple(row) for name, row in zip(counts.index, counts.to_numpy().tolist(), strict=True)}


def test_kendalls_w_is_friedmans_chi_squared_over_its_largest(figures: PanelFigures, settings: pd.DataFrame) -> None:
    for level in LEVELS:
        by_cell = _means(settings, level).groupby("type").mean()
        chi = stats.friedmanchisquare(*by_cell.to_numpy()).statistic
        assert figures.order[Level(level)].value == pytest.approx(chi / (len(READERS) * (len(TYPES) - 1)))
