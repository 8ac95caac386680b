"""Runs and answers: groups in one transaction, resume by what is missing, replies for good."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest
from study_records import make_answer, make_run

from medqdeg_desktop.study.store import Study, StudyError


def test_a_run_begins_once_and_goes_on_under_the_same_id(study: Study) -> None:
    started = study.start_run(make_run())
    assert started.started_at and started.parser == "1"
    study.finish_run("run-1")
    again = study.start_run(make_run(dataset_path="/elsewhere"))
    assert again == replace(started, dataset_path="/elsewhere")
    assert study.runs() == [again] and study.run("run-1") == again
    assert study.finish_run("run-1").finished_at >= started.started_at


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"trials": 10}, "another trials"),
        ({"dataset_sha256": "ee" * 32}, "another dataset sha256"),
        ({"settings": {"temperature": 0.0, "parser": "1"}}, "other settings"),
    ],
)
def test_a_run_under_a_known_id_with_other_content_is_refused(study: Study, changes: dict[str, object], reason: str) -> None:
    study.start_run(make_run())
    with pytest.raises(StudyError, match=reason):
        study.start_run(make_run(**changes))


def test_answers_come_back_as_they_were_given(study: Study) -> None:
    study.start_run(make_run())
    given = [
        make_answer("b.png", 0, "B", probabilities={"A": 0.25, "B": 0.75}, confidence=0.75, detail={"ms": 12.5, "sent": "ff"}),
        make_answer("a.png", 1, "", "unparsed", raw="I cannot say \u2013 \U0001f600"),
        make_answer("a.png", 0, "", "failed", raw="", error="timeout after 30 s"),
    ]
    assert study.append_answers("run-1", given) == 3
    assert list(study.answers("run-1")) == sorted(given, key=lambda a: (a.file_name, a.trial))
    assert study.answer_counts("run-1") == {"ok": 1, "unparsed": 1, "failed": 1}


def test_half_characters_from_a_broken_server_do_not_lose_the_answer(study: Study) -> None:
    study.start_run(make_run())
    study.append_answers("run-1", [make_answer(raw="A \ud83d\ude00 \ud83d B\x00C", detail={"text": "\ud83d"})])
    (found,) = study.answers("run-1")
    assert found.raw == "A \U0001f600 \ufffd B\x00C" and found.detail == {"text": "\ud83d"}


def test_only_failed_answers_are_missing_and_only_they_are_replaced(study: Study) -> None:
    study.start_run(make_run())
    study.append_answers(
        "run-1",
        [
            make_answer(trial=0),
            make_answer(trial=1, choice="", status="failed"),
            make_answer(trial=2, choice="", status="refused"),
        ],
    )
    assert study.answered_keys("run-1") == {("images/a.png", 0), ("images/a.png", 2)}
    later = [make_answer(trial=n, choice="C") for n in range(3)]
    assert study.append_answers("run-1", later) == 1
    assert [a.choice for a in study.answers("run-1")] == ["A", "C", ""]
    assert study.answered_keys("run-1") == {("images/a.png", n) for n in range(3)}


def test_a_group_is_kept_whole_or_not_at_all(study: Study) -> None:
    study.start_run(make_run())
    with pytest.raises(StudyError, match="CHECK constraint"):
        study.append_answers("run-1", [make_answer(trial=0), make_answer(trial=1, status="maybe")])
    assert study.answered_keys("run-1") == set()
    with pytest.raises(StudyError, match="no run 'run-9'"):
        study.append_answers("run-9", [make_answer()])


def test_the_database_itself_keeps_replies_for_good(study: Study) -> None:
    study.start_run(make_run())
    study.append_answers("run-1", [make_answer()])
    connection = sqlite3.connect(study.path, isolation_level=None)
    for statement in ("UPDATE answers SET raw = 'B'", "DELETE FROM answers"):
        with pytest.raises(sqlite3.IntegrityError, match="never"):
            connection.execute(statement)
    connection.close()


def test_parsing_again_changes_choices_and_nothing_else_and_is_on_record(study: Study) -> None:
    study.start_run(make_run())
    study.append_answers(
        "run-1",
        [
            make_answer(trial=0),
            make_answer(trial=1, choice="", status="unparsed"),
            make_answer(trial=2, choice="", status="failed"),
        ],
    )
    parsed = [replace(a, choice="D", status="ok", raw="never looked at") for a in study.answers("run-1") if a.trial > 0]
    assert study.replace_choices("run-1", parsed, parser="2") == 1
    found = list(study.answers("run-1"))
    assert [(a.choice, a.status, a.raw) for a in found[:2]] == [("A", "ok", "It is A."), ("D", "ok", "It is .")]
    assert found[2].status == "failed"
    assert study.runs()[0].parser == "2" and study.runs()[0].settings["parser"] == "1"
    event = study.events(1)[0]
    assert event.kind == "rescored"
    assert event.payload == {"run_id": "run-1", "parser": "2", "previous_parser": "1", "changed": 1}
    assert study.replace_choices("run-1", found, parser="2") == 0
    assert study.events(1) == [event], "nothing changed, nothing to record"


def test_a_frozen_run_takes_no_answer_no_other_reading_and_no_other_facts(study: Study) -> None:
    study.start_run(make_run())
    study.append_answers("run-1", [make_answer(trial=0), make_answer(trial=1, choice="", status="failed", error="timeout: 30 s")])
    study.finish_run("run-1")
    frozen = study.freeze_run("run-1", "Dr Lee", "figures of the manuscript")
    assert frozen.frozen_at and study.freeze_run("run-1", "Dr Ito") == frozen == study.run("run-1")
    event = study.events(1)[0]
    assert (event.kind, event.payload["answers"], event.payload["failed"]) == ("run_frozen", 2, 1)
    with pytest.raises(StudyError, match="frozen: it takes no further answers"):
        study.append_answers("run-1", [make_answer(trial=2)])
    with pytest.raises(StudyError, match="frozen: its answers are final"):
        study.replace_choices("run-1", [make_answer(trial=0, choice="D")], parser="2")
    with pytest.raises(StudyError, match="frozen: it is never changed"):
        study.finish_run("run-1")
    with pytest.raises(StudyError, match="Tiny is frozen since"):
        study.start_run(make_run())
    connection = sqlite3.connect(study.path, isolation_level=None)
    for statement in ("UPDATE runs SET frozen_at = ''", "DELETE FROM runs", "UPDATE answers SET choice = 'B'"):
        with pytest.raises(sqlite3.IntegrityError, match=r"frozen|never"):
            connection.execute(statement)
    connection.close()
    assert study.verify() == []


def test_a_frozen_run_that_was_altered_by_force_is_found(study: Study) -> None:
    study.start_run(make_run())
    study.append_answers("run-1", [make_answer()])
    study.freeze_run("run-1", "Dr Lee")
    connection = sqlite3.connect(study.path, isolation_level=None)
    (trigger,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'answers_of_frozen_runs_stay'").fetchone()
    connection.execute("DROP TRIGGER answers_of_frozen_runs_stay")
    connection.execute("UPDATE answers SET choice = 'D'")
    connection.execute(trigger)
    connection.close()
    assert study.verify() == ["run run-1: its answers are not those that were frozen"]


def test_a_copy_of_a_frozen_run_is_open_and_has_its_answers(study: Study) -> None:
    study.start_run(make_run())
    study.append_answers("run-1", [make_answer(trial=n) for n in range(3)])
    study.finish_run("run-1")
    study.freeze_run("run-1", "Dr Lee")
    made = study.copy_run("run-1", make_run("run-2", label="Tiny (parser 2)"))
    assert made.finished_at and not made.frozen_at and study.copy_run("run-1", make_run("run-2")) == made == study.run("run-2")
    assert list(study.answers("run-2")) == list(study.answers("run-1"))
    assert study.replace_choices("run-2", [make_answer(trial=0, choice="D")], parser="2") == 1
    assert study.verify() == []


def test_an_empty_run_cannot_be_frozen(study: Study) -> None:
    study.start_run(make_run())
    with pytest.raises(StudyError, match="Tiny has no answers to freeze"):
        study.freeze_run("run-1", "Dr Lee")


def test_failures_are_counted_by_kind(study: Study) -> None:
    study.start_run(make_run())
    kinds = ("timeout: 30 s", "http_500: oops", "timeout: 60 s", "plain")
    study.append_answers("run-1", [make_answer(trial=n, choice="", status="failed", error=e) for n, e in enumerate(kinds)])
    assert study.failures("run-1") == {"timeout": 2, "http_500": 1, "plain": 1}


def test_two_programs_on_one_run_count_every_answer_once(study: Study) -> None:
    study.start_run(make_run())
    group = [make_answer(f"{n}.png") for n in range(64)]
    with Study.open(study.path) as other:
        assert study.append_answers("run-1", group) + other.append_answers("run-1", group) == 64
    assert len(list(study.answers("run-1"))) == 64


def test_every_answer_of_a_long_run_is_known(study: Study) -> None:
    study.start_run(make_run())
    raw = "The marked structure is the liver, therefore the answer is (B). " * 4
    study.append_answers("run-1", [make_answer(f"images/{n:06}.png", t, raw=raw) for n in range(8000) for t in range(3)])
    assert study.answered_keys("run-1") == {(f"images/{n:06}.png", t) for n in range(8000) for t in range(3)}
