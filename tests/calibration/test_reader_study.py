"""A reader study from protocol to published profile, with simulated readers on a real study file."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from simulated_readers import TRUTH, SimulatedReader, fixed_protocol, image_ids, make_protocol

from medqdeg_desktop.calibration.adaptive import ADAPT
from medqdeg_desktop.calibration.comparison import COMPARE, comparisons, scales
from medqdeg_desktop.calibration.consensus import profile_of, propose, signed
from medqdeg_desktop.calibration.errors import CalibrationError
from medqdeg_desktop.calibration.protocol import CellDesign, Protocol, body_of, cost, protocol_of
from medqdeg_desktop.calibration.showing import mirrored
from medqdeg_desktop.calibration.sitting import answer_of, keep, sit_down
from medqdeg_desktop.calibration.trials import ADJUST, VERIFY, adjustment, progress, verification
from medqdeg_desktop.calibration.verification import failures, judge, proposal_body
from medqdeg_desktop.engine.image import MedicalImage, pixel_sha256
from medqdeg_desktop.study.bundle import export_bundle, import_bundle
from medqdeg_desktop.study.readings import Signature, TrialAnswer
from medqdeg_desktop.study.store import Study, StudyError
from medqdeg_desktop.taxonomy import DEGRADATION_TYPES, Level, Modality


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study.create(tmp_path / "panel.medq", name="Panel")


def _panel(seed: int = 0, biases: tuple[float, ...] = (-0.04, 0.0, 0.04)) -> list[SimulatedReader]:
    return [SimulatedReader(f"R{i + 1}", bias, rng=np.random.default_rng([seed, i])) for i, bias in enumerate(biases)]


# -- the protocol -------------------------------------------------------------------------------------------------


def test_a_protocol_comes_back_from_its_body_and_has_one_identity(study: Study) -> None:
    protocol = make_protocol()
    fixed = fixed_protocol(study, protocol)
    assert protocol_of(json.loads(json.dumps(fixed.body))) == protocol
    assert study.fix_protocol(body_of(protocol), "Chair") == fixed and len(study.protocols()) == 1
    with pytest.raises(StudyError, match="choose a new version"):
        study.fix_protocol(body_of(replace(protocol, repeats=1)), "Chair")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cells": ()}, "at least one cell"),
        ({"name": " "}, "a name and a version"),
        ({"cells": (CellDesign("ghosting_artifact", Modality.CT, image_ids(2)),)}, "not defined on CT"),
        ({"cells": (CellDesign("gaussian_blur", Modality.CT, image_ids(2), image_ids(2)),)}, "both adjusted and held out"),
        ({"cells": (CellDesign("gaussian_blur", Modality.CT, ()),)}, "has no images"),
    ],
)
def test_what_cannot_be_read_as_it_stands_is_refused_with_its_reason(changes: dict[str, object], said: str) -> None:
    with pytest.raises(CalibrationError, match=said):
        make_protocol(**changes).checked()


def test_a_protocol_on_another_severity_path_is_refused(study: Study) -> None:
    body = body_of(make_protocol())
    body["path_versions"]["gaussian_blur"] = 99
    with pytest.raises(CalibrationError, match="version 99 of its severity path"):
        protocol_of(body)


def test_the_cost_is_what_the_design_notes_work_out() -> None:
    general = [t.name for t in DEGRADATION_TYPES if t.general]
    cells = tuple(CellDesign(t, m, image_ids(6)) for m in list(Modality)[:6] for t in general)
    estimate = cost(replace(make_protocol(), cells=cells, catch_share=0.0))
    assert estimate.settings == 54 * 2 * 8
    assert estimate.hours == pytest.approx(54 * 2 * 8 * 20 / 3600, rel=0.01)
    # The notes work out 0.143 for a mean and known variances; a median, and variances found from three readers, are less sure.
    assert 0.143 < estimate.half_width == pytest.approx(0.21, abs=0.02)


# -- the order ----------------------------------------------------------------------------------------------------


def test_each_reader_has_an_order_of_their_own_that_is_the_same_every_time(study: Study) -> None:
    protocol = make_protocol()
    fixed = fixed_protocol(study, protocol)
    one, again, two = (adjustment(fixed, protocol, reader) for reader in ("a", "a", "b"))
    assert one == again and [t.key for t in one] != [t.key for t in two]
    assert len({t.key for t in one}) == len(one)
    settings = [t for t in one if t.kind == "set"]
    assert len(settings) == 2 * 2 * (4 + 2) and sum(t.kind == "catch" for t in one) == round(0.1 * 16) + round(0.1 * 8)


def test_half_of_the_trials_of_a_cell_start_at_each_end_and_l2_follows_l1(study: Study) -> None:
    protocol = make_protocol()
    plan = adjustment(fixed_protocol(study, protocol), protocol, "reader")
    for cell in protocol.cells:
        starts = [t.start for t in plan if t.kind == "set" and t.type == cell.type]
        assert sum(starts) == len(starts) / 2
    for before, after in pairwise(plan):
        if before.kind == "set" and before.level is Level.L1:
            assert (after.kind, after.level, after.image_id, after.type) == ("set", Level.L2, before.image_id, before.type)


def test_pictures_come_cell_by_cell_or_mixed_and_l2_follows_l1_in_either(study: Study) -> None:
    switches = {}
    for order in ("by cell", "mixed"):
        protocol = make_protocol(version=f"1.0.0-{order.replace(' ', '')}", order=order, catch_share=0.0)
        fixed = fixed_protocol(study, protocol)
        assert protocol_of(fixed.body) == protocol
        shown = [t for t in adjustment(fixed, protocol, "someone") if t.kind == "set" and not t.repeat]
        assert [t.level for t in shown] == [Level.L1, Level.L2] * (len(shown) // 2)
        assert all(a.image_id == b.image_id and a.type == b.type for a, b in zip(shown[::2], shown[1::2], strict=True))
        types = [t.type for t in shown[::2]]
        switches[order] = sum(a != b for a, b in pairwise(types))
    assert switches["by cell"] == 1 < switches["mixed"]
    older = {key: value for key, value in body_of(make_protocol()).items() if key != "order"}
    assert protocol_of(older).order == "by cell"
    with pytest.raises(CalibrationError, match="order 'backwards'"):
        make_protocol(order="backwards").checked()


def test_clean_pictures_come_first_and_repeats_last_mirrored_only_where_no_side_is_lost(study: Study) -> None:
    cells = (
        CellDesign("gaussian_blur", Modality.CT, image_ids(4)),
        CellDesign("gaussian_blur", Modality.DERMOSCOPY, image_ids(4, 50)),
    )
    protocol = make_protocol(cells=cells)
    plan = adjustment(fixed_protocol(study, protocol), protocol, "reader")
    seen: set[str] = set()
    for trial in plan:
        if trial.kind == "clean":
            seen.add(trial.image_id)
        else:
            assert trial.image_id in seen
    first_repeat = next(i for i, t in enumerate(plan) if t.repeat)
    assert not any(t.kind == "set" and not t.repeat for t in plan[first_repeat + 1 :])
    for trial in plan:
        assert trial.mirrored == (trial.repeat and trial.kind == "set" and trial.modality is Modality.DERMOSCOPY)


def test_a_mirrored_picture_takes_its_letters_and_what_the_file_draws_over_it_along() -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    image = MedicalImage(
        pixels, Modality.OCT, spacing=(1.0, 1.0), orientation=("R", "L", "H", "F"), overlay=(pixels > 9) * np.uint8(255)
    )
    there = mirrored(image)
    np.testing.assert_array_equal(there.pixels, pixels[:, ::-1])
    np.testing.assert_array_equal(there.overlay, (pixels[:, ::-1] > 9) * np.uint8(255))
    assert there.orientation == ("L", "R", "H", "F") and there.source_sha256 == pixel_sha256(there.pixels)


def test_a_repeat_waits_for_its_days_and_for_another_session(study: Study) -> None:
    protocol = make_protocol(("gaussian_blur",), repeat_days=7.0, catch_share=0.0)
    fixed = fixed_protocol(study, protocol)
    reader = study.ensure_reader("R1").reader_id
    plan = adjustment(fixed, protocol, reader)
    session = study.open_session(fixed.protocol_id, "R1", ADJUST)
    simulated = SimulatedReader("R1")
    for ordinal, trial in enumerate(t for t in plan if not t.repeat):
        study.answer_trial(simulated.answer(trial, fixed, session, ordinal))
    here = progress(plan, study.trials(fixed.protocol_id, "R1"), protocol, session)
    assert here.trial is None and not here.finished and here.waits_until is not None
    later = study.open_session(fixed.protocol_id, "R1", ADJUST)
    own = study.trials(fixed.protocol_id, "R1")
    assert progress(plan, own, protocol, later).waits_until is not None
    at_once = replace(protocol, repeat_days=0.0)
    assert progress(plan, own, at_once, session).trial is None
    resumed = progress(plan, own, at_once, later)
    assert resumed.trial is not None and resumed.trial.repeat


def test_a_rejected_picture_is_not_asked_about_again(study: Study) -> None:
    protocol = make_protocol(("gaussian_blur",))
    fixed = fixed_protocol(study, protocol)
    plan = adjustment(fixed, protocol, study.ensure_reader("R1").reader_id)
    session = study.open_session(fixed.protocol_id, "R1", ADJUST)
    first = plan[0]
    assert first.kind == "clean"
    answer = SimulatedReader("R1").answer(first, fixed, session, 1)
    study.answer_trial(replace(answer, verdict="rejected", reason="motion"))
    here = progress(plan, study.trials(fixed.protocol_id, "R1"), protocol, session)
    assert here.trial is not None and here.trial.image_id != first.image_id
    assert here.total == sum(t.image_id != first.image_id for t in plan) + 1


# -- answers ------------------------------------------------------------------------------------------------------


def test_no_trial_is_answered_twice(study: Study) -> None:
    protocol = make_protocol()
    fixed = fixed_protocol(study, protocol)
    reader = study.ensure_reader("R1").reader_id
    session = study.open_session(fixed.protocol_id, "R1", ADJUST)
    answer = SimulatedReader("R1").answer(adjustment(fixed, protocol, reader)[0], fixed, session, 1)
    study.answer_trial(answer)
    with pytest.raises(StudyError, match="is asked once"):
        study.answer_trial(answer)
    assert len(study.trials(fixed.protocol_id, "R1")) == 1 and study.verify() == []


def test_colleagues_answers_cannot_be_read_before_ones_own_are_locked(study: Study) -> None:
    protocol = make_protocol(("gaussian_blur",))
    fixed = fixed_protocol(study, protocol)
    one, two, three = _panel()
    one.read(study, fixed, protocol)
    plan = adjustment(fixed, protocol, study.ensure_reader("R2").reader_id)
    session = study.open_session(fixed.protocol_id, "R2", ADJUST)
    study.answer_trial(two.answer(plan[0], fixed, session, 1))
    ids = {r.pseudonym: r.reader_id for r in study.readers()}

    def seen_by(viewer: str) -> set[str]:
        return {a.reader for a in study.trials(fixed.protocol_id, viewer)}

    assert seen_by("R2") == {ids["R2"]}
    study.ensure_reader("Onlooker")
    assert seen_by("Onlooker") == set() and seen_by("Chair") == set()
    shown = [e for e in study.events(viewer="R2") if e.kind == "trial_answered" and e.reader != ids["R2"]]
    assert shown and all(e.payload["withheld"] and "severity" not in e.payload and not e.image_id for e in shown)
    assert all("severity" not in e.payload for e in study.events() if e.kind == "trial_answered")
    two.read(study, fixed, protocol)
    assert seen_by("R2") == {ids["R1"], ids["R2"]}
    assert seen_by("Chair") == set()
    three.read(study, fixed, protocol)
    ids = {r.pseudonym: r.reader_id for r in study.readers()}
    assert seen_by("Chair") == {ids["R1"], ids["R2"], ids["R3"]}
    assert any("severity" in e.payload for e in study.events(viewer="R2") if e.reader == ids["R1"])
    with pytest.raises(StudyError, match="has locked stage adjust"):
        study.open_session(fixed.protocol_id, "R2", ADJUST)
    with pytest.raises(StudyError, match="has locked stage adjust"):
        study.answer_trial(replace(two.answer(plan[0], fixed, session, 2), key="set|extra"))


def test_a_vote_is_silent_until_ones_own_is_cast(study: Study) -> None:
    protocol = make_protocol(("gaussian_blur",), readers=2)
    fixed = fixed_protocol(study, protocol)
    for reader in _panel()[:2]:
        reader.read(study, fixed, protocol)
    ids = {r.pseudonym: r.reader_id for r in study.readers()}

    def vote(reader: str, severity: float) -> None:
        study.answer_trial(
            TrialAnswer(
                ids[reader], fixed.protocol_id, "vote-1", "gaussian_blur|CT|L1", "", 1, "set",
                "gaussian_blur", "CT", "L1", severity,
            )
        )  # fmt: skip

    vote("R1", 0.31)
    assert study.trials(fixed.protocol_id, "R2", "vote-1") == [] and study.trials(fixed.protocol_id, "Chair", "vote-1") == []
    vote("R2", 0.33)
    assert {a.severity for a in study.trials(fixed.protocol_id, "R2", "vote-1")} == {0.31, 0.33}
    (cell,) = propose(protocol, study.trials(fixed.protocol_id, "Chair"))
    assert cell.severities[Level.L1] == pytest.approx(0.32)


# -- consensus ----------------------------------------------------------------------------------------------------


def test_the_consensus_recovers_the_truth_and_is_published(study: Study) -> None:
    protocol = make_protocol()
    fixed = fixed_protocol(study, protocol)
    for reader in _panel():
        assert reader.read(study, fixed, protocol) == len(adjustment(fixed, protocol, "x"))
    proposals = propose(protocol, study.trials(fixed.protocol_id, "Chair"))
    for proposal in proposals:
        assert proposal.doubts == () and proposal.of_this_panel_only
        for level, severity in proposal.severities.items():
            assert severity == pytest.approx(TRUTH[proposal.cell.type, level], abs=0.03)
            interval = proposal.levels[level].severity
            assert interval.low <= severity <= interval.high and interval.high - interval.low < 0.4
            assert proposal.levels[level].settings == 3 * 6
    within = [p.within.value for proposal in proposals for p in proposal.levels.values()]
    assert np.sqrt(np.mean(np.square(within))) == pytest.approx(0.03, abs=0.016)
    profile = profile_of(protocol, proposals, [], study.readers(), version="1.0.0")
    published = study.publish_profile(profile, "Chair")
    assert published.status == "published" and len(published.cells) == 4
    assert "sigma" in published.cells[0].parameters or published.cells[0].parameters
    assert study.verify() == []


def test_readers_who_lie_apart_are_adjudicated_by_two_readers_and_a_chair_with_reasons(study: Study) -> None:
    protocol = make_protocol(("gaussian_blur",))
    fixed = fixed_protocol(study, protocol)
    for reader in _panel(biases=(-0.2, 0.0, 0.2)):
        reader.read(study, fixed, protocol)
    (cell,) = propose(protocol, study.trials(fixed.protocol_id, "Chair"))
    assert any("readers lie" in d for d in cell.doubts)
    with pytest.raises(CalibrationError, match="2 of 2 readers, a chair"):
        profile_of(protocol, [cell], study.signatures(fixed.protocol_id), study.readers(), version="1.0.0")
    levels = {str(level): severity for level, severity in cell.severities.items()}
    with pytest.raises(StudyError, match="needs a reason"):
        study.sign(Signature("R1", fixed.protocol_id, "gaussian_blur", "CT", "accepted", levels, " "))
    for name in ("R1", "R2", "Chair"):
        assert signed(cell, study.signatures(fixed.protocol_id), study.readers()) != "accepted"
        study.sign(Signature(name, fixed.protocol_id, "gaussian_blur", "CT", "accepted", levels, "middle of the panel"))
    assert signed(cell, study.signatures(fixed.protocol_id), study.readers()) == "accepted"
    profile = profile_of(protocol, [cell], study.signatures(fixed.protocol_id), study.readers(), version="1.0.0")
    assert {c.level: c.severity for c in profile.cells} == {k: round(v, 6) for k, v in cell.severities.items()}


def test_signatures_for_other_levels_do_not_count(study: Study) -> None:
    protocol = make_protocol(("gaussian_blur",), readers=2)
    fixed = fixed_protocol(study, protocol)
    for reader in _panel(biases=(-0.2, 0.2)):
        reader.read(study, fixed, protocol)
    (cell,) = propose(protocol, study.trials(fixed.protocol_id, "Chair"))
    for name in ("R1", "R2", "Chair"):
        study.sign(Signature(name, fixed.protocol_id, "gaussian_blur", "CT", "accepted", {"L1": 0.1, "L2": 0.9}, "as I see it"))
    assert "signatures missing" in signed(cell, study.signatures(fixed.protocol_id), study.readers())


def test_two_sites_merge_to_the_same_profile_in_either_order(tmp_path: Path) -> None:
    protocol = make_protocol(("gaussian_blur",), readers=2)
    bundles = []
    for site, reader in zip("ab", _panel()[:2], strict=True):
        with Study.create(tmp_path / f"{site}.medq", name=site) as made:
            reader.read(made, fixed_protocol(made, protocol), protocol)
            bundles.append(tmp_path / f"{site}.zip")
            export_bundle(made, bundles[-1])
    hashes = []
    for name, order in (("ab", bundles), ("ba", bundles[::-1])):
        with Study.create(tmp_path / f"{name}.medq", name="both") as both:
            for bundle in order:
                taken = import_bundle(both, bundle)
                assert taken.conflicts == []
            assert import_bundle(both, order[0]).added == 0 and both.verify() == []
            (fixed,) = both.protocols()
            both.ensure_reader("Onlooker", "chair")
            proposals = propose(protocol, both.trials(fixed.protocol_id, "Onlooker"))
            hashes.append(profile_of(protocol, proposals, [], both.readers(), version="1.0.0").content_hash)
    assert hashes[0] == hashes[1]


# -- verification and comparison ----------------------------------------------------------------------------------


def _verified(study: Study, protocol: Protocol, shift: float) -> list[TrialAnswer]:
    """Answers to the verification of the true levels moved by ``shift``."""
    fixed = fixed_protocol(study, protocol)
    cells = [
        {
            "type": c.type,
            "modality": "CT",
            "L1": TRUTH[c.type, Level.L1] + shift,
            "L2": TRUTH[c.type, Level.L2] + shift,
            "step": 0.1,
        }
        for c in protocol.cells
    ]
    proposal = study.fix_proposal(fixed.protocol_id, {"cells": cells}, "Chair")
    for reader in _panel():
        study.ensure_reader(reader.name)
        session = study.open_session(fixed.protocol_id, reader.name, VERIFY)
        for ordinal, trial in enumerate(verification(fixed, protocol, proposal.body, session.reader)):
            assert trial.image_id in protocol.cells[0].held_out
            study.answer_trial(reader.answer(trial, fixed, session, ordinal))
        study.lock_stage(fixed.protocol_id, reader.name, VERIFY)
    return study.trials(fixed.protocol_id, "Chair")


def test_levels_that_look_as_they_should_pass_verification(study: Study) -> None:
    protocol = make_protocol(("gaussian_blur", "gaussian_noise"))
    verdicts = judge(protocol, _verified(study, protocol, 0.0))
    assert [v.failed for v in verdicts] == ["", ""]
    assert verdicts[0].ratings == 3 * 4 * 3 and verdicts[0].medians == {Level.L1: 2, Level.L2: 3}


def test_levels_that_are_too_mild_fail_verification_and_go_to_adjudication(study: Study) -> None:
    protocol = make_protocol(("gaussian_blur",))
    verdicts = judge(protocol, _verified(study, protocol, -0.25))
    assert verdicts[0].failed
    fixed = study.protocols()[0]
    for reader in _panel():
        reader.read(study, fixed, protocol)
    (cell,) = propose(protocol, study.trials(fixed.protocol_id, "Chair"), failures(verdicts))
    assert cell.doubts == (f"verification: {verdicts[0].failed}",)
    body = proposal_body([cell])["cells"][0]
    assert body["step"] == pytest.approx((body["L2"] - body["L1"]) / 2, abs=1e-6)


def test_a_cell_that_failed_is_found_step_by_step_and_then_adjudicated(study: Study) -> None:
    protocol = make_protocol(("gaussian_blur",))
    verdicts = judge(protocol, _verified(study, protocol, -0.25))
    fixed = study.protocols()[0]
    for reader in _panel(biases=(-0.02, 0.0, 0.02)):
        reader.read(study, fixed, protocol)
        sitting = sit_down(study, fixed.protocol_id, reader.name, ADAPT, {})
        left = sit_down(study, fixed.protocol_id, reader.name, ADAPT, {}).here()
        assert left == sitting.here() and (left.done, left.total) == (0, 40)
        while (trial := sitting.here().trial) is not None:
            likely = sitting.likely_after(trial) if sitting.ordinal % 8 in (0, 7) else []
            assert trial.image_id in protocol.cells[0].held_out
            answer = answer_of(sitting, trial, "rated", {"seconds": 5.0, "rating": reader.rating(trial)}, severity=trial.severity)
            sitting.take(keep(study, sitting, trial, answer, None))
            # Whatever the rating was, the picture that follows could be made ready before.
            assert not likely or sitting.here().trial in likely
        study.lock_stage(fixed.protocol_id, reader.name, ADAPT)
    (cell,) = propose(protocol, study.trials(fixed.protocol_id, "Chair"), failures(verdicts))
    # The simulated steps: moderate begins half a gap below L1 and ends half-way to L2.
    gap = TRUTH["gaussian_blur", Level.L2] - TRUTH["gaussian_blur", Level.L1]
    middle = {Level.L1: TRUTH["gaussian_blur", Level.L1], Level.L2: TRUTH["gaussian_blur", Level.L1] + gap}
    for level in (Level.L1, Level.L2):
        assert cell.severities[level] == pytest.approx(middle[level], abs=0.04) and cell.basis(level) == "adaptive runs"
    assert any("verification" in d for d in cell.doubts)


def test_no_adaptive_run_begins_before_all_have_rated(study: Study) -> None:
    protocol = make_protocol(("gaussian_blur",))
    fixed = fixed_protocol(study, protocol)
    study.ensure_reader("R1")
    with pytest.raises(CalibrationError, match="no cell has failed verification"):
        sit_down(study, fixed.protocol_id, "R1", ADAPT, {})


def test_paired_comparison_finds_which_l1_is_worse(study: Study) -> None:
    protocol = make_protocol(("gaussian_blur", "gaussian_noise", "motion_blur"))
    fixed = fixed_protocol(study, protocol)
    worse = {"gaussian_blur": 0.0, "gaussian_noise": 1.0, "motion_blur": 2.5}
    body = {"cells": [{"type": t, "modality": "CT", "L1": 0.3, "L2": 0.6, "step": 0.1} for t in worse]}
    rng = np.random.default_rng(4)
    for name in ("R1", "R2", "R3"):
        reader = study.ensure_reader(name).reader_id
        session = study.open_session(fixed.protocol_id, name, COMPARE)
        plan = comparisons(fixed, protocol, body, reader)
        assert len(plan) == 3 * 4
        for ordinal, trial in enumerate(plan):
            first = rng.random() < 1 / (1 + np.exp(worse[trial.other_type] - worse[trial.type]))
            study.answer_trial(
                TrialAnswer(
                    reader, fixed.protocol_id, COMPARE, trial.key, session.session_id, ordinal, "first" if first else "second",
                    trial.type, "CT", "L1", trial.severity, trial.image_id, {"other_type": trial.other_type},
                )
            )  # fmt: skip
        study.lock_stage(fixed.protocol_id, name, COMPARE)
    (scale,) = scales(protocol, study.trials(fixed.protocol_id, "Chair"))
    order = [scale.types[i] for i in np.argsort(scale.strengths.log_strength)]
    assert order == ["gaussian_blur", "gaussian_noise", "motion_blur"] and scale.strengths.comparisons == 36
