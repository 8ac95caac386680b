"""Colleagues' values cannot be read before one's own are locked: tried through every public way out of a study.

A colleague's level, rating, vote and reason are marked by values that stand nowhere else; whatever a reader who has not locked
can ask of the study, its reports, its commands and a bundle taken in elsewhere is searched for them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from simulated_readers import SimulatedReader, fixed_protocol, make_protocol

from medqdeg_desktop.bank.review_export import export_decisions
from medqdeg_desktop.calibration.adaptive import ADAPT
from medqdeg_desktop.calibration.adjudication import propose_for_verification, publish, standing
from medqdeg_desktop.calibration.consensus import propose
from medqdeg_desktop.calibration.errors import CalibrationError
from medqdeg_desktop.calibration.evidence import write_report
from medqdeg_desktop.calibration.protocol import Protocol
from medqdeg_desktop.calibration.redraw import redraw
from medqdeg_desktop.calibration.sitting import overview, sit_down
from medqdeg_desktop.calibration.trials import ADJUST, VERIFY, Trial
from medqdeg_desktop.cli import group
from medqdeg_desktop.study.bundle import export_bundle, import_bundle
from medqdeg_desktop.study.readings import FixedProtocol, Signature, TrialAnswer
from medqdeg_desktop.study.records import CleanDecision
from medqdeg_desktop.study.store import Study, StudyError
from medqdeg_desktop.taxonomy import Level

SECRET = 0.4242
REASON = "a ringing tube, seen by nobody else"
_COLLEAGUE, _CURIOUS, _CHAIR = "R1", "R2", "Chair"

#: How each public question of a study is put by somebody curious: the study, the protocol, the colleague's events.
_Ask = Callable[[Study, str, list[str]], Any]
_QUESTIONS: dict[str, _Ask] = {
    "clean_decisions": lambda s, p, e: s.clean_decisions(),
    "data_version": lambda s, p, e: s.data_version,
    "events": lambda s, p, e: (s.events(), s.events(viewer=_CURIOUS), s.events(viewer=_CHAIR), s.events(3)),
    "image": lambda s, p, e: [s.image(i.image_id) for i in s.images()],
    "images": lambda s, p, e: s.images(),
    "locks": lambda s, p, e: s.locks(p),
    "newest_profile": lambda s, p, e: s.newest_profile(),
    "profiles": lambda s, p, e: s.profiles(),
    "proposal": lambda s, p, e: s.proposal(p),
    "protocol": lambda s, p, e: s.protocol(p),
    "protocols": lambda s, p, e: s.protocols(),
    "readers": lambda s, p, e: s.readers(),
    "sessions": lambda s, p, e: s.sessions(p),
    "setting": lambda s, p, e: [s.setting(event) for event in e],
    "setting_history": lambda s, p, e: s.setting_history(),
    "settings": lambda s, p, e: s.settings(),
    "signatures": lambda s, p, e: s.signatures(p),
    "trial_answer": lambda s, p, e: [s.trial_answer(event) for event in e],
    "trial_counts": lambda s, p, e: s.trial_counts(p),
    "trials": lambda s, p, e: [
        s.trials(p, who, stage) for who in (_CURIOUS, _CHAIR) for stage in ("", ADJUST, VERIFY, ADAPT, "vote-1")
    ],
    "verify": lambda s, p, e: s.verify(),
}
#: Questions and answers of the question bank and of models: other tables, which no reading ever enters.
_OF_THE_BANK = {
    "answer_counts", "answered_keys", "answered_runs", "answers", "answers_standing", "answers_to", "cleared_pictures",
    "decisions_to_settle", "doubles", "failures", "freezings", "item", "item_count", "item_version", "item_version_count",
    "item_versions", "items", "items_written", "last_failure", "merged_items", "notes", "notes_for", "option_probabilities",
    "own_reviews", "review_setup", "reviews", "run", "runs", "vote_counts",
}  # fmt: skip
#: What writes, opens or copies; ``backup`` is the file itself, as the file manager copies it.
_NO_QUESTIONS = {
    "add_items", "answer_trial", "append_answers", "backup", "claim_item", "clear_items", "close", "copy_run", "create",
    "decide_clean", "edit_item", "ensure_reader", "finish_run", "fix_proposal", "fix_protocol", "freeze_run", "give_role",
    "import_profile", "judge_doubles", "judge_items", "lock_stage", "network", "note_item", "open", "open_review",
    "open_session", "publish_profile", "record_image", "record_images", "record_review", "release_claims",
    "replace_choices", "set_level", "sign", "start_run", "together", "undo", "undo_doubles", "undo_review",
}  # fmt: skip


class Marked(SimulatedReader):
    """A reader whose every level is the secret one."""

    def setting(self, trial: Trial) -> float:
        return SECRET + (0.3 if trial.level is Level.L2 else 0.0)


@pytest.fixture
def protocol() -> Protocol:
    return make_protocol(("gaussian_blur",), readers=2)


@pytest.fixture
def study(tmp_path: Path, protocol: Protocol) -> Iterator[Study]:
    """R1 has read, rejected a picture and locked; R2 has a session and one answer."""
    with Study.create(tmp_path / "panel.medq") as made:
        fixed = fixed_protocol(made, protocol)
        reader = made.ensure_reader(_COLLEAGUE).reader_id
        session = made.open_session(fixed.protocol_id, _COLLEAGUE, ADJUST)
        image = protocol.cells[0].images[0]
        rejected = TrialAnswer(
            reader, fixed.protocol_id, ADJUST, f"clean|{image}", session.session_id, 1, "rejected", image_id=image, reason=REASON
        )
        made.answer_trial(rejected, clean=CleanDecision(reader, image, 0, None, "rejected", REASON))
        Marked(_COLLEAGUE).read(made, fixed, protocol)
        _sits_down(made, fixed)
        yield made


def _sits_down(study: Study, fixed: FixedProtocol) -> None:
    """The curious reader has begun and not locked."""
    sitting = sit_down(study, fixed.protocol_id, study.ensure_reader(_CURIOUS).pseudonym, ADJUST, {})
    trial = sitting.here().trial
    assert trial is not None
    study.answer_trial(SimulatedReader(_CURIOUS).answer(trial, fixed, sitting.session, 1))


def _tells(value: object) -> bool:
    """Whether the secret stands anywhere in ``value``, or a verdict on a picture that only a rejection would explain."""
    text = repr(value)
    return str(SECRET) in text or str(SECRET + 0.3) in text or REASON in text or "'rejected'" in text


def _asked(study: Study) -> dict[str, Any]:
    protocol_id = study.protocols()[0].protocol_id
    events = [e.event_id for e in study.events()]
    return {name: ask(study, protocol_id, events) for name, ask in _QUESTIONS.items()}


def test_every_public_name_of_a_study_is_a_question_tried_here_or_none() -> None:
    names = {name for name, _ in inspect.getmembers(Study) if not name.startswith("_")}
    assert names == set(_QUESTIONS) | _OF_THE_BANK | _NO_QUESTIONS


def test_no_public_question_tells_a_colleagues_values_before_ones_own_are_locked(study: Study) -> None:
    told = [name for name, answer in _asked(study).items() if _tells(answer)]
    assert told == []
    # The same questions do tell once the curious reader has locked: the search finds what is there.
    study.lock_stage(study.protocols()[0].protocol_id, _CURIOUS, ADJUST)
    assert {name for name, answer in _asked(study).items() if _tells(answer)} >= {
        "events",
        "trials",
        "trial_answer",
        "clean_decisions",
    }


def test_who_has_locked_reads_colleagues_who_have_locked_and_no_others(study: Study, protocol: Protocol) -> None:
    fixed = study.protocols()[0]
    third = study.ensure_reader("R3").reader_id
    session = study.open_session(fixed.protocol_id, "R3", ADJUST)
    image = protocol.cells[0].images[1]
    study.answer_trial(
        TrialAnswer(
            third, fixed.protocol_id, ADJUST, "set|x", session.session_id, 1, "set", "gaussian_blur", "CT", "L1", 0.777, image
        )
    )
    study.lock_stage(fixed.protocol_id, _CURIOUS, ADJUST)
    for viewer in (_COLLEAGUE, _CURIOUS, _CHAIR):
        seen = study.trials(fixed.protocol_id, viewer)
        assert seen and third not in {a.reader for a in seen}


def test_neither_standing_nor_overview_nor_report_nor_a_redrawn_picture_tells(study: Study, tmp_path: Path) -> None:
    protocol_id = study.protocols()[0].protocol_id
    events = [e.event_id for e in study.events() if e.kind == "trial_answered"]
    for viewer in (_CURIOUS, _CHAIR, "Somebody new"):
        now = standing(study, protocol_id, viewer)
        assert now.hidden.startswith("1 of 2 readers") and now.cells == () and not _tells(now)
        assert not _tells(overview(study, viewer))
        with pytest.raises(CalibrationError, match="1 of 2 readers have locked"):
            write_report(study, protocol_id, viewer, tmp_path / "report")
        with pytest.raises(CalibrationError, match="1 of 2 readers have locked"):
            publish(study, protocol_id, viewer, "1.0.0")
        with pytest.raises(CalibrationError, match="1 of 2 readers have locked"):
            propose_for_verification(study, protocol_id, viewer)
    assert not (tmp_path / "report").exists()
    for event in events:
        with pytest.raises(CalibrationError, match="no setting"):
            redraw(study, event)
    export_decisions(study, tmp_path / "decisions.csv")
    assert not _tells((tmp_path / "decisions.csv").read_text("utf-8"))


def test_no_command_tells(study: Study, tmp_path: Path) -> None:
    study.close()
    path = tmp_path / "panel.medq"
    runner = CliRunner()
    for command in (
        ["study", "info", path, "--json"],
        ["study", "verify", path],
        ["calibrate", "status", path, "--json"],
        ["calibrate", "report", path, "--reader", _CURIOUS, "--out", tmp_path / "out"],
        ["calibrate", "publish", path, "--version", "1.0.0", "--by", _CURIOUS],
        ["profile", "list", path, "--json"],
        ["profile", "show", path, "--version", "draft", "--json"],
    ):
        ran = runner.invoke(group, [str(part) for part in command])
        assert not _tells(ran.output) and not _tells(ran.exception), command
    assert not (tmp_path / "out").exists()


def test_a_bundle_taken_in_elsewhere_tells_no_more_than_at_home(study: Study, tmp_path: Path) -> None:
    export_bundle(study, tmp_path / "bundle.zip")
    with Study.create(tmp_path / "elsewhere.medq") as elsewhere:
        import_bundle(elsewhere, tmp_path / "bundle.zip")
        assert [name for name, answer in _asked(elsewhere).items() if _tells(answer)] == []
        assert standing(elsewhere, elsewhere.protocols()[0].protocol_id, "Local chair").hidden


def test_ratings_votes_and_signatures_are_blind_as_well(study: Study, protocol: Protocol) -> None:
    fixed = study.protocols()[0]
    levels = {"L1": SECRET, "L2": SECRET + 0.3}
    early = Signature(_COLLEAGUE, fixed.protocol_id, "gaussian_blur", "CT", "accepted", levels, REASON)
    with pytest.raises(StudyError, match="1 of 2 readers have locked"):
        study.sign(early)
    with pytest.raises(CalibrationError, match="votes come after"):
        sit_down(study, fixed.protocol_id, _COLLEAGUE, "vote-1", {})
    SimulatedReader(_CURIOUS, rng=np.random.default_rng(2)).read(study, fixed, protocol)
    ids = {r.pseudonym: r.reader_id for r in study.readers()}
    stages = ((VERIFY, "rate|x", "rated", 0.9137), (ADAPT, "adapt|x", "rated", 0.8173), ("vote-1", "vote|x|L1", "set", 0.6391))
    for stage, key, verdict, marked in stages:
        for reader, severity in ((_COLLEAGUE, marked), (_CURIOUS, 0.5)):
            session = study.open_session(fixed.protocol_id, reader, stage)
            study.answer_trial(
                TrialAnswer(
                    ids[reader], fixed.protocol_id, stage, key, session.session_id, 1, verdict, "gaussian_blur", "CT", "L1",
                    severity, protocol.cells[0].held_out[0], {"rating": 2, "intended": "L1"},
                )
            )  # fmt: skip
            if reader == _COLLEAGUE:
                if not stage.startswith("vote"):
                    study.lock_stage(fixed.protocol_id, reader, stage)
                assert [name for name, answer in _asked(study).items() if str(marked) in repr(answer)] == []
        # A vote of one's own opens those of the others; elsewhere that takes one's lock.
        if not stage.startswith("vote"):
            assert str(marked) not in repr(study.trials(fixed.protocol_id, _CURIOUS, stage))
            study.lock_stage(fixed.protocol_id, _CURIOUS, stage)
        assert str(marked) in repr(study.trials(fixed.protocol_id, _CURIOUS, stage))
    assert propose(protocol, study.trials(fixed.protocol_id, _CHAIR))


def test_the_search_itself_finds_what_it_looks_for(study: Study) -> None:
    own = study.trials(study.protocols()[0].protocol_id, _COLLEAGUE)
    assert _tells(own) and not _tells([a for a in own if a.verdict == "cannot_set"])
