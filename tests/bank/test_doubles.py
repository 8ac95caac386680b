"""Doubles after the search: kept beside the study, asked about pair by pair, merged or kept apart, and undone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bank_samples import item_line, picture, write_lines
from click.testing import CliRunner
from PIL import Image

from medqdeg_desktop.bank import doubles
from medqdeg_desktop.bank.deduplication import Duplicate
from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.bank.importing import import_items
from medqdeg_desktop.bank.plan import Asked
from medqdeg_desktop.bank.planning import preview
from medqdeg_desktop.cli.bank import bank
from medqdeg_desktop.study.store import Study

GROUP = Duplicate("near", ("a", "b", "c"), "")


@pytest.fixture
def doubled(tmp_path: Path) -> Study:
    """q000 and q001 ask the same of the same picture (exact); q002 and q003 nearly the same; q004 asks something else."""
    for n in range(3):
        Image.fromarray(picture(n)).save(tmp_path / f"{n}.png")
    asked = ["What is shown?", "What  is SHOWN ?", "What organ is shown here?", "What organs is shown here?", "How many vessels?"]
    lines = [item_line(n, f"{(0, 0, 1, 1, 2)[n]}.png", question=text) for n, text in enumerate(asked)]
    study = Study.create(tmp_path / "ward.medq")
    import_items(study, write_lines(tmp_path / "items.jsonl", lines))
    return study


def test_a_search_is_kept_beside_the_study_and_read_back(doubled: Study) -> None:
    found = doubles.search(doubled)
    assert [(one.kind, one.items) for one in found.groups] == [("exact", ("q000", "q001")), ("near", ("q002", "q003"))]
    assert doubles.last_search(Path(doubled.path)) == found and found.versions == doubled.item_version_count() == 5
    assert doubles.last_search(Path(doubled.path).with_name("other.medq")) is None


@pytest.mark.parametrize("text", ["no json", "[]", '{"format": 1}', '{"format": 1, "versions": 1, "groups": [{"items": ["a"]}]}'])
def test_a_damaged_result_asks_for_another_search(doubled: Study, text: str) -> None:
    doubles.file_of(Path(doubled.path)).write_text(text)
    with pytest.raises(BankError, match="search again"):
        doubles.last_search(Path(doubled.path))


def test_a_group_is_asked_about_until_every_pair_of_it_is_settled() -> None:
    known = doubles.Standing()
    assert known.pending(GROUP) == ("a", "b")
    known.apart.add(frozenset("ab"))
    assert known.pending(GROUP) == ("a", "c") and known.unsettled(GROUP) == ("a", "b", "c")
    known.gone.add("a")
    assert known.pending(GROUP) == ("b", "c")
    known.apart.add(frozenset("bc"))
    assert known.pending(GROUP) is None and known.unsettled(GROUP) == ()


def test_what_was_decided_is_not_asked_again_and_comes_back_when_undone(doubled: Study) -> None:
    groups = doubles.search(doubled).groups
    near = groups[1]
    assert doubles.standing(doubled, groups).pending(near) == ("q002", "q003")
    apart = doubled.judge_doubles(near.items, "", "ann", near.why)
    assert doubles.standing(doubled, groups).pending(near) is None
    doubled.undo_doubles(apart.event_id, "ann")
    assert doubles.standing(doubled, groups).pending(near) == ("q002", "q003")
    doubled.judge_doubles(near.items, "q003", "ann", near.why)
    assert doubles.standing(doubled, groups).pending(near) is None
    assert [one.kind for one in doubles.search(doubled).groups] == ["exact"], "what was merged is not looked at again"


def test_exact_doubles_are_merged_by_a_named_person_into_the_accepted_one(doubled: Study) -> None:
    doubled.judge_items(["q001"], "accepted", "ben")
    path = Path(doubled.path)
    doubled.close()
    refused = CliRunner().invoke(bank, ["dedupe", str(path), "--merge-exact", "--workers", "1"])
    assert refused.exit_code != 0 and "say who merges" in str(refused.exception)
    told = CliRunner().invoke(bank, ["dedupe", str(path), "--merge-exact", "--by", "ann", "--workers", "1", "--progress", "json"])
    assert told.exit_code == 0 and "1 item merged into its double by ann" in told.output, told.output
    assert '"exact": 1' in told.stderr and json.loads(doubles.file_of(path).read_text())["groups"]
    with Study.open(path, read_only=True) as study:
        assert study.merged_items() == {"q000": "q001"}
        assert study.verify() == []


def test_a_set_says_where_the_doubles_came_from_that_its_items_stand_for(doubled: Study, tmp_path: Path) -> None:
    before = preview(doubled, Asked())
    assert "merged" not in before and before["items"] == 5
    doubled.judge_doubles(["q000", "q001"], "q000", "ann")
    plan = preview(doubled, Asked())
    assert plan["items"] == 4
    (merged,) = plan["merged"]
    assert (merged["item"], merged["into"], merged["source_id"]) == ("q001", "q000", "q001")
