"""Readers' decisions: append-only, newest counts, taken back by compensation, chained."""

from __future__ import annotations

import os
import sqlite3
import threading
import uuid
from dataclasses import replace

import numpy as np
import pytest
from study_records import IMAGE, make_setting

from medqdeg_desktop.study import audit, identifiers
from medqdeg_desktop.study.records import CleanDecision, ImageRecord
from medqdeg_desktop.study.store import Study, StudyError
from medqdeg_desktop.taxonomy import Level, Modality


def test_a_setting_comes_back_as_it_was_made_with_its_id_and_time(study: Study) -> None:
    made = make_setting()
    kept = study.set_level(made)
    assert len(kept.event_id) == 36 and kept.at.endswith("Z")
    reader = study.readers()[0].reader_id
    assert study.settings() == [replace(made, reader=reader, event_id=kept.event_id, at=kept.at)]
    assert study.setting(kept.event_id) == kept


def test_numpy_numbers_are_kept_as_the_numbers_they_are(study: Study) -> None:
    kept = study.set_level(make_setting(severity=np.float64(0.1) + np.float64(0.2), parameters={"ghosts": np.int64(4)}))
    assert study.settings()[0].severity == kept.severity == 0.30000000000000004
    assert study.settings()[0].parameters == {"ghosts": 4}


def test_the_newest_setting_of_a_cell_counts_and_the_history_keeps_all(study: Study) -> None:
    first, second = study.set_level(make_setting(severity=0.3)), study.set_level(make_setting(severity=0.4))
    other_level = study.set_level(make_setting(severity=0.7, level=Level.L2))
    without_image = study.set_level(make_setting(severity=0.35, image_id=""))
    assert study.settings() == [second, other_level, without_image]
    assert study.setting_history() == [first, second, other_level, without_image]


def test_settings_of_one_reader_can_be_asked_for_by_pseudonym_or_id(study: Study) -> None:
    study.ensure_reader("R2")
    mine, theirs = study.set_level(make_setting("R1")), study.set_level(make_setting("R2"))
    assert study.settings("r1") == [mine]
    assert study.settings(theirs.reader) == [theirs]
    with pytest.raises(StudyError, match="no reader 'R9'"):
        study.settings("R9")


def test_taking_back_a_setting_brings_the_one_before_back_and_erases_nothing(study: Study) -> None:
    first, second = study.set_level(make_setting(severity=0.3)), study.set_level(make_setting(severity=0.4))
    undone = study.undo(second.event_id, "R1", "slipped")
    assert study.settings() == [first]
    assert undone.undoes == second.event_id and undone.reason == "slipped"
    assert [event.kind for event in study.events(3)] == ["undo", "setting", "setting"]
    study.undo(first.event_id, "R1")
    assert study.settings() == []
    assert len(study.setting_history()) == 2


def test_nothing_is_taken_back_twice_and_only_decisions_are(study: Study) -> None:
    kept = study.set_level(make_setting())
    undone = study.undo(kept.event_id, "R1")
    joined = study.events()[-1]
    for event_id, reason in (
        (kept.event_id, "taken back already"),
        (undone.event_id, "cannot be taken back"),
        (joined.event_id, "cannot be taken back"),
        ("nothing", "no event"),
    ):
        with pytest.raises(StudyError, match=reason):
            study.undo(event_id, "R1")


def test_a_clean_picture_is_confirmed_or_rejected_with_a_reason(study: Study) -> None:
    confirmed = study.decide_clean(CleanDecision("R1", IMAGE, 12, (40.0, 400.0), "diagnostic"))
    assert study.clean_decisions() == [confirmed]
    with pytest.raises(StudyError, match="needs a reason"):
        study.decide_clean(CleanDecision("R1", IMAGE, 12, None, "rejected", "  "))
    rejected = study.decide_clean(CleanDecision("R1", IMAGE, 12, None, "rejected", "moved"))
    assert study.clean_decisions("R1") == [rejected]
    study.undo(rejected.event_id, "R1")
    assert study.clean_decisions() == [confirmed]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"severity": 1.2}, "outside 0 to 1"),
        ({"severity": 0.0}, "severity 0 is the original"),
        ({"level": Level.L0}, "L1 and L2 are"),
        ({"type": "sharpness"}, "unknown degradation type"),
        ({"image_id": "unseen"}, "image 'unseen' has not been recorded"),
        ({"reader": "R9"}, "no reader 'R9'"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_and_leaves_no_event(
    study: Study, changes: dict[str, object], reason: str
) -> None:
    before = study.events()
    with pytest.raises(StudyError, match=reason):
        study.set_level(make_setting(**changes))
    assert study.events() == before


def test_a_published_alias_is_kept_under_the_canonical_name(study: Study) -> None:
    assert study.set_level(make_setting(type="bias_field", modality=Modality.MRI)).type == "bias_field_artifact"


def test_a_reader_joins_once_whatever_the_case_and_keeps_the_role(study: Study) -> None:
    first = study.ensure_reader("Dr  Lee ", "adjudicator")
    assert first.pseudonym == "Dr Lee"
    assert study.ensure_reader("dr lee") == first
    assert [r.pseudonym for r in study.readers()] == ["R1", "Dr Lee"]
    with pytest.raises(StudyError, match="needs a pseudonym"):
        study.ensure_reader("  ")
    with pytest.raises(StudyError, match="role 'boss' is not one of"):
        study.ensure_reader("X", "boss")


def test_recording_an_image_again_brings_it_up_to_date_and_the_same_writes_nothing(study: Study) -> None:
    image = ImageRecord("aa" * 32, None, "PNG 1", "/old/a.png", 0, {"decoder": "Pillow", "shape": (4, 4)})
    study.record_image(image)
    with study._reading() as db:
        before = db.conn.total_changes
        study.record_image(image)
        assert db.conn.total_changes == before
    moved = replace(image, path="/new/a.png", modality=Modality.XRAY)
    study.record_image(moved)
    assert study.image(image.image_id) == replace(moved, facts={"decoder": "Pillow", "shape": [4, 4]})
    assert len(study.images()) == 2


def test_an_image_whose_file_has_a_name_in_another_encoding_can_be_decided_on(study: Study) -> None:
    image = ImageRecord("ab" * 32, Modality.CT, "CT", os.fsdecode(b"/old/M\xfcller.dcm"), 0, {})
    for _ in range(2):
        study.record_image(image)
    kept = study.image(image.image_id)
    assert kept is not None and kept.path == "/old/M\N{REPLACEMENT CHARACTER}ller.dcm"


def test_the_database_itself_refuses_to_change_or_delete_a_decision(study: Study) -> None:
    kept = study.set_level(make_setting())
    connection = sqlite3.connect(study.path, isolation_level=None)
    connection.execute("PRAGMA recursive_triggers = ON")
    attacks = (
        "UPDATE events SET severity = 0.9",
        "DELETE FROM events",
        "INSERT OR REPLACE INTO events SELECT * FROM events WHERE kind = 'setting'",
        "UPDATE readers SET pseudonym = 'X'",
        "DELETE FROM readers",
        "DELETE FROM study",
    )
    for statement in attacks:
        with pytest.raises(sqlite3.IntegrityError, match=r"never (changed|deleted)|does not follow"):
            connection.execute(statement)
    connection.close()
    assert study.settings() == [kept] and study.verify() == []


def test_the_database_itself_checks_values_and_the_chain(study: Study) -> None:
    reader = study.readers()[0].reader_id
    for payload, reason in (
        ({"type": "gaussian_noise", "modality": "CT", "level": "L3", "severity": 0.5}, "CHECK"),
        ({"type": "gaussian_noise", "modality": "CT", "level": "L1", "severity": 1.5}, "CHECK"),
        ({"type": "gaussian_noise", "modality": "CT", "level": "L1"}, "CHECK"),
    ):
        with pytest.raises(StudyError, match=reason), study._writing() as db:
            audit.append_event(db, "setting", payload, reader=reader)
    with pytest.raises(StudyError, match="FOREIGN KEY"), study._writing() as db:
        audit.append_event(db, "invented", {})
    with pytest.raises(StudyError, match="does not follow the newest"), study._writing() as db:
        db.execute(
            "INSERT INTO events (event_id, kind, at, payload, origin, previous_hash, hash)"
            " VALUES (?, 'rescored', ?, '{}', '', 'elsewhere', ?)",
            ("e" * 36, "t" * 27, "h" * 64),
        )
    assert study.verify() == []


def test_a_clock_that_is_set_back_does_not_make_an_older_decision_the_newest(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = study.set_level(make_setting(severity=0.3))

    class Yesterday(identifiers.datetime):
        @classmethod
        def now(cls, tz: object = None) -> identifiers.datetime:
            return identifiers.datetime.fromisoformat("2001-01-01T00:00:00+00:00")

    monkeypatch.setattr(identifiers, "datetime", Yesterday)
    second = study.set_level(make_setting(severity=0.4))
    assert second.at > first.at and second.event_id > first.event_id
    assert study.settings() == [second]


def test_identifiers_are_version_7_and_sort_by_time() -> None:
    moments = [identifiers.now_after()]
    for _ in range(2000):
        moments.append(identifiers.now_after(identifiers.utc_text(moments[-1])))
    made = [identifiers.uuid7(moment) for moment in moments]
    assert made == sorted(made)
    first = uuid.UUID(made[0])
    assert first.version == 7 and first.variant == uuid.RFC_4122
    assert first.int >> 80 == int(moments[0].timestamp() * 1000)


def test_two_threads_may_share_one_study(study: Study) -> None:
    def decide(severity: float) -> None:
        for _ in range(20):
            study.set_level(make_setting(severity=severity))

    threads = [threading.Thread(target=decide, args=(s,)) for s in (0.2, 0.4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(study.setting_history()) == 40
    assert study.verify() == []
