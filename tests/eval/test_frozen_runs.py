"""A frozen run through the commands: nothing is asked, nothing read otherwise; another reading is another run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.cli import group
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval import parsing, rescoring
from medqdeg_desktop.eval.parsing import Parsed
from medqdeg_desktop.eval.plan import EvaluateOptions
from medqdeg_desktop.eval.preview import preview
from medqdeg_desktop.eval.runner import Outcome, evaluate
from medqdeg_desktop.eval.spec import parse_spec
from medqdeg_desktop.eval.tables import load, results_of
from medqdeg_desktop.progress import Progress
from medqdeg_desktop.study.store import Study

UNIFORM = parse_spec("baseline:uniform")


def ask(dataset: Dataset, study: Path, **options: int) -> Outcome:
    return evaluate(dataset.folder, study, UNIFORM, EvaluateOptions(trials=3, **options), Progress("evaluate"))  # type: ignore[arg-type]


def freeze(study: Path, run: str) -> str:
    result = CliRunner().invoke(group, ["freeze", str(study), run, "--by", "Dr Lee", "--reason", "the manuscript"])
    return result.output if result.exit_code == 0 else str(result.exception)


def test_a_frozen_run_is_gone_on_with_in_vain_and_a_whole_one_stands(dataset: Dataset, study_path: Path) -> None:
    part = ask(dataset, study_path, limit=2)
    assert "is frozen since" in freeze(study_path, part.run.run_id[:8])
    with pytest.raises(MedqdegError, match=r"uniform baseline is frozen since .* with 18 of 36 answers: it takes no more"):
        ask(dataset, study_path)
    with Study.open(study_path) as study:
        assert study.answers_standing(part.run.run_id) == (18, 0)
    again = ask(dataset, study_path, limit=2)
    assert (again.answered, again.reused) == (18, 18)


def test_freezing_asks_for_enough_of_an_id_to_mean_one_run(dataset: Dataset, study_path: Path) -> None:
    ask(dataset, study_path, limit=2)
    assert "at least 4 characters" in freeze(study_path, "")
    with Study.open(study_path) as study:
        assert not study.runs()[0].frozen_at


def test_answers_stand_already_only_where_they_were_asked_for_in_the_same_way(dataset: Dataset, study_path: Path) -> None:
    done = ask(dataset, study_path, limit=2)
    for options, standing in (({}, done.answered), ({"max_tokens": 4}, 0), ({"temperature": 0.5}, 0), ({"text_only": True}, 0)):
        told = preview(dataset.folder, study_path, UNIFORM, EvaluateOptions(trials=3, limit=2, **options))  # type: ignore[arg-type]
        assert told["answered"] == standing, options


def test_another_reading_of_a_frozen_run_is_a_run_of_its_own(
    dataset: Dataset, study_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ask(dataset, study_path).run
    freeze(study_path, run.run_id)
    with Study.open(study_path) as study:
        before = list(study.answers(run.run_id))
    for module in (parsing, rescoring):
        monkeypatch.setattr(module, "PARSER_VERSION", "99")
    monkeypatch.setattr(rescoring, "parse", lambda raw, options: Parsed("A", "ok", "always A"))
    done = rescoring.rescore(study_path, Progress("rescore"))
    assert done.changed == sum(answer.choice != "A" for answer in before) > 0
    with Study.open(study_path) as study:
        standing, made = study.runs()
        assert list(study.answers(run.run_id)) == before and standing.parser == run.parser and standing.frozen_at
        assert {answer.choice for answer in study.answers(made.run_id)} == {"A"}
        assert [answer.raw for answer in study.answers(made.run_id)] == [answer.raw for answer in before]
        assert (made.label, made.parser, made.settings["read_again_from"]) == ("uniform baseline (parser 99)", "99", run.run_id)
        assert study.verify() == []
        assert [model["label"] for model in results_of(load(study), replicates=0)["models"]] == [standing.label, made.label]
    assert rescoring.rescore(study_path, Progress("rescore")).changed == 0
    with Study.open(study_path) as study:
        assert len(study.runs()) == 2


def test_a_run_is_named_by_how_its_id_begins(dataset: Dataset, study_path: Path) -> None:
    run = ask(dataset, study_path, limit=1).run
    assert f"no run begins with 'zzzz'; there are: {run.run_id[:12]} uniform baseline" in freeze(study_path, "zzzz")
    assert "is frozen since" in freeze(study_path, run.run_id[:6].upper())


def test_a_run_remembers_how_its_model_was_reached(dataset: Dataset, study_path: Path, tmp_path: Path) -> None:
    run = ask(dataset, study_path, limit=1).run
    assert run.spec == "baseline:uniform"
    with Study.open(study_path) as study:
        study.start_run(replace(run, spec="openai:m@http://127.0.0.1:9/v1"))
        known = study.run(run.run_id)
    assert known is not None and known.spec == "openai:m@http://127.0.0.1:9/v1"
    assert parse_spec("local:~/models/m").remembered == f"local:{Path('~/models/m').expanduser().resolve()}"
