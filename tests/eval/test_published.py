"""The published tables give back what the publication says about them."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval import published
from medqdeg_desktop.statistics.correlation import pearson, spearman
from medqdeg_desktop.statistics.dke import inter_model, intra_model
from medqdeg_desktop.taxonomy import DEGRADATION_BY_NAME


def columns(values: tuple[published.LevelResult, ...], field: str) -> dict[str, np.ndarray]:
    names = list(dict.fromkeys(value.model for value in values))
    table = {(value.model, value.level): getattr(value, field) for value in values}
    return {level: np.array([table[name, level] for name in names]) for level in published.LEVELS}


def test_forty_models_in_three_groups_have_an_accuracy() -> None:
    names = {value.model for value in published.accuracy_by_level()}
    groups = [model.group for model in published.models() if model.name in names]
    assert {group: groups.count(group) for group in groups} == {"commercial": 9, "open": 21, "medical": 10}


def test_mean_accuracy_and_its_steps_are_those_published() -> None:
    accuracy = columns(published.accuracy_by_level(), "accuracy")
    means = [100 * accuracy[level].mean() for level in published.LEVELS]
    assert means == pytest.approx([61.52, 60.35, 55.74], abs=0.005)
    assert means[1] - means[0] == pytest.approx(-1.17, abs=0.005)
    assert means[2] - means[1] == pytest.approx(-4.61, abs=0.006)


def test_the_second_step_is_the_larger_one_for_every_model() -> None:
    accuracy = columns(published.accuracy_by_level(), "accuracy")
    assert (np.abs(accuracy["L2"] - accuracy["L1"]) > np.abs(accuracy["L1"] - accuracy["L0"])).all()
    assert int((accuracy["L1"] >= accuracy["L0"]).sum()) == 3


def test_the_effect_within_models_holds_for_nineteen_of_nineteen() -> None:
    accuracy, shift = (columns(published.calibration(), field) for field in ("accuracy", "calibration_shift"))
    holds = intra_model(accuracy["L0"], accuracy["L2"], shift["L0"], shift["L2"])
    assert len(holds) == 19
    assert holds.all()


def test_weaker_models_are_more_overconfident_as_published() -> None:
    accuracy, shift = (columns(published.calibration(), field) for field in ("accuracy", "calibration_shift"))
    rho = {level: spearman(accuracy[level], shift[level]) for level in published.LEVELS}
    assert rho == {
        "L0": pytest.approx(-0.58, abs=0.005),
        "L1": pytest.approx(-0.62, abs=0.005),
        "L2": pytest.approx(-0.73, abs=0.005),
    }
    assert rho["L2"] == pytest.approx(stats.spearmanr(accuracy["L2"], shift["L2"]).statistic)


def test_equation_six_holds_for_the_published_share_of_pairs() -> None:
    accuracy, shift = (columns(published.calibration(), field) for field in ("accuracy", "calibration_shift"))
    pairs = len(list(combinations(range(19), 2)))
    share = {level: inter_model(accuracy[level], shift[level]).sum() / pairs for level in published.LEVELS}
    assert share["L0"] == pytest.approx(0.71, abs=0.005)
    assert share["L2"] == pytest.approx(0.76, abs=0.005)


def test_simulated_and_real_accuracies_correlate_as_published() -> None:
    rows = published.simulated_and_real()
    figures = {level: ([row.simulated[level] for row in rows], [row.real[level] for row in rows]) for level in ("L1", "L2")}
    assert pearson(*figures["L1"]) == pytest.approx(0.902, abs=0.0005)
    assert spearman(*figures["L1"]) == pytest.approx(0.964, abs=0.0005)
    assert pearson(*figures["L2"]) == pytest.approx(0.984, abs=0.0005)
    assert spearman(*figures["L2"]) == pytest.approx(0.985, abs=0.0005)


def test_averages_of_the_tables_are_means_over_their_parts() -> None:
    for table, parts in ((published.by_task(), 6), (published.by_category(), 5)):
        models = dict.fromkeys(row.model for row in table)
        assert len(models) == 40
        for model in models:
            own = {row.part: row.accuracy for row in table if row.model == model}
            average = own.pop("Avg")
            assert len(own) == parts
            assert np.mean(list(own.values())) == pytest.approx(average, abs=0.0011)


def test_harm_of_the_categories_has_the_published_order() -> None:
    drops: dict[str, list[float]] = {}
    for row in published.by_category():
        drops.setdefault(row.part, []).append(row.change)
    drops.pop("Avg")
    order = sorted(drops, key=lambda part: np.mean(drops[part]))
    assert order == ["Artifacts", "Motion", "Noise", "R&B", "Intensity"]


def test_drops_by_type_cover_nineteen_ids_of_eighteen_types_in_the_published_order_of_harm() -> None:
    rows = published.drop_by_type()
    assert len({row.model for row in rows}) == 25
    assert len({row.published_type for row in rows}) == 19
    assert {row.type for row in rows} == {kind.name for kind in DEGRADATION_BY_NAME.values()}
    mean = {
        name: np.mean([row.l2 for row in rows if row.published_type == name]) for name in {row.published_type for row in rows}
    }
    assert sorted(mean, key=lambda name: -mean[name])[:4] == [
        "limited_angle",
        "sparse_view",
        "ghosting_artifact",
        "undersampling_artifact",
    ]


def test_modalities_leave_out_what_the_radar_does_not_show() -> None:
    cells = published.accuracy_by_modality()
    assert len(cells) == 21
    assert len(cells["CT", "L2"]) == 40
    assert len(cells["Ultrasound", "L2"]) == 33
    assert np.mean(list(cells["X-ray", "L0"].values())) == pytest.approx(0.721, abs=0.001)


def test_every_spelling_leads_to_one_name_and_an_unknown_one_is_refused() -> None:
    assert published.canonical_name("InternVL2_5-38B-MPO") == "InternVL2.5-MPO(38B)"
    assert published.canonical_name("GPT-5") == "GPT-5"
    with pytest.raises(MedqdegError, match="no model of the published tables"):
        published.canonical_name("GPT-6")
