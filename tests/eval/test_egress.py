"""What may leave this machine, whose key goes where, and what is on record before it goes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import NoKeyringError

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval import egress
from medqdeg_desktop.eval.backends import http
from medqdeg_desktop.eval.keys import KeyMissingError, key_for
from medqdeg_desktop.eval.plan import EvaluateOptions
from medqdeg_desktop.eval.questions import questions
from medqdeg_desktop.eval.runner import evaluate
from medqdeg_desktop.eval.spec import parse_spec
from medqdeg_desktop.progress import Progress
from medqdeg_desktop.study.store import Study
from tests.eval.made_datasets import items_for
from tests.eval.scripted_server import Json, Say, ScriptedServer, chat


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.8.9.1", "::1", "[::1]", "::ffff:127.0.0.1"])
def test_loopback_is_this_machine(host: str) -> None:
    assert egress.is_loopback(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "10.0.0.1", "192.168.1.5", "localhost.example.com", "127.0.0.1.nip.io", "api.openai.com", "", "::"]
)
def test_nothing_else_is(host: str) -> None:
    assert not egress.is_loopback(host)


def test_each_remote_host_must_be_named() -> None:
    hosts = ("127.0.0.1", "one.example", "two.example")
    with pytest.raises(egress.EgressError, match=r"two\.example is not this machine"):
        egress.check_hosts(hosts, ["ONE.example"])
    assert egress.check_hosts(hosts, ["one.example", "two.example"]) == ("one.example", "two.example")
    assert egress.check_hosts(("::1",), []) == ()


class _Ring(KeyringBackend):
    priority = 1.0  # type: ignore[assignment]

    def __init__(self, keys: dict[str, str] | None) -> None:
        self._keys = keys

    def get_password(self, service: str, username: str) -> str | None:
        if self._keys is None:
            raise NoKeyringError
        assert service == "medqdeg_desktop"
        return self._keys.get(username)

    def set_password(self, service: str, username: str, password: str) -> None:
        raise AssertionError("keys are never stored")

    def delete_password(self, service: str, username: str) -> None:
        raise AssertionError("keys are never stored")


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> _Ring:
    held = _Ring({"one.example": "from the ring"})
    previous = keyring.get_keyring()
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    keyring.set_keyring(held)
    try:
        yield held
    finally:
        keyring.set_keyring(previous)


def test_a_key_belongs_to_its_host(ring: _Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "of the vendor")
    assert key_for("api.openai.com") == "of the vendor"
    assert key_for("one.example") == "from the ring"
    assert key_for("127.0.0.1") == "none"
    with pytest.raises(KeyMissingError, match=r"no key for two\.example: .*keyring set.*MEDQDEG_KEY_TWO_EXAMPLE"):
        key_for("two.example")
    monkeypatch.setenv("MEDQDEG_KEY_TWO_EXAMPLE", "of the site")
    assert key_for("two.example") == "of the site"


def test_a_machine_without_a_keyring_uses_the_environment(ring: _Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    ring._keys = None
    monkeypatch.setenv("MEDQDEG_KEY_ONE_EXAMPLE", "k")
    assert key_for("one.example") == "k"
    with pytest.raises(KeyMissingError):
        key_for("three.example")


def test_what_is_sent_elsewhere_is_on_record_before_it_goes(
    dataset: Dataset, study_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The scripted server stands on loopback; for this test loopback is another house.
    for module in (egress, http):
        monkeypatch.setattr(module, "is_loopback", lambda host: False)
    monkeypatch.setenv("MEDQDEG_KEY_127_0_0_1", "a secret key")
    log = study_path.with_name("study.sent.jsonl")
    on_record: list[bool] = []

    def script(body: Json, n: int) -> Say:
        on_record.append(len(log.read_text().splitlines()) >= n + 1)
        return chat("A")

    with Study.open(study_path) as study:
        study.add_items(items_for(dataset, public=True))
    with ScriptedServer(script) as server:
        spec = parse_spec(f"openai:m@{server.url}")
        options = EvaluateOptions(trials=1, allow_hosts=("127.0.0.1",))
        outcome = evaluate(dataset.folder, study_path, spec, options, Progress("evaluate"))
    assert server.headers[0]["authorization"] == "Bearer a secret key"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert on_record == [True] * 12
    by_key = {q.key: q for q in questions(dataset)}
    assert {line["file_name"] for line in lines} == set(by_key)
    assert all(line["run"] == outcome.run.run_id and line["host"] == "127.0.0.1" for line in lines)
    assert all(line["sha256"] == [i.sha256 for i in by_key[line["file_name"]].images] for line in lines)
    assert all(line["size"] and line["at"] for line in lines)
    assert b"a secret key" not in log.read_bytes() + study_path.read_bytes()


def test_nothing_is_sent_that_cannot_be_logged(dataset: Dataset, study_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (egress, http):
        monkeypatch.setattr(module, "is_loopback", lambda host: False)
    monkeypatch.setenv("MEDQDEG_KEY_127_0_0_1", "k")
    monkeypatch.setattr(egress.TransferLog, "sending", lambda self, *a: (_ for _ in ()).throw(OSError(28, "No space left")))
    with Study.open(study_path) as study:
        study.add_items(items_for(dataset, public=True))
    with ScriptedServer(lambda body, n: chat("A")) as server, pytest.raises(OSError, match="No space left"):
        options = EvaluateOptions(trials=1, allow_hosts=("127.0.0.1",))
        evaluate(dataset.folder, study_path, parse_spec(f"openai:m@{server.url}"), options, Progress("evaluate"))
    assert server.seen == []


def test_a_refusal_comes_before_anything_is_read_from_the_model(dataset: Dataset, study_path: Path) -> None:
    spec = parse_spec("openai:m@http://127.0.0.1:1/v1,http://far.example/v1")
    with pytest.raises(MedqdegError, match=r"far\.example is not this machine"):
        evaluate(dataset.folder, study_path, spec, EvaluateOptions(), Progress("evaluate"))
    with Study.open(study_path) as study:
        assert study.runs() == []


def test_a_clearance_covers_the_words_it_was_given_for_and_pictures_that_are_on_record(
    dataset: Dataset, study_path: Path
) -> None:
    with Study.open(study_path) as study:
        study.add_items(items_for(dataset, public=True))
        sendable = egress.sendable_items(study.items())
    question = next(questions(dataset))
    hosts = ("api.example",)
    egress.check_items([question], sendable, hosts)
    with pytest.raises(egress.EgressError, match=rf"{question.item_id} may not go to api\.example: .*other words"):
        egress.check_items([replace(question, text=question.text + " Mrs Doe")], sendable, hosts)
    with pytest.raises(egress.EgressError, match="other words"):
        egress.check_items([replace(question, options={**question.options, "Z": "more"})], sendable, hosts)
    with pytest.raises(egress.EgressError, match="hash of its picture"):
        egress.check_items([replace(question, images=(replace(question.images[0], sha256=""),))], sendable, hosts)
    with pytest.raises(egress.EgressError, match="neither public nor cleared"):
        egress.check_items([replace(question, item_id="somebody-elses")], sendable, hosts)
