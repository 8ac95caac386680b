"""Questions in a study: versions, streaming, clearance and judgement."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from dataclasses import replace

import pytest
from study_records import make_item

from medqdeg_desktop.study.records import Item, ItemCounts
from medqdeg_desktop.study.store import Study, StudyError
from medqdeg_desktop.taxonomy import Modality


def test_an_item_comes_back_as_it_was_with_its_options_in_order(study: Study) -> None:
    full = make_item(
        capability="Medical Perception",
        task="Anatomical Recognition",
        skill="Abdominal Structures",
        frame=3,
        axis="axial",
        patient="p7",
        public=True,
        licence="CC-BY-4.0",
    )
    assert study.add_items([full]) == ItemCounts(1, 0, 0)
    found = study.item("q1")
    assert found == full
    assert found is not None and list(found.options) == ["B", "A"]
    assert study.item("q2") is None


def test_what_a_person_wrote_is_kept_with_their_name_or_not_at_all(study: Study) -> None:
    def cut_off() -> Iterator[Item]:
        yield from (make_item(f"q{n}") for n in range(1500))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study.add_items(cut_off(), "ann", "labels")
    assert study.item_count() == 0 and "items_added" not in {event.kind for event in study.events()}
    with pytest.raises(KeyboardInterrupt):
        study.add_items(cut_off())
    assert study.item_count() == 1000, "an import goes on where it was cut off"
    assert study.add_items([make_item("q1", question="Which?")], "ann").updated == 1
    assert study.items_written()["q1"][0] == "ann"


def test_adding_the_same_again_changes_nothing(study: Study) -> None:
    items = [make_item(f"q{n}") for n in range(2500)]
    assert study.add_items(iter(items)) == ItemCounts(2500, 0, 0)
    events = study.events()
    assert study.add_items(items) == ItemCounts(0, 0, 2500)
    assert study.events() == events
    assert study.item_count() == 2500
    assert list(study.items()) == sorted(items, key=lambda item: item.item_id)


def test_a_changed_item_is_a_new_version_and_the_old_one_stays(study: Study) -> None:
    study.add_items([make_item(), make_item("q2")])
    changed = make_item(answer="A")
    assert study.add_items([changed, make_item("q2"), make_item("q3")]) == ItemCounts(1, 1, 1)
    assert study.item("q1") == changed
    assert study.item_versions("q1") == [make_item(), changed]
    assert study.item_count() == 3


def test_the_order_of_options_is_content(study: Study) -> None:
    study.add_items([make_item()])
    assert study.add_items([make_item(options={"A": "spleen", "B": "liver"})]).updated == 1


def test_two_different_items_under_one_id_in_one_import_are_refused(study: Study) -> None:
    with pytest.raises(StudyError, match="item 'q1' comes twice with different content"):
        study.add_items([make_item(), make_item("q2"), make_item(answer="A")])
    assert study.add_items([make_item(), make_item()]) == ItemCounts(1, 0, 0)
    with pytest.raises(StudyError, match="an item from kit has no id"):
        study.add_items([make_item("")])


def test_items_are_streamed_by_modality_source_and_state(study: Study) -> None:
    study.add_items([make_item("a"), make_item("b", modality=Modality.MRI), make_item("c", source="other")])
    study.judge_items(["c"], "removed", "C1", "answer wrong")
    assert [i.item_id for i in study.items(modality=Modality.CT)] == ["a", "c"]
    assert [i.item_id for i in study.items(source="kit")] == ["a", "b"]
    assert [i.item_id for i in study.items(state="imported")] == ["a", "b"]
    assert [i.item_id for i in study.items(state="removed", modality=Modality.CT)] == ["c"]


def test_the_study_may_be_written_while_items_are_streamed(study: Study) -> None:
    study.add_items(make_item(f"q{n:04}") for n in range(1200))
    seen = []
    for item in study.items():
        seen.append(item.item_id)
        if len(seen) == 3:
            with Study.open(study.path) as other:
                other.clear_items(["q1100"], "Dr Lee")
    assert seen == [f"q{n:04}" for n in range(1200)]


def test_items_of_any_number_pass_through_little_memory(study: Study) -> None:
    study.add_items(make_item(f"q{n:06}") for n in range(6_000))
    tracemalloc.start()
    count = sum(1 for _ in study.items())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 6_000
    assert peak < 4 << 20, "a page at a time"


def test_clearing_is_an_audited_event_for_this_version_only(study: Study) -> None:
    study.add_items([make_item("a"), make_item("b")])
    event = study.clear_items(["b", "a", "b"], "Dr Lee", "faces checked")
    assert event.payload == {"items": {"b": 1, "a": 1}} and event.reason == "faces checked"
    assert [i.cleared_by for i in study.items()] == ["Dr Lee", "Dr Lee"]
    study.add_items([make_item("a", images=("/data/other.dcm",)), make_item("b")])
    assert [i.cleared_by for i in study.items()] == ["", "Dr Lee"], "another picture has to be looked at again"
    study.undo(event.event_id, "Dr Lee", "one face was missed")
    assert [i.cleared_by for i in study.items()] == ["", ""]
    assert study.verify() == []


def test_clearing_an_unknown_item_clears_nothing(study: Study) -> None:
    study.add_items([make_item("a")])
    with pytest.raises(StudyError, match="no item 'z'"):
        study.clear_items(["a", "z"], "Dr Lee")
    with pytest.raises(StudyError, match="no items were named"):
        study.clear_items([], "Dr Lee")
    assert [i.cleared_by for i in study.items()] == [""]


def test_the_newest_judgement_counts_until_it_is_taken_back_or_the_item_changes(study: Study) -> None:
    study.add_items([make_item("a")])

    def state() -> str:
        found = study.item("a")
        assert found is not None
        return found.state

    study.judge_items(["a"], "accepted", "C1")
    removed = study.judge_items(["a"], "removed", "C2", "question unanswerable")
    assert state() == "removed"
    study.undo(removed.event_id, "C2")
    assert state() == "accepted"
    study.add_items([make_item("a", question="Which organ is it?")])
    assert state() == "imported"
    with pytest.raises(StudyError, match="removing an item needs a reason"):
        study.judge_items(["a"], "removed", "C1")


def test_clearance_and_state_given_with_an_item_are_not_believed(study: Study) -> None:
    study.add_items([replace(make_item(), cleared_by="nobody", state="accepted")])
    found: Item | None = study.item("q1")
    assert found is not None and (found.cleared_by, found.state) == ("", "imported")
