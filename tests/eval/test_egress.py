"""What may leave this machine, and what is on record before it goes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from medqdeg_desktop.bank.clearance import clear
from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.bank.generate import generate
from medqdeg_desktop.bank.importing import import_items
from medqdeg_desktop.bank.plan import Asked
from medqdeg_desktop.engine import png
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval import egress
from medqdeg_desktop.eval.backends import http
from medqdeg_desktop.eval.plan import EvaluateOptions
from medqdeg_desktop.eval.questions import questions
from medqdeg_desktop.eval.runner import evaluate
from medqdeg_desktop.eval.spec import parse_spec
from medqdeg_desktop.progress import Progress
from medqdeg_desktop.study.store import Study
from tests.eval.made_datasets import items_for
from tests.eval.scripted_server import Json, Say, ScriptedServer, chat
from tests.ui.evaluated import write_items


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


def test_what_is_sent_elsewhere_is_on_record_before_it_goes(
    dataset: Dataset, study_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The scripted server stands on loopback; for this test loopback is another house.
    for module in (egress, http):
        monkeypatch.setattr(module, "is_loopback", lambda host: False)
    monkeypatch.setenv("MEDQDEG_KEY_127_0_0_1", "a-secret-key")
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
    assert server.headers[0]["authorization"] == "Bearer a-secret-key"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert on_record == [True] * 12
    by_key = {q.key: q for q in questions(dataset)}
    assert {line["file_name"] for line in lines} == set(by_key)
    assert all(line["run"] == outcome.run.run_id and line["host"] == "127.0.0.1" for line in lines)
    assert all(line["sha256"] == [i.sha256 for i in by_key[line["file_name"]].images] for line in lines)
    assert all(line["size"] and line["at"] for line in lines)
    assert b"a-secret-key" not in log.read_bytes() + study_path.read_bytes()


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
        evaluate(dataset.folder, study_path, spec, EvaluateOptions(trials=3), Progress("evaluate"))
    with Study.open(study_path) as study:
        assert study.runs() == []


def test_a_clearance_covers_the_words_it_was_given_for_and_pictures_that_are_on_record(
    dataset: Dataset, study_path: Path
) -> None:
    with Study.open(study_path) as study:
        study.add_items(items_for(dataset, public=True))
        sendable = egress.sendable_items(study)
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


def test_another_picture_needs_another_clearance(dataset: Dataset, study_path: Path) -> None:
    question = next(questions(dataset))
    hosts = ("api.example",)
    shown = [image.source_sha256 for image in question.images]
    other = replace(question, images=(replace(question.images[0], source_sha256="0" * 64),))
    with Study.open(study_path) as study:
        study.add_items(items_for(dataset, public=False))
        study.clear_items([question.item_id], "Dr Lee", pictures={question.item_id: shown})
        sendable = egress.sendable_items(study)
        egress.check_items([question], sendable, hosts)
        with pytest.raises(egress.EgressError, match="picture is not the one that was cleared; clear it again"):
            egress.check_items([other], sendable, hosts)
        second = study.clear_items([question.item_id], "Dr Lee", pictures={question.item_id: ["0" * 64]})
        egress.check_items([question, other], egress.sendable_items(study), hosts)
        study.undo(second.event_id, "Dr Lee")
        with pytest.raises(egress.EgressError, match="clear it again"):
            egress.check_items([other], egress.sendable_items(study), hosts)
        # What was cleared before pictures were recorded is cleared again.
        named = next(item for item in study.items() if item.item_id != question.item_id)
        study.clear_items([named.item_id], "Dr Lee")
        later = next(q for q in questions(dataset) if q.item_id == named.item_id)
        with pytest.raises(egress.EgressError, match="clear it again"):
            egress.check_items([later], egress.sendable_items(study), hosts)


def test_a_clearance_looks_at_the_picture_as_it_is(tmp_path: Path) -> None:
    study_path = tmp_path / "ward.medq"
    lines = write_items(tmp_path / "pictures", 2)
    lines.write_text(lines.read_text("utf-8").replace('"public": true', '"public": false'), "utf-8")
    with Study.create(study_path, name="Ward") as study:
        import_items(study, lines)
        generate(study, tmp_path / "set", Asked(seed=3), workers=1)
        clear(study, ["item_00", "item_01"], "Dr Lee")
        found = list(questions(Dataset.open(tmp_path / "set")))
        egress.check_items(found, egress.sendable_items(study), ("api.example",))
        picture = tmp_path / "pictures" / "picture_00.png"
        png.write(picture, 255 - png_pixels(picture))
        generate(study, tmp_path / "later", Asked(seed=3), workers=1)
        changed = list(questions(Dataset.open(tmp_path / "later")))
        with pytest.raises(egress.EgressError, match=r"item_00 may not go .*not the one that was cleared"):
            egress.check_items(changed, egress.sendable_items(study), ("api.example",))
        picture.unlink()
        with pytest.raises(MedqdegError, match="item item_00: its picture cannot be looked at"):
            clear(study, ["item_00"], "Dr Lee")


def png_pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        return np.asarray(picture)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/v1", "http://10.1.2.3/v1", "http://[fd00::1]/v1", "https://api.example/v1"]
)
def test_an_encrypted_way_and_one_within_the_house_need_no_word(url: str) -> None:
    egress.check_transport([url], [])


@pytest.mark.parametrize("url", ["http://api.example/v1", "http://8.8.8.8/v1", "http://gpu-server/v1"])
def test_a_way_that_anybody_can_read_is_refused_unless_it_is_named(url: str) -> None:
    host = urlsplit(url).hostname or ""
    with pytest.raises(egress.EgressError, match=f"not encrypted.*--allow-plain-http {host}"):
        egress.check_transport(["https://api.example/v1", url], [])
    egress.check_transport([url], [host.upper()])
