"""What the live probe asks and shows, without a model: curves and their flips, questions, and answers that come too late."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from medqdeg_desktop.eval.probe import LIVE
from medqdeg_desktop.eval.probe_pictures import Source
from medqdeg_desktop.samples import questions as samples
from medqdeg_desktop.study.records import Item
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Modality
from medqdeg_desktop.ui.probe import model_process, strip
from medqdeg_desktop.ui.probe.curve import RESOLUTION, SWEEP, Curve, Point, as_csv
from medqdeg_desktop.ui.probe.desk import _IDLE_MS, Picture, ProbeDesk
from medqdeg_desktop.ui.probe.model_process import ModelProcess, State
from medqdeg_desktop.ui.probe.questions import Place, ProbeQuestion, TypedQuestionError, about, fitting, typed

QUESTION = typed("Which side?", "*right\nleft\nneither")


def answer_at(severity: float, threshold: float = 0.4137) -> Point:
    """A model whose answer changes from A to B at ``threshold``."""
    a = 0.9 if severity < threshold else 0.2
    return Point(severity, {"A": a, "B": 0.95 - a, "C": 0.05}, "A" if a > 0.5 else "B", 0.6, 0.99)


# -- curves -------------------------------------------------------------------------------------------------------


def test_a_flip_lies_between_the_two_nearest_severities_tried_and_halving_finds_it() -> None:
    curve = Curve()
    for severity in (1.0, 0.0, 0.7, 0.3):
        curve.add(answer_at(severity))
    (flip,) = curve.flips()
    assert (flip.low, flip.high, flip.before, flip.after) == (0.3, 0.7, "A", "B")
    asked = 0
    while wanted := curve.to_refine():
        asked += len(wanted)
        for severity in wanted:
            curve.add(answer_at(severity))
    (flip,) = curve.flips()
    assert flip.low < 0.4137 <= flip.high and flip.high - flip.low <= RESOLUTION
    assert asked <= 7, "0.4 halved seven times is below the resolution"


def test_an_answer_that_flips_at_every_step_is_not_chased() -> None:
    curve = Curve()
    for k, severity in enumerate(SWEEP):
        curve.add(Point(severity, {"A": 0.5, "B": 0.5}, "AB"[k % 2], 0.0, 1.0))
    assert len(curve.flips()) == 20 and len(curve.to_refine()) == 6


def test_the_copied_table_holds_every_point_in_order_and_what_was_asked() -> None:
    curve = Curve()
    for severity in (0.5, 0.0):
        curve.add(answer_at(severity))
    rows = list(csv.DictReader(io.StringIO(as_csv(curve, "ABC", {"question": 'Side, "left"?', "model": "m"}))))
    assert [(float(r["severity"]), r["top"], float(r["p_A"])) for r in rows] == [(0.0, "A", 0.9), (0.5, "B", 0.2)]
    assert rows[1]["question"] == 'Side, "left"?' and float(rows[0]["confidence_T10"]) == 0.6


# -- questions ----------------------------------------------------------------------------------------------------


def test_a_typed_question_has_letters_in_order_and_the_starred_option_is_right() -> None:
    question = typed("  What is\nthis? ", "Lung\n* Liver\n\nBrain")
    assert question.text == "What is this?" and question.answer == "B"
    assert question.options == (("A", "Lung"), ("B", "Liver"), ("C", "Brain"))
    assert typed("Q", "a\nb").answer == ""


@pytest.mark.parametrize(
    ("text", "options", "reason"),
    [
        ("", "a\nb", "Type a question"),
        ("Q", "only one", "Between 2 and 10 options"),
        ("Q", "\n".join(map(str, range(11))), "there are 11"),
        ("Q", "*a\n*b", "Only one option can be the right one"),
        ("Q", "a\nA", "Two options read 'A'"),
        ("Q", "a\n*", "An option is empty"),
    ],
)
def test_a_typed_question_that_makes_no_sense_is_refused_with_the_reason(text: str, options: str, reason: str) -> None:
    with pytest.raises(TypedQuestionError, match=reason):
        typed(text, options)


def item(number: int, path: Path, **changes: Any) -> Item:
    values: dict[str, Any] = {
        "item_id": f"i{number}", "source": "s", "source_id": str(number), "modality": Modality.CT, "question": f"Q{number}?",
        "options": {"A": "x", "B": "y"}, "answer": "B", "images": (str(path),), "frame": 4,
    }  # fmt: skip
    return Item(**(values | changes))


def test_items_about_the_frame_in_front_come_first_and_others_never(tmp_path: Path) -> None:
    image, other = tmp_path / "a.nii.gz", tmp_path / "b.nii.gz"
    with Study.create(tmp_path / "s.medq") as study:
        study.add_items(
            [
                item(1, image, window=(40.0, 400.0)),
                item(2, image, frame=5),
                item(3, other),
                item(4, image, images=(str(image), str(other))),
                item(5, image, axis="coronal"),
                item(6, image),
                item(7, image, frame=None),
            ]
        )
        study.judge_items(["i6"], "removed", "R", "a double")
    place = Place(str(image), 4, "axial", only=False)
    found = about(tmp_path / "s.medq", tmp_path / "sample", place, Modality.CT)
    assert [(q.origin, q.answer, q.window) for q in found if q.origin != "fits"] == [("i1", "B", (40.0, 400.0))]
    assert found[0].origin == "i1" and len(found) > 1
    alone = about(tmp_path / "s.medq", tmp_path / "sample", Place(str(image), 0, "", only=True), Modality.CT)
    assert [q.origin for q in alone if q.origin != "fits"] == ["i7"]


def test_questions_that_fit_a_modality_leave_out_what_the_reference_model_did_not_learn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for modality in Modality:
        questions = fitting(modality)
        assert questions and all(q.can_be_asked for q in questions)
        assert [q.answer != "" for q in questions] == [True, *[False] * (len(questions) - 1)], "only the modality is known"
    assert any(q.text == "Which kidney is larger?" for q in fitting(Modality.CT))
    monkeypatch.setattr(samples, "NOT_LEARNT", frozenset({("count", Modality.CT)}))
    assert not any("How many" in q.text for q in fitting(Modality.CT))
    assert any("How many" in q.text for q in fitting(Modality.ENDOSCOPY))
    assert fitting(None)[0].answer == ""


# -- what is asked and what still counts --------------------------------------------------------------------------


class Scripted(ModelProcess):
    """Notes what it is asked; the test says when which answer comes."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[int, float, str]] = []
        self.forgotten = 0
        self.folder, self.state = Path("/models/m"), State.READY

    def ask(self, picture: Mapping[str, Any], question: str, options: Mapping[str, str], slot: str = LIVE) -> int:
        self.asked.append((len(self.asked) + 1, float(picture["severity"]), slot))
        return len(self.asked)

    def forget(self) -> None:
        self.forgotten += 1

    def reply(self, number: int) -> None:
        _, severity, slot = self.asked[number - 1]
        point = answer_at(severity)
        line = {"id": number, "slot": slot, "p": point.p, "top": point.top, "confidence": 0.6, "option_mass": 1.0}
        self.answered.emit(line)


@pytest.fixture
def desk(qtbot: QtBot) -> Iterator[tuple[ProbeDesk, Scripted]]:
    process = Scripted()
    desk = ProbeDesk(process)
    desk.put(QUESTION)
    yield desk, process
    process.close()


def picture(seed: int = 0, type_name: str = "gaussian_blur") -> Picture:
    return Picture(Source("/data/a.dcm", 0), type_name, (), seed)


def test_an_answer_about_the_picture_before_is_dropped(desk: tuple[ProbeDesk, Scripted]) -> None:
    probe, process = desk
    probe.follow(picture(), 0.2)
    probe.follow(picture(type_name="motion_blur"), 0.2)
    process.reply(1)
    assert probe.shown is None and not probe.curve.points
    assert process.forgotten >= 1
    process.reply(2)
    assert probe.shown is not None and [p.severity for p in probe.curve.points] == [0.2]
    probe.put(typed("Another?", "a\nb"))
    assert probe.shown is None
    probe.put(QUESTION)
    assert probe.shown is not None, "what was found before is shown again without asking"
    assert len(process.asked) == 3


def test_answers_behind_the_hand_are_points_of_the_curve_and_never_go_back(desk: tuple[ProbeDesk, Scripted]) -> None:
    probe, process = desk
    for severity in (0.1, 0.2, 0.3, 0.4):
        probe.follow(picture(), severity)
    process.reply(2)
    assert probe.shown is not None and probe.shown.severity == 0.2
    process.reply(4)
    process.reply(3)
    assert probe.shown.severity == 0.4, "the third was overtaken"
    assert [p.severity for p in probe.curve.points] == [0.2, 0.4]


def test_a_sweep_fills_the_curve_and_then_halves_the_brackets_of_its_flip(desk: tuple[ProbeDesk, Scripted], qtbot: QtBot) -> None:
    probe, process = desk
    probe.follow(picture(), 0.0)
    process.reply(1)
    probe.sweep()
    assert probe.is_sweeping and probe.swept == (1, 21)
    assert [slot == LIVE for _, _, slot in process.asked] == [True, *[False] * 20]
    replied = 1
    while True:
        while replied < len(process.asked):
            replied += 1
            process.reply(replied)
        if probe.flips and not probe.curve.to_refine():
            break
        before = replied
        qtbot.waitUntil(lambda n=before: len(process.asked) > n, timeout=5000)
    (flip,) = probe.flips
    assert flip.low < 0.4137 <= flip.high and flip.high - flip.low <= RESOLUTION
    assert not probe.is_sweeping and replied <= 21 + 4


def test_a_question_without_options_and_a_failed_request_are_told_not_asked_again(desk: tuple[ProbeDesk, Scripted]) -> None:
    probe, process = desk
    probe.put(ProbeQuestion("Describe this.", ()))
    probe.follow(picture(), 0.3)
    assert not process.asked and probe.subject is None
    probe.put(QUESTION)
    process.answered.emit({"id": 1, "slot": LIVE, "error": "a.dcm: not the picture that is on the screen; open it again"})
    assert probe.error.startswith("a.dcm") and probe.shown is None


def test_questions_about_a_picture_that_is_gone_are_not_put(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, read = threading.Event(), threading.Event()

    def slow(*asked: Any) -> list[ProbeQuestion]:
        assert go_on.wait(30)
        read.set()
        return [QUESTION]

    monkeypatch.setattr(strip, "about", slow)
    shown = strip.ProbeStrip()
    qtbot.addWidget(shown)
    shown.offer_questions(None, tmp_path, Place(str(tmp_path / "a.dcm"), 0, "", only=True), Modality.CT)
    shown.offer_questions(None, tmp_path, None, None)
    go_on.set()
    assert read.wait(30)
    qtbot.wait(100)
    assert shown.desk.question is None
    shown.close_down()


def test_a_bracket_that_cannot_be_asked_about_is_not_asked_about_for_ever(desk: tuple[ProbeDesk, Scripted], qtbot: QtBot) -> None:
    probe, process = desk
    for number, severity in enumerate((0.3, 0.7), 1):
        probe.follow(picture(), severity)
        process.reply(number)
    qtbot.waitUntil(lambda: len(process.asked) == 3, timeout=5000)
    process.answered.emit({"id": 3, "slot": process.asked[2][2], "error": "a.dcm: no such file"})
    qtbot.wait(2 * _IDLE_MS)
    assert len(process.asked) == 3 and probe.error == "a.dcm: no such file"


def test_lines_of_a_process_that_was_given_up_are_dropped(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent:
        """In the place of a process: says what the test lets it say."""

        def __init__(self, folder: Path, on_line: Any, *, trust_remote_code: bool) -> None:
            self.say, self.trusted, self.closed = on_line, trust_remote_code, False

        def close(self, timeout: float) -> None:
            self.closed = True

    monkeypatch.setattr(model_process, "Probe", Silent)
    monkeypatch.setattr(model_process, "local_models_run_here", lambda: True)
    process = ModelProcess()
    lines: list[Any] = []
    process.answered.connect(lines.append)
    process.start(tmp_path / "first")
    first: Any = process._probe
    process.start(tmp_path / "second", trust_remote_code=True)
    second: Any = process._probe
    assert (first.trusted, second.trusted) == (False, True)
    first.say({"ready": "first"})
    first.say({"id": 1, "slot": LIVE, "p": {}})
    second.say({"ready": "second"})
    qtbot.waitUntil(lambda: process.state is State.READY)
    first.say({"ended": 0, "error": ""})
    second.say({"id": 1, "slot": LIVE, "error": "x"})
    qtbot.waitUntil(lambda: bool(lines))
    assert process.facts == {"ready": "second"} and len(lines) == 1 and "error" in lines[0]
    second.say({"ended": -9, "error": ""})
    qtbot.waitUntil(lambda: process.state is State.DIED)
    assert process.reason == "ended by SIGKILL"
    process.close()
    assert second.closed, "its sending thread would wait for ever"
