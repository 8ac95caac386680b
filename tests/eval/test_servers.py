"""Runs against a real HTTP server: what is sent, what is kept, and what each fault costs."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval import pacing
from medqdeg_desktop.eval.plan import EvaluateOptions
from medqdeg_desktop.eval.prompts import prompt_text
from medqdeg_desktop.eval.questions import questions
from medqdeg_desktop.eval.runner import Outcome, evaluate
from medqdeg_desktop.eval.spec import parse_spec
from medqdeg_desktop.progress import Progress
from medqdeg_desktop.statistics.votes import expected_confidence, vote_confidence
from medqdeg_desktop.study.records import Answer
from medqdeg_desktop.study.store import Study
from tests.eval.made_datasets import items_for, make_dataset
from tests.eval.scripted_server import Json, Say, ScriptedServer, asked_for, chat, error


class Heard(Progress):
    """Keeps what a run says."""

    def __init__(self) -> None:
        super().__init__("evaluate")
        self.problems: list[tuple[str, str]] = []
        self.updates: list[dict[str, object]] = []

    def problem(self, where: str, reason: str) -> None:
        self.problems.append((where, reason))

    def update(self, done: int, total: int, message: str = "", **figures: object) -> None:
        self.updates.append({"done": done, "total": total, **figures})


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "FIRST_WAIT", 0.005)
    monkeypatch.setattr(pacing, "LONGEST_WAIT", 0.05)


def run(
    server: ScriptedServer,
    dataset: Dataset,
    study: Path,
    options: EvaluateOptions | None = None,
    progress: Progress | None = None,
) -> Outcome:
    spec = parse_spec(f"openai:scripted@{server.url}")
    return evaluate(dataset.folder, study, spec, options or EvaluateOptions(trials=3), progress or Progress("evaluate"))


def answers(study: Path, outcome: Outcome) -> list[Answer]:
    with Study.open(study, read_only=True) as opened:
        return list(opened.answers(outcome.run.run_id))


def test_the_png_bytes_go_unchanged_before_the_words_and_their_hash_is_kept(dataset: Dataset, study_path: Path) -> None:
    with ScriptedServer(lambda body, n: chat(*["C"] * body.get("n", 1))) as server:
        outcome = run(server, dataset, study_path)
    first = next(questions(dataset))
    body = next(b for b in server.seen if asked_for(b) == prompt_text(first.text, first.options))
    image, text = body["messages"][0]["content"]
    sent = base64.b64decode(image["image_url"]["url"].removeprefix("data:image/png;base64,"))
    assert hashlib.sha256(sent).hexdigest() in {q.images[0].sha256 for q in questions(dataset)}
    assert image["image_url"]["detail"] == "high"
    assert text["text"] == (
        "What does picture 0 show?\n\nA. Fracture\nB. Pneumothorax\nC. Pleural effusion\nD. Normal\n\n"
        "Answer with the option letter from the given choices directly."
    )
    assert (body["temperature"], body["top_p"], body["top_k"], body["n"]) == (1.0, 1.0, -1, 3)
    assert server.headers[0]["authorization"] == "Bearer none"
    kept = answers(study_path, outcome)
    assert len(kept) == 12 * 3
    assert all(a.choice == "C" and a.detail["sha256"] and a.detail["size"] for a in kept)


def test_several_images_of_one_item_make_one_question(tmp_path: Path, study_path: Path) -> None:
    dataset = make_dataset(tmp_path / "two", items=2, images=2)
    with ScriptedServer(lambda body, n: chat("A")) as server:
        outcome = run(server, dataset, study_path, EvaluateOptions(trials=1))
    assert outcome.total == 6
    assert {sum(part["type"] == "image_url" for part in b["messages"][0]["content"]) for b in server.seen} == {2}
    assert {a.file_name for a in answers(study_path, outcome)} == {q.key for q in questions(dataset)}


def test_trials_that_a_server_leaves_out_are_asked_for_again(dataset: Dataset, study_path: Path) -> None:
    with ScriptedServer(lambda body, n: chat("B")) as server:
        outcome = run(server, dataset, study_path, EvaluateOptions(trials=5))
    assert len(server.seen) == 12 * 5
    kept = answers(study_path, outcome)
    assert Counter((a.file_name, a.trial) for a in kept).most_common(1)[0][1] == 1
    assert len(kept) == 12 * 5


def test_fields_that_a_server_does_not_know_are_left_out_and_named(dataset: Dataset, study_path: Path) -> None:
    def strict(body: Json, n: int) -> Say:
        unknown = {"top_k", "seed", "n"} & set(body)
        if unknown:
            return error(422, f"Unexpected fields in the request: {unknown}")
        return error(400, "use max_completion_tokens instead of max_tokens") if "max_tokens" in body else chat("A")

    with ScriptedServer(strict) as server:
        outcome = run(server, dataset, study_path)
    kept = answers(study_path, outcome)
    assert len(kept) == 36
    assert set(kept[-1].detail["not_accepted"]) == {"top_k", "seed", "n"}
    assert "max_completion_tokens" in server.seen[-1]


def test_a_request_that_never_works_is_recorded_and_asked_again_by_the_next_run(dataset: Dataset, study_path: Path) -> None:
    broken = [True]

    def script(body: Json, n: int) -> Say:
        if "picture 1 " in asked_for(body) and broken[0]:
            return error(400, "image too large")
        return chat(*["A"] * body.get("n", 1))

    with ScriptedServer(script) as server:
        heard = Heard()
        outcome = run(server, dataset, study_path, progress=heard)
        assert (outcome.answered, outcome.failed) == (27, 9)
        assert len(server.seen) == 12, "a permanent error is not repeated"
        failed = [a for a in answers(study_path, outcome) if a.status == "failed"]
        assert len(failed) == 9
        assert all(a.error == "HTTP 400: 127.0.0.1: HTTP 400 image too large" for a in failed)
        assert len(heard.problems) == 3
        broken[0] = False
        outcome = run(server, dataset, study_path)
    assert (outcome.answered, outcome.reused, outcome.failed) == (36, 27, 0)
    assert len(server.seen) == 15


def test_a_dead_server_ends_the_run_instead_of_being_asked_for_ever(tmp_path: Path, study_path: Path) -> None:
    dataset = make_dataset(tmp_path / "set", items=40, kinds=())
    with (
        ScriptedServer(lambda body, n: error(500, "dead")) as server,
        pytest.raises(MedqdegError, match=r"in a row failed.*dead"),
    ):
        run(server, dataset, study_path, EvaluateOptions(trials=1, concurrency=4))
    assert len(server.seen) <= (20 + 4) * pacing.MAX_ATTEMPTS


def test_a_server_that_is_not_there_is_named(dataset: Dataset, study_path: Path) -> None:
    spec = parse_spec("openai:x@http://127.0.0.1:9/v1")
    with pytest.raises(MedqdegError, match=r"127\.0\.0\.1: .*is the server running\?"):
        evaluate(dataset.folder, study_path, spec, EvaluateOptions(trials=1, limit=2), Heard())
    with Study.open(study_path) as study:
        assert study.last_failure(study.runs()[0].run_id).startswith("connection: 127.0.0.1: ")


@pytest.mark.parametrize(("status", "said"), [(401, "bad key"), (404, "no such model"), (402, "pay first")])
def test_what_no_request_will_get_past_stops_the_run_at_once(status: int, said: str, dataset: Dataset, study_path: Path) -> None:
    with ScriptedServer(lambda body, n: error(status, said)) as server, pytest.raises(MedqdegError, match=said):
        run(server, dataset, study_path, EvaluateOptions(trials=3, concurrency=4))
    assert len(server.seen) <= 4
    with Study.open(study_path) as study:
        (stopped,) = study.runs()
        assert study.answered_runs() == [] and said in study.last_failure(stopped.run_id), "why it ended stands in the study"


def test_a_redirect_is_not_followed(dataset: Dataset, study_path: Path) -> None:
    away = Say("", 307, {"Location": "http://example.invalid/v1/chat/completions"})
    with (
        ScriptedServer(lambda body, n: away) as server,
        pytest.raises(MedqdegError, match=r"redirects to http://example\.invalid"),
    ):
        run(server, dataset, study_path)


def test_refusals_and_moderation_are_answers_and_not_repeated(dataset: Dataset, study_path: Path) -> None:
    def script(body: Json, n: int) -> Say:
        said = asked_for(body)
        if "picture 0 " in said:
            return chat("", finish="content_filter")
        if "picture 1 " in said:
            return error(400, "blocked by our safety system")
        if "picture 2 " in said:
            message = {"role": "assistant", "content": None, "refusal": "I will not."}
            return Say({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
        return chat("I am unable to determine from a blurred image")

    with ScriptedServer(script) as server:
        outcome = run(server, dataset, study_path, EvaluateOptions(trials=1))
        kept = answers(study_path, outcome)
        assert {a.status for a in kept} <= {"refused"}
        assert {a.choice for a in kept} == {""}
        assert len(server.seen) == 12
        run(server, dataset, study_path, EvaluateOptions(trials=1))
        assert len(server.seen) == 12


def test_a_resumed_run_asks_for_what_is_missing_only(dataset: Dataset, study_path: Path) -> None:
    with ScriptedServer(lambda body, n: chat(*["D"] * body.get("n", 1))) as server:
        first = run(server, dataset, study_path, EvaluateOptions(trials=3, limit=1))
        assert (first.answered, first.total) == (9, 9)
        heard = Heard()
        second = run(server, dataset, study_path, progress=heard)
    assert first.run.run_id == second.run.run_id
    assert (second.reused, second.answered) == (9, 36)
    assert len(server.seen) == 12
    assert second.run.finished_at
    assert heard.updates[-1]["levels"] == {
        level: {"answered": 12, "correct": 3.0, "unparsed": 0, "refused": 0} for level in ("L0", "L1", "L2")
    }


def test_two_servers_of_one_model_share_the_work(dataset: Dataset, study_path: Path) -> None:
    def script(body: Json, n: int) -> Say:
        return chat(*["A"] * body.get("n", 1))

    with ScriptedServer(script) as one, ScriptedServer(script) as two:
        spec = parse_spec(f"openai:m@{one.url},{two.url}")
        evaluate(dataset.folder, study_path, spec, EvaluateOptions(trials=3), Progress("evaluate"))
    assert len(one.seen) == len(two.seen) == 6


def _logprobs(p: dict[str, float]) -> Json:
    top = [{"token": token, "logprob": float(np.log(value))} for token, value in p.items()]
    return {"content": [{"token": "A", "logprob": top[0]["logprob"], "top_logprobs": top}]}


def test_exact_mode_reads_option_probabilities_with_all_spellings_of_a_letter(dataset: Dataset, study_path: Path) -> None:
    spelled = {"A": 0.3, " A": 0.1, "\u2581B": 0.2, "The": 0.2, "D": 0.05}
    with ScriptedServer(lambda body, n: chat("A", logprobs=_logprobs(spelled))) as server:
        outcome = run(server, dataset, study_path, EvaluateOptions(mode="option"))
    kept = answers(study_path, outcome)
    assert len(kept) == len(server.seen) == 12
    assert (server.seen[0]["max_tokens"], server.seen[0]["top_logprobs"]) == (1, 20)
    assert kept[0].probabilities == pytest.approx({"A": 0.4 / 0.65, "B": 0.2 / 0.65, "C": 0.0, "D": 0.05 / 0.65})
    assert kept[0].detail["option_mass"] == pytest.approx(0.65)
    assert kept[0].detail["beyond"] == ["C"]


@pytest.mark.parametrize(
    "script",
    [
        lambda body, n: chat("A"),
        lambda body, n: error(422, "Unexpected fields: {'logprobs'}") if "logprobs" in body else chat("A"),
    ],
)
def test_exact_mode_is_refused_where_a_server_gives_no_log_probabilities(
    script: object, dataset: Dataset, study_path: Path
) -> None:
    with ScriptedServer(script) as server, pytest.raises(MedqdegError, match="no log probabilities; use --confidence vote"):  # type: ignore[arg-type]
        run(server, dataset, study_path, EvaluateOptions(mode="option"))


def test_verbal_mode_keeps_the_letter_and_the_stated_probability(dataset: Dataset, study_path: Path) -> None:
    with ScriptedServer(lambda body, n: chat("Answer: B\nConfidence: 85" if n % 2 else "Answer: B")) as server:
        outcome = run(server, dataset, study_path, EvaluateOptions(mode="verbal", concurrency=1))
    kept = answers(study_path, outcome)
    assert {a.choice for a in kept} == {"B"}
    assert Counter(a.confidence for a in kept) == {0.85: 6, None: 6}
    assert asked_for(server.seen[0]).endswith("Confidence: <0-100, your probability that the answer is correct>")


def test_known_answer_probabilities_give_the_expected_accuracy_confidence_and_shift(tmp_path: Path, study_path: Path) -> None:
    dataset = make_dataset(tmp_path / "set", items=90)
    right = {f"What does picture {i}": "ABCD"[i % 4] for i in range(90)}
    levels = {q.images[0].sha256: q.level for q in questions(dataset)}
    chance = {"L0": (0.85, 0.05, 0.05, 0.05), "L1": (0.6, 0.2, 0.1, 0.1), "L2": (0.25, 0.65, 0.05, 0.05)}
    rng, lock = np.random.default_rng(11), threading.Lock()

    def script(body: Json, n: int) -> Say:
        image, text = body["messages"][0]["content"]
        sha = hashlib.sha256(base64.b64decode(image["image_url"]["url"].partition(",")[2])).hexdigest()
        letter = right[" ".join(text["text"].split()[:4])]
        order = letter + "".join(c for c in "ABCD" if c != letter)
        with lock:
            drawn = rng.choice(4, size=body.get("n", 1), p=chance[levels[sha]])
        return chat(*[order[i] for i in drawn])

    with ScriptedServer(script) as server:
        outcome = run(server, dataset, study_path, EvaluateOptions(trials=10))
    by_question: dict[str, list[str]] = {}
    for answer in answers(study_path, outcome):
        by_question.setdefault(answer.file_name, []).append(answer.choice)
    for level, p in chance.items():
        votes, hits = [], []
        for question in questions(dataset):
            if question.level == level:
                count = Counter(by_question[question.key])
                votes.append([count[letter] for letter in "ABCD"])
                hits.append(count[question.answer] / 10)
        c = vote_confidence(votes)
        accuracy_error = (p[0] * (1 - p[0]) / (10 * 90)) ** 0.5
        c_error = float(c.std()) / 90**0.5
        expected_c = float(expected_confidence([p], 10)[0])
        assert abs(np.mean(hits) - p[0]) < 4 * accuracy_error
        assert abs(c.mean() - expected_c) < 4 * c_error
        shift = float(c.mean() - np.mean(hits))
        assert abs(shift - (expected_c - p[0])) < 4 * (accuracy_error + c_error)


def test_a_server_that_repeats_one_reply_for_every_trial_is_warned_of(tmp_path: Path, study_path: Path) -> None:
    dataset = make_dataset(tmp_path / "set", items=10)
    for letters, warned in ((("C", "C", "C"), 1), (("C", "B", "C"), 0)):
        heard = Heard()
        with ScriptedServer(lambda body, n, letters=letters: chat(*letters)) as server:
            spec = parse_spec(f"openai:{'-'.join(letters)}@{server.url}")
            evaluate(dataset.folder, study_path, spec, EvaluateOptions(trials=3), heard)
        assert sum("repeated its question's first reply" in reason for _, reason in heard.problems) == warned


@pytest.mark.parametrize(("letter", "warned"), [(0.01, 1), (0.9, 0)])
def test_letters_that_a_model_would_rather_not_begin_with_are_warned_of(
    letter: float, warned: int, tmp_path: Path, study_path: Path
) -> None:
    dataset = make_dataset(tmp_path / "set", items=10)
    heard = Heard()
    with ScriptedServer(lambda body, n: chat("A", logprobs=_logprobs({"A": letter, "The": 1 - letter}))) as server:
        run(server, dataset, study_path, EvaluateOptions(mode="option"), heard)
    assert sum("share only 1% of the probability" in reason for _, reason in heard.problems) == warned


def test_rotated_options_are_turned_back(dataset: Dataset, study_path: Path) -> None:
    def knows(body: Json, n: int) -> Say:
        shown = next(line for line in asked_for(body).splitlines() if line.endswith("Pleural effusion"))
        return chat(shown[0])

    with ScriptedServer(knows) as server:
        outcome = run(server, dataset, study_path, EvaluateOptions(trials=4, rotate_options=True))
    assert {a.choice for a in answers(study_path, outcome)} == {"C"}
    assert len({asked_for(body) for body in server.seen}) == 4 * 4


def test_a_text_only_run_sends_no_image_and_is_another_run(dataset: Dataset, study_path: Path) -> None:
    with ScriptedServer(lambda body, n: chat("A")) as server:
        blind = run(server, dataset, study_path, EvaluateOptions(trials=1, text_only=True))
        seeing = run(server, dataset, study_path, EvaluateOptions(trials=1))
    assert [len(body["messages"][0]["content"]) for body in server.seen] == [1] * 12 + [2] * 12
    assert blind.run.run_id != seeing.run.run_id
    assert blind.run.label == "scripted (text only)"


def test_an_image_that_was_changed_since_the_dataset_was_made_is_not_sent(tmp_path: Path, study_path: Path) -> None:
    dataset = make_dataset(tmp_path / "set", items=1)
    image = next(questions(dataset)).images[0]
    image.path.write_bytes(image.path.read_bytes() + b"x")
    with ScriptedServer(lambda body, n: chat("A")) as server, pytest.raises(MedqdegError, match="not the image that the dataset"):
        run(server, dataset, study_path, EvaluateOptions(trials=3, concurrency=1))
    assert server.seen == []


def test_a_moderated_host_gets_fewer_calls_at_once_when_it_is_overloaded(tmp_path: Path, study_path: Path) -> None:
    dataset = make_dataset(tmp_path / "set", items=30, kinds=())
    active, peak, lock = [0], [0], threading.Lock()

    def script(body: Json, n: int) -> Say:
        with lock:
            active[0] += 1
            busy = active[0]
            peak[0] = max(peak[0], busy)
        time.sleep(0.02)
        with lock:
            active[0] -= 1
        return error(429, "too many at once") if busy > 4 else chat("A")

    with ScriptedServer(script) as server:
        outcome = run(server, dataset, study_path, EvaluateOptions(trials=1, concurrency=32))
    assert outcome.answered == 30
    refused = len(server.seen) - 30
    assert 0 < refused < 60


def test_anthropic_messages_carry_images_first_and_one_trial_a_call(
    dataset: Dataset, study_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def script(body: Json, n: int) -> Say:
        if n == 1:
            return error(529, "overloaded")
        if n == 2:
            return Say({"content": [], "stop_reason": "refusal", "usage": {}})
        return Say({"content": [{"type": "text", "text": "Answer: B"}], "stop_reason": "end_turn", "usage": {"input_tokens": 5}})

    with ScriptedServer(script) as server:
        spec = parse_spec(f"anthropic:some-model@{server.url.removesuffix('/v1')}")
        outcome = evaluate(dataset.folder, study_path, spec, EvaluateOptions(trials=2, concurrency=1), Progress("evaluate"))
        with pytest.raises(MedqdegError, match="no log probabilities"):
            evaluate(dataset.folder, study_path, spec, EvaluateOptions(mode="option"), Progress("evaluate"))
    kept = answers(study_path, outcome)
    assert Counter(a.status for a in kept) == {"ok": 23, "refused": 1}
    assert [part["type"] for part in server.seen[0]["messages"][0]["content"]] == ["image", "text"]
    assert server.headers[0]["anthropic-version"]
    assert "top_p" not in server.seen[0]


def test_the_items_of_the_study_decide_what_may_leave(dataset: Dataset, study_path: Path) -> None:
    spec = parse_spec("openai:m@https://example.invalid/v1")
    with pytest.raises(MedqdegError, match=r"example\.invalid is not this machine.*--allow-host example\.invalid"):
        evaluate(dataset.folder, study_path, spec, EvaluateOptions(trials=3), Progress("evaluate"))
    allowed = EvaluateOptions(trials=3, allow_hosts=("example.invalid",))
    with pytest.raises(MedqdegError, match=r"item item-000 may not go to example\.invalid"):
        evaluate(dataset.folder, study_path, spec, allowed, Progress("evaluate"))
    with Study.open(study_path) as study:
        study.add_items(items_for(dataset, public=False))
        shown = {q.item_id: [image.source_sha256 for image in q.images] for q in questions(dataset)}
        study.clear_items(["item-000", "item-001"], "a curator", pictures=shown)
    with pytest.raises(MedqdegError, match="item item-002 may not go"):
        evaluate(dataset.folder, study_path, spec, allowed, Progress("evaluate"))
    with Study.open(study_path) as study:
        study.clear_items(["item-002", "item-003"], "a curator", pictures=shown)
    with pytest.raises(MedqdegError, match=r"no key for example\.invalid"):
        evaluate(dataset.folder, study_path, spec, allowed, Progress("evaluate"))
