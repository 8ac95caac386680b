"""Prices, tokens of images by the vendors' published rules, and a limit that holds while calls are under way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.cli import group
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.costs import Price, listed_prices, price_of
from medqdeg_desktop.eval.ledger import Known, Tally
from medqdeg_desktop.eval.plan import EvaluateOptions
from medqdeg_desktop.eval.runner import evaluate
from medqdeg_desktop.eval.spec import parse_spec
from medqdeg_desktop.progress import Progress
from medqdeg_desktop.study.records import Answer
from medqdeg_desktop.study.store import Study
from tests.eval.made_datasets import make_dataset
from tests.eval.scripted_server import Json, Say, ScriptedServer, chat, error

#: 1,000 a million tokens: a call of the scripted server (7 tokens) costs 0.007.
DEAR = (1000.0, 0.0)


class Heard(Progress):
    def __init__(self) -> None:
        super().__init__("evaluate")
        self.updates: list[dict[str, Any]] = []

    def update(self, done: int, total: int, message: str = "", **figures: Any) -> None:
        self.updates.append({"done": done, **figures})


@pytest.mark.parametrize(
    ("rule", "size", "tokens"),
    [
        # The examples of the vendors' own pages: 1024 x 1024 and 2048 x 4096 in detail high; 1092 x 1092 by area.
        ("tiles 85 170", (1024, 1024), 765),
        ("tiles 85 170", (2048, 4096), 1105),
        ("tiles 85 170", (64, 48), 255),
        ("patches 1", (1024, 1024), 1024),
        ("patches 1", (4096, 4096), 1536),
        ("area 750", (1092, 1092), 1590),
        ("area 750", (3136, 1568), 1640),
        ("grid 768 258", (769, 768), 516),
    ],
)
def test_images_become_tokens_by_the_vendors_rules(rule: str, size: tuple[int, int], tokens: int) -> None:
    assert Price("m", 1, 1, image=rule).image_tokens(*size) == tokens


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("gpt-4o", "gpt-4o"),
        ("openai/gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("Claude-Sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("gpt-5-pro", None),
        ("gpt-4omega", None),
        ("medgemma", None),
    ],
)
def test_a_dated_name_has_the_price_of_its_model_and_another_variant_none(name: str, model: str | None) -> None:
    found = price_of(parse_spec(f"openai:{name}@https://api.example/v1"))
    assert (found.model if found else None) == model


def test_every_listed_price_has_a_date_and_a_currency() -> None:
    prices = listed_prices()
    assert len({price.model for price in prices}) == len(prices) > 5
    assert all(price.as_of and price.currency and price.output_per_million >= price.input_per_million > 0 for price in prices)


def test_this_machine_costs_nothing_unless_a_price_is_named() -> None:
    local = price_of(parse_spec("openai:gpt-4o@http://127.0.0.1:8000/v1"))
    assert local is not None and local.cost(1e6, 1e6) == 0
    named = price_of(parse_spec("openai:m@http://127.0.0.1:8000/v1"), (2.0, 8.0))
    assert named is not None and named.cost(1e6, 1e6) == 10


def test_the_limit_holds_ends_the_run_politely_and_counts_what_was_spent_before(tmp_path: Path, study_path: Path) -> None:
    dataset = make_dataset(tmp_path / "set", items=30)
    paid: list[int] = []

    def script(body: Json, n: int) -> Say:
        if n % 9 == 4:
            return error(503, "busy", retry_after="0")
        paid.append(n)
        return chat("A")

    with ScriptedServer(script) as server:
        spec = parse_spec(f"openai:m@{server.url}")
        for limit, most in ((0.55, 78), (0.6, 85)):
            options = EvaluateOptions(trials=1, concurrency=8, price=DEAR, max_cost=limit)
            heard = Heard()
            with pytest.raises(MedqdegError, match=r"the limit of 0\.[56]. is reached: 0\..* a higher --max-cost goes on"):
                evaluate(dataset.folder, study_path, spec, options, heard)
            assert heard.updates[-1]["cost"]["spent"] == pytest.approx(0.007 * len(paid)), "nothing paid for was thrown away"
            assert heard.updates[-1]["cost"]["spent"] <= limit
            with Study.open(study_path, read_only=True) as study:
                (run,) = study.runs()
                assert len(study.answered_keys(run.run_id)) == len(paid) <= most
        before = len(paid)
        assert before > 10
        done = evaluate(dataset.folder, study_path, spec, EvaluateOptions(trials=1, price=DEAR, max_cost=9), Progress("evaluate"))
    assert (done.answered, done.reused, len(paid)) == (90, before, 90)


def test_calls_under_way_are_waited_for_before_the_limit_is_called_reached(tmp_path: Path, study_path: Path) -> None:
    dataset = make_dataset(tmp_path / "set", items=10)
    with ScriptedServer(lambda body, n: chat("A")) as server:
        spec = parse_spec(f"openai:m@{server.url}")
        # Room for one reservation and all 30 real costs (0.21) at a time, but not for eight reservations.
        options = EvaluateOptions(trials=1, concurrency=8, price=DEAR, max_cost=0.65)
        assert evaluate(dataset.folder, study_path, spec, options, Progress("evaluate")).answered == 30


def test_a_reply_that_was_lost_on_its_way_counts_as_paid(dataset: Dataset, study_path: Path) -> None:
    def script(body: Json, n: int) -> Say:
        return Say(chat("A").body, cut=True) if n == 0 else chat("A")

    heard = Heard()
    with ScriptedServer(script) as server:
        options = EvaluateOptions(trials=1, concurrency=1, price=DEAR, max_cost=100)
        evaluate(dataset.folder, study_path, parse_spec(f"openai:m@{server.url}"), options, heard)
    assert heard.updates[-1]["cost"]["spent"] > 0.007 * 12 + 0.2


def test_the_tokens_of_a_call_for_several_trials_are_kept_once(dataset: Dataset, study_path: Path) -> None:
    with ScriptedServer(lambda body, n: chat(*["A"] * body.get("n", 1))) as server:
        spec = parse_spec(f"openai:m@{server.url}")
        outcome = evaluate(dataset.folder, study_path, spec, EvaluateOptions(trials=4), Progress("evaluate"))
    with Study.open(study_path, read_only=True) as study:
        tokens = [a.detail["tokens"] for a in study.answers(outcome.run.run_id) if "tokens" in a.detail]
    assert tokens == [[7, 4]] * 12


def test_a_limit_without_a_known_price_is_refused(dataset: Dataset, study_path: Path) -> None:
    spec = parse_spec("openai:unheard-of@https://api.example/v1")
    options = EvaluateOptions(trials=3, allow_hosts=("api.example",), max_cost=5)
    with pytest.raises(MedqdegError, match="needs a price: name it with --price"):
        evaluate(dataset.folder, study_path, spec, options, Progress("evaluate"))


def test_the_dry_run_tells_tokens_and_costs(dataset: Dataset, study_path: Path) -> None:
    arguments = ["evaluate", str(dataset.folder), "--study", str(study_path), "--dry-run", "--trials", "10", "--model"]
    made = CliRunner().invoke(group, [*arguments, "openai:gpt-4o@https://api.example/v1"])
    cost = json.loads(made.stdout)["cost"]
    assert cost["reply_tokens"] == 12 * 10 * 5
    assert 12 * 255 < cost["prompt_tokens"] < 12 * 400
    assert cost["expected"] == pytest.approx((cost["prompt_tokens"] * 2.5 + cost["reply_tokens"] * 10) / 1e6)
    assert cost["at_most"] == pytest.approx((1.25 * 10 * cost["prompt_tokens"] * 2.5 + 12 * 10 * 64 * 10) / 1e6)
    limited = CliRunner().invoke(group, [*arguments, "openai:gpt-4o@https://api.example/v1", "--max-cost", "0.001"])
    assert json.loads(limited.stdout)["cost"]["exceeds_limit"] is True
    unknown = CliRunner().invoke(group, [*arguments, "openai:unheard-of@https://api.example/v1"])
    assert json.loads(unknown.stdout)["cost"] is None
    assert CliRunner().invoke(group, [*arguments, "baseline:uniform", "--price", "cheap"]).exit_code == 2


def test_the_time_left_is_told_after_twenty_questions_and_weighs_them_by_size() -> None:
    known = {f"q{i}": Known("L0", "A", 3.0 if i < 30 else 1.0) for i in range(60)}
    tally = Tally(known, 60, 120.0)
    tally.add(Answer("q0", 0, "A", "A", "ok"))
    tally.begin()
    for i in range(1, 20):
        tally.add(Answer(f"q{i}", 0, "A", "A", "ok"))
        assert tally.seconds_left() is None
    tally.add(Answer("q20", 0, "A", "A", "ok"))
    tally._began = (tally._began[0] - 6.0, tally._began[1]) if tally._began else None
    # Sixty units took six seconds; 57 of the 120 are left.
    assert tally.seconds_left() == pytest.approx(5.7, abs=0.05)
