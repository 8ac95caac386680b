"""``medqdeg bank review``: opening a review, how it goes, and the decisions as a table."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from medqdeg_desktop.bank.review import decide, take_back
from medqdeg_desktop.bank.reviewed_draw import draw_under_review
from medqdeg_desktop.cli.bank import bank
from medqdeg_desktop.study.records import Item, Review
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Modality


@pytest.fixture
def reviewed(tmp_path: Path) -> Path:
    """Two items; the first decided by two people alike, the second by one who took it back."""
    path = tmp_path / "ward.medq"
    with Study.create(path) as study:
        study.add_items(
            Item(f"=q{n}", "kit", str(n), Modality.CT, "What?", {"A": "x", "B": "y"}, "A", (f"{n}.dcm",)) for n in range(2)
        )
        types = {item.item_id: draw_under_review(study)(item) for item in study.items()}
        decide(study, Review("ann", "=q0", dict.fromkeys(types["=q0"], 0)))
        decide(study, Review("ben", "=q0", dict.fromkeys(types["=q0"], 0)))
        withdrawn = decide(study, Review("ann", "=q1", dict.fromkeys(types["=q1"], 4)))
        take_back(study, withdrawn.event_id, "ann")
    return path


def run(*arguments: object) -> str:
    result = CliRunner().invoke(bank, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_it_says_what_is_under_review_and_how_it_goes(reviewed: Path) -> None:
    told = run("review", reviewed)
    assert "seed 0, 2 blind decisions an item" in told
    assert "2 items, 1 not begun" in told and "accepted        1" in told
    as_json = json.loads(run("review", reviewed, "--json"))
    assert as_json["states"] == {"accepted": 1}
    # One item judged alike says nothing against chance.
    assert as_json["agreement_on_items"] == {"kappa": None, "low": None, "high": None, "subjects": 1, "clusters": 1}


def test_opening_a_review_of_a_release_asks_for_three_decisions_and_a_name(reviewed: Path) -> None:
    refused = CliRunner().invoke(bank, ["review", str(reviewed), "--release"])
    assert refused.exit_code != 0 and "say who opens the review" in str(refused.exception)
    told = run("review", reviewed, "--release", "--seed", 7, "--by", "chair")
    assert "a release with seed 7, 3 blind decisions" in told
    with Study.open(reviewed, read_only=True) as study:
        assert study.review_setup().release and study.review_setup().seed == 7


def test_every_decision_is_exported_with_its_place_in_the_chain(reviewed: Path, tmp_path: Path) -> None:
    target = tmp_path / "decisions.csv"
    run("review", reviewed, "--export", target)
    with target.open(newline="") as file:
        rows = list(csv.DictReader(file))
    with Study.open(reviewed, read_only=True) as study:
        decisions = [e for e in reversed(study.events()) if e.kind == "item_reviewed"]
    assert len(rows) == sum(len(e.payload["marks"]) for e in decisions)
    assert list(dict.fromkeys(r["hash"] for r in rows)) == [e.hash for e in decisions]
    assert all(bool(r["taken_back_at"]) == (r["item_id"] == "'=q1") for r in rows), "a formula is written as text"
    assert {r["reason"] for r in rows if r["verdict"] == "remove"} == {"4"}


def test_stats_count_items_by_where_their_review_stands(reviewed: Path) -> None:
    by = json.loads(run("stats", reviewed, "--json"))["by"]
    assert by["review"] == {"accepted": 1, "not begun": 1}
    assert by["state"] == {"accepted": 1, "imported": 1}


def test_decisions_on_doubles_are_exported_beside_the_others(reviewed: Path, tmp_path: Path) -> None:
    with Study.open(reviewed) as study:
        study.judge_doubles(["=q0", "=q1"], "=q1", "ann", "same words")
    run("review", reviewed, "--export", tmp_path / "decisions.csv")
    with (tmp_path / "decisions.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["stage"] == "doubles"]
    assert [(r["item_id"], r["verdict"], r["reason_words"]) for r in rows] == [
        ("'=q0", "merged into =q1", "same words"),
        ("'=q1", "stays", "same words"),
    ]


def test_an_adjudicator_and_the_rule_under_review_are_named_by_a_person(reviewed: Path) -> None:
    refused = CliRunner().invoke(bank, ["review", str(reviewed), "--adjudicator", "cem"])
    assert refused.exit_code != 0 and "say who gives the role" in str(refused.exception)
    told = run("review", reviewed, "--adjudicator", "cem", "--rule", "published", "--seed", 4, "--by", "chair")
    assert "with seed 4 and rule published" in told
    with Study.open(reviewed, read_only=True) as study:
        assert {r.pseudonym: r.role for r in study.readers()}["cem"] == "adjudicator"
