"""The local path on two real architectures with random weights: batches, exact probabilities, seeded sampling, resume."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.backends.base import Decoding, Reply, Request
from medqdeg_desktop.eval.plan import EvaluateOptions, run_of
from medqdeg_desktop.eval.prompts import prompt_text
from medqdeg_desktop.eval.questions import questions
from medqdeg_desktop.eval.runner import evaluate
from medqdeg_desktop.eval.spec import parse_spec
from medqdeg_desktop.progress import Progress
from medqdeg_desktop.study.store import Study
from tests.eval.made_datasets import make_dataset

pytest.importorskip("torch", reason="needs the extra 'local'")
pytestmark = pytest.mark.local_model
ARCHITECTURES = ("llava", "qwen2_5_vl")


def backend(folder: Path, decoding: Decoding, **more: Any) -> Any:
    from medqdeg_desktop.eval.backends.local import LocalBackend

    return LocalBackend(folder, decoding, "a run", **more)


def requests(dataset: Dataset, trials: int = 1, count: int = 12) -> list[Request]:
    return [
        Request(q, prompt_text(q.text, q.options), q.options, tuple(range(trials)))
        for _, q in zip(range(count), questions(dataset), strict=False)
    ]


def ask(model: Any, wanted: Sequence[Request]) -> list[list[Reply]]:
    async def both() -> list[list[Reply]]:
        await model.prepare(wanted)
        return await model.answer(wanted)

    return asyncio.run(both())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_exact_probabilities_do_not_depend_on_the_batch(
    architecture: str, tiny_models: dict[str, Path], dataset: Dataset
) -> None:
    wanted = requests(dataset)
    together = ask(backend(tiny_models[architecture], Decoding("option"), batch_size=12), wanted)
    alone = ask(backend(tiny_models[architecture], Decoding("option"), batch_size=1), wanted)
    for (a,), (b,) in zip(together, alone, strict=True):
        assert a.probabilities is not None and b.probabilities is not None
        assert a.probabilities == pytest.approx(b.probabilities, abs=1e-5)
        assert sum(a.probabilities.values()) == pytest.approx(1.0, abs=1e-6)
        assert 0.0 < a.detail["option_mass"] <= 1.0
    assert len({round(reply.probabilities["A"], 6) for (reply,) in together if reply.probabilities}) > 1, "the picture counts"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_exact_probabilities_are_the_softmax_of_the_bare_model(
    architecture: str, tiny_models: dict[str, Path], dataset: Dataset
) -> None:
    import torch

    model = backend(tiny_models[architecture], Decoding("option"))
    wanted = requests(dataset, count=3)
    replies = ask(model, wanted)
    loaded = model._loaded
    for request, (reply,) in zip(wanted, replies, strict=True):
        inputs = model._inputs([request])
        with torch.no_grad():
            logits = loaded.model(**inputs).logits[0, -1].double().numpy()
        p = np.exp(logits - logits.max())
        p /= p.sum()
        masses = {letter: p[loaded.tokenizer.convert_tokens_to_ids(letter)] for letter in request.options}
        assert reply.detail["option_mass"] == pytest.approx(sum(masses.values()), rel=1e-4)
        assert reply.probabilities == pytest.approx({k: v / sum(masses.values()) for k, v in masses.items()}, rel=1e-4)


def test_the_generation_defaults_of_a_folder_change_nothing_and_are_recorded(
    tiny_models: dict[str, Path], tmp_path: Path, dataset: Dataset
) -> None:
    bent = copy_of(tiny_models["llava"], tmp_path / "bent")
    config = json.loads((bent / "generation_config.json").read_text())
    bending = {"do_sample": True, "top_k": 1, "temperature": 0.1, "repetition_penalty": 9.0, "no_repeat_ngram_size": 1}
    (bent / "generation_config.json").write_text(json.dumps(config | bending))
    for decoding in (Decoding(max_tokens=6), Decoding("option")):
        trials = 1 if decoding.mode == "option" else 3
        straight = ask(backend(tiny_models["llava"], decoding), requests(dataset, trials))
        model = backend(bent, decoding)
        assert ask(model, requests(dataset, trials)) == straight
        assert bending.items() <= model.facts["generation_defaults_ignored"].items()


def test_a_letter_of_several_tokens_is_scored_by_their_sequence(tiny_models: dict[str, Path], dataset: Dataset) -> None:
    import torch

    from medqdeg_desktop.eval.backends import scoring

    for architecture in ARCHITECTURES:
        model = backend(tiny_models[architecture], Decoding("option"))
        inputs = model._inputs(requests(dataset, count=3))
        a, b = (model._loaded.tokenizer.convert_tokens_to_ids(c) for c in "AB")
        letters = {
            "A": scoring.LetterTokens((a,)),
            "as sequence": scoring.LetterTokens((), (a,)),
            "AB": scoring.LetterTokens((), (a, b)),
        }
        found = scoring.option_log_masses(model._loaded.model, inputs, letters, 0)
        assert torch.allclose(found[:, 0], found[:, 1], atol=1e-5)
        longer = dict(inputs)
        longer["input_ids"] = torch.cat([inputs["input_ids"], torch.full((3, 1), a)], dim=1)
        longer["attention_mask"] = torch.cat([inputs["attention_mask"], torch.ones(3, 1, dtype=torch.long)], dim=1)
        if "mm_token_type_ids" in inputs:
            longer["mm_token_type_ids"] = torch.cat([inputs["mm_token_type_ids"], torch.zeros(3, 1, dtype=torch.long)], dim=1)
        with torch.no_grad():
            second = model._loaded.model(**longer).logits[:, -1].log_softmax(-1)[:, b]
        assert torch.allclose(found[:, 2], found[:, 0] + second, atol=1e-4)


def test_letters_that_a_tokenizer_does_not_know_name_no_option() -> None:
    from medqdeg_desktop.eval.backends import scoring

    class Unknowing:
        def encode(self, text: str, add_special_tokens: bool) -> list[int]:
            return [7] if text.strip() in "AB" else [9, 9]

    spelled = scoring.letter_tokens(Unknowing(), ["A", "B", "C"])
    assert spelled["A"].single == spelled["B"].single == ()
    assert spelled["C"].sequence == (9, 9)


def test_a_run_cut_in_two_gives_the_answers_of_one_run(
    tiny_models: dict[str, Path], dataset: Dataset, study_path: Path, tmp_path: Path
) -> None:
    spec = parse_spec(f"local:{tiny_models['qwen2_5_vl']}")
    whole, halves = (
        EvaluateOptions(trials=3, max_tokens=5, batch_size=5),
        EvaluateOptions(trials=3, max_tokens=5, batch_size=3, limit=2),
    )
    first = evaluate(dataset.folder, study_path, spec, whole, Progress("evaluate"))
    other = tmp_path / "other.medq"
    Study.create(other, name="other").close()
    evaluate(dataset.folder, other, spec, halves, Progress("evaluate"))
    second = evaluate(dataset.folder, other, spec, whole, Progress("evaluate"))
    assert second.reused == 18
    with Study.open(study_path) as a, Study.open(other) as b:
        replies = [{(x.file_name, x.trial): x.raw for x in s.answers(o.run.run_id)} for s, o in ((a, first), (b, second))]
    assert replies[0] == replies[1]
    assert len(replies[0]) == 36
    assert first.run.random_weights
    assert first.run.label == "tiny-qwen2_5_vl"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_images_are_counted_in_the_processors_own_tokens(
    architecture: str, tiny_models: dict[str, Path], dataset: Dataset
) -> None:
    model = backend(tiny_models[architecture], Decoding("option"))
    wanted = requests(dataset)
    seen = dict.fromkeys(r.question.images[0].width * r.question.images[0].height for r in wanted)
    assert len(seen) > 2
    marks = {model._loaded.tokenizer.convert_tokens_to_ids(mark) for mark in ("<image>", "<|image_pad|>")}
    for request in wanted:
        image = request.question.images[0]
        ids = model._inputs([request])["input_ids"][0].tolist()
        assert model._image_tokens((image.height, image.width)) == sum(token in marks for token in ids)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_limits_on_images_of_the_processor_are_on_record_and_others_make_another_run(
    architecture: str, tiny_models: dict[str, Path], tmp_path: Path, dataset: Dataset
) -> None:
    def settings(folder: Path) -> tuple[dict[str, Any], str]:
        facts = backend(folder, Decoding("option")).facts
        spec = parse_spec(f"local:{folder}")
        run = run_of(spec, EvaluateOptions(mode="option"), dataset.sha256, str(dataset.folder), facts, True)
        return json.loads(json.dumps(run.settings["image_size"])), run.run_id

    bound = copy_of(tiny_models[architecture], tmp_path / tiny_models[architecture].name)
    for name in ("preprocessor_config.json", "processor_config.json"):
        if (bound / name).exists():
            path, stored = bound / name, json.loads((bound / name).read_text())
            break
    limits = stored.get("image_processor", stored)
    recorded, first = settings(bound)
    stated = {edge: length for edge, length in limits["size"].items() if length is not None}
    assert recorded["size"] == stated and stated
    name = max(stated, key=stated.__getitem__)
    for key in ("max_pixels", "min_pixels"):
        limits.pop(key, None)
    limits["size"] = stated | {name: stated[name] * 2}
    path.write_text(json.dumps(stored))
    recorded, second = settings(bound)
    assert recorded["size"][name] == stated[name] * 2
    assert second != first


def test_another_precision_and_quantised_weights_are_other_models(
    tiny_models: dict[str, Path], dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = parse_spec(f"local:{tiny_models['llava']}")

    def named(model: Any, precision: str) -> tuple[str, str]:
        options = EvaluateOptions(mode="option", precision=precision)
        run = run_of(spec, options, dataset.sha256, str(dataset.folder), model.facts, True)
        return run.label, run.run_id

    full = backend(tiny_models["llava"], Decoding("option"))
    half = backend(tiny_models["llava"], Decoding("option"), precision="bfloat16")
    found = [named(full, "auto"), named(half, "bfloat16")]
    # A graphics card takes the precision of the folder where none is asked for: the same mark, whoever chose it.
    assert named(half, "auto") == found[1]
    monkeypatch.setattr(full._loaded.model, "is_quantized", True, raising=False)
    found.append(named(full, "auto"))
    assert [label for label, _ in found] == ["tiny-llava", "tiny-llava (bfloat16)", "tiny-llava (quantised)"]
    assert len({run_id for _, run_id in found}) == 3


_WATCHED = """
import os, sys
os.environ.pop("HF_HUB_OFFLINE", None)
os.environ.pop("TRANSFORMERS_OFFLINE", None)
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name in ("torch", "transformers", "huggingface_hub"):
            print(name, os.environ.get("HF_HUB_OFFLINE"), os.environ.get("TRANSFORMERS_OFFLINE"))
            raise ImportError("watched")
sys.meta_path.insert(0, Watch())
from pathlib import Path
from medqdeg_desktop.eval.backends import loading, local
try:
    loading.load(Path(sys.argv[1]), precision="auto", trust_remote_code=False)
except loading.FatalError as error:
    print("extra 'local'" in str(error))
"""


def test_the_libraries_are_told_to_stay_offline_before_they_are_imported(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    done = subprocess.run([sys.executable, "-c", _WATCHED, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["torch 1 1", "True"]


def test_sorting_by_length_saves_padding_and_changes_no_answer(
    tiny_models: dict[str, Path], tmp_path: Path, study_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medqdeg_desktop.eval import runner
    from medqdeg_desktop.eval.backends.local import LocalBackend

    dataset = make_dataset(tmp_path / "set", items=8)
    spec, options = parse_spec(f"local:{tiny_models['qwen2_5_vl']}"), EvaluateOptions(trials=2, max_tokens=3, batch_size=4)
    padded: list[int] = []
    prepared = LocalBackend._inputs

    def counted(self: LocalBackend, chunk: Any) -> Any:
        inputs = prepared(self, chunk)
        padded.append(int((inputs["attention_mask"] == 0).sum()))
        return inputs

    monkeypatch.setattr(LocalBackend, "_inputs", counted)
    found, padding = [], []
    for name in ("sorted", "as they come"):
        study = tmp_path / f"{name}.medq"
        Study.create(study, name=name).close()
        padded.clear()
        outcome = evaluate(dataset.folder, study, spec, options, Progress("evaluate"))
        padding.append(sum(padded))
        with Study.open(study, read_only=True) as opened:
            answers = list(opened.answers(outcome.run.run_id))
        found.append({(a.file_name, a.trial): (a.raw, a.detail["prompt_tokens"]) for a in answers})
        monkeypatch.setattr(runner, "by_length", lambda missing, length: missing)
    assert found[0] == found[1]
    assert len(found[0]) == 48
    assert padding[0] < padding[1] / 2


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_question_with_two_images_is_asked_once(
    architecture: str, tiny_models: dict[str, Path], tmp_path: Path, study_path: Path
) -> None:
    dataset = make_dataset(tmp_path / "two", items=2, images=2)
    spec = parse_spec(f"local:{tiny_models[architecture]}")
    outcome = evaluate(dataset.folder, study_path, spec, EvaluateOptions(mode="option"), Progress("evaluate"))
    assert (outcome.answered, outcome.total) == (6, 6)


def test_a_text_only_run_works_without_pictures(tiny_models: dict[str, Path], dataset: Dataset, study_path: Path) -> None:
    spec = parse_spec(f"local:{tiny_models['llava']}")
    outcome = evaluate(dataset.folder, study_path, spec, EvaluateOptions(mode="option", text_only=True), Progress("evaluate"))
    with Study.open(study_path) as study:
        by_item: dict[str, set[float]] = {}
        items = {q.key: q.item_id for q in questions(dataset)}
        for answer in study.answers(outcome.run.run_id):
            assert answer.probabilities is not None
            by_item.setdefault(items[answer.file_name], set()).add(round(answer.probabilities["A"], 5))
    assert all(len(values) == 1 for values in by_item.values()), "without the picture all levels are one question"


def test_verbal_mode_asks_a_local_model_for_its_confidence_and_invents_none(
    tiny_models: dict[str, Path], dataset: Dataset, study_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medqdeg_desktop.eval.backends.local import LocalBackend

    heard: list[str] = []
    prepared = LocalBackend._inputs

    def spied(self: LocalBackend, chunk: Any) -> Any:
        heard.extend(request.prompt for request in chunk)
        return prepared(self, chunk)

    monkeypatch.setattr(LocalBackend, "_inputs", spied)
    spec = parse_spec(f"local:{tiny_models['qwen2_5_vl']}")
    options = EvaluateOptions(mode="verbal", max_tokens=4)
    outcome = evaluate(dataset.folder, study_path, spec, options, Progress("evaluate"))
    assert (outcome.answered, outcome.run.mode) == (12, "verbal")
    assert heard and all("Confidence: <0-100" in prompt for prompt in heard)
    with Study.open(study_path) as study:
        kept = list(study.answers(outcome.run.run_id))
    # Random weights state nothing that can be read: the reply stands as it came, and no number is made up for it.
    assert len(kept) == 12
    assert all(answer.raw and answer.confidence is None for answer in kept)


def test_a_batch_that_does_not_fit_is_halved_and_grows_back(
    tiny_models: dict[str, Path], dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from medqdeg_desktop.eval.backends import local, scoring

    monkeypatch.setattr(local, "_CLEAN_BATCHES", 3)
    model = backend(tiny_models["llava"], Decoding("option"), batch_size=8)
    wanted = requests(dataset)
    expected = ask(model, wanted)
    real, sizes = scoring.option_log_masses, []

    def scarce(bare: Any, inputs: Any, letters: Any, pad: Any) -> Any:
        sizes.append(inputs["input_ids"].shape[0])
        if sizes[-1] > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(bare, inputs, letters, pad)

    monkeypatch.setattr(scoring, "option_log_masses", scarce)
    replies = asyncio.run(model.answer(wanted))
    assert sizes[:4] == [8, 4, 2, 2]
    assert 4 in sizes[4:], "after three that fitted a larger one is tried"
    for (a,), (b,) in zip(replies, expected, strict=True):
        assert a.probabilities == pytest.approx(b.probabilities, abs=1e-5)


def test_a_question_that_never_fits_is_given_up_and_the_others_stand(
    tiny_models: dict[str, Path], dataset: Dataset, study_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medqdeg_desktop.eval.backends import scoring

    real = scoring.option_log_masses
    longest: list[int] = []

    def scarce(bare: Any, inputs: Any, letters: Any, pad: Any) -> Any:
        length = int(inputs["attention_mask"].sum(dim=1).max())
        longest.append(length)
        if length > 200:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return real(bare, inputs, letters, pad)

    monkeypatch.setattr(scoring, "option_log_masses", scarce)
    spec = parse_spec(f"local:{tiny_models['llava']}")
    outcome = evaluate(dataset.folder, study_path, spec, EvaluateOptions(mode="option"), Progress("evaluate"))
    assert max(longest) > 200 > min(longest)
    assert outcome.failed > 0
    assert outcome.answered + outcome.failed == 12


def test_batches_that_change_answers_are_warned_of(
    tiny_models: dict[str, Path], dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = backend(tiny_models["llava"], Decoding("option"), batch_size=8)
    real = model._inputs

    def right_padded(chunk: Sequence[Request]) -> Any:
        model._loaded.tokenizer.padding_side = "right"
        return real(chunk)

    monkeypatch.setattr(model, "_inputs", right_padded)
    assert any("batches change answers" in warning for warning in asyncio.run(model.prepare(requests(dataset))))


def copy_of(folder: Path, to: Path) -> Path:
    shutil.copytree(folder, to)
    return to


def test_what_a_folder_lacks_is_said_in_one_line(
    tiny_models: dict[str, Path], tmp_path: Path, dataset: Dataset, study_path: Path
) -> None:
    def refused(folder: Path) -> str:
        with pytest.raises(MedqdegError) as caught:
            evaluate(dataset.folder, study_path, parse_spec(f"local:{folder}"), EvaluateOptions(trials=3), Progress("evaluate"))
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "no such folder" in refused(tmp_path / "nowhere")
    assert "config.json is missing" in refused(tmp_path)
    untold = copy_of(tiny_models["llava"], tmp_path / "untold")
    (untold / "chat_template.jinja").unlink()
    assert "no chat template" in refused(untold)
    text = copy_of(tiny_models["llava"], tmp_path / "broken")
    (text / "model.safetensors").unlink()
    assert "transformers cannot open it" in refused(text)
    foreign = copy_of(tiny_models["llava"], tmp_path / "foreign")
    config = json.loads((foreign / "config.json").read_text())
    (foreign / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModel": "modeling.Evil"}}))
    assert "--trust-remote-code" in refused(foreign)


def test_without_the_extra_a_local_model_names_it(
    tiny_models: dict[str, Path], dataset: Dataset, study_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    spec = parse_spec(f"local:{tiny_models['llava']}")
    with pytest.raises(MedqdegError, match=r"extra 'local': pip install 'medqdeg-desktop\[local\]'"):
        evaluate(dataset.folder, study_path, spec, EvaluateOptions(trials=3), Progress("evaluate"))


def test_other_weights_are_another_run(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    from medqdeg_desktop.eval.backends.loading import folder_fingerprint
    from medqdeg_desktop.eval.tiny_model import build_tiny_model

    other = build_tiny_model(tmp_path / "tiny-llava", "llava", seed=1)
    again = build_tiny_model(tmp_path / "again", "llava", seed=1)
    assert folder_fingerprint(other) != folder_fingerprint(tiny_models["llava"])
    assert (other / "model.safetensors").read_bytes() == (again / "model.safetensors").read_bytes()
