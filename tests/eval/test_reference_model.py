"""The shipped reference model: what it is, what it reaches on its fixed items, and that its training can be resumed."""

from __future__ import annotations

import json
import time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medqdeg_desktop.bank.dataset import Dataset, write_dataset
from medqdeg_desktop.engine import png
from medqdeg_desktop.engine.display import to_display
from medqdeg_desktop.eval.plan import EvaluateOptions
from medqdeg_desktop.eval.questions import questions
from medqdeg_desktop.eval.reference import card, items, pictures
from medqdeg_desktop.eval.reference.controls import CONTROLS, NONE_LOST
from medqdeg_desktop.eval.runner import evaluate
from medqdeg_desktop.eval.spec import parse_spec
from medqdeg_desktop.progress import Progress
from medqdeg_desktop.samples.questions import NOT_LEARNT
from medqdeg_desktop.shipped import shipped
from medqdeg_desktop.study.store import Study

pytest.importorskip("torch", reason="needs the extra 'local'")
pytestmark = pytest.mark.local_model

MODEL = "reference_model/medqdeg-reference"


@pytest.fixture(scope="module")
def lines() -> list[dict[str, Any]]:
    return items.read(shipped(items.ITEMS))


@pytest.fixture(scope="module")
def clean_set(lines: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The first 208 items of the mix, whole pictures at a time, clean, as the dataset that ``generate`` would write."""

    def entries() -> Any:
        seen: dict[str, Any] = {}
        for line in lines[:208]:
            if line["image"] not in seen:
                seed = int(Path(line["image"]).stem)
                seen[line["image"]] = to_display(pictures.draw(seed, size=items.size_of(seed)).image)
            values = {name: line[name] for name in ("question", "options", "answer", "modality", "skill", "task")}
            yield {"item_id": line["id"], "pair_id": line["id"], "level": "L0", **values}, seen[line["image"]]

    return write_dataset(tmp_path_factory.mktemp("reference") / "set", entries())


def answered(dataset: Dataset, study: Path, **options: Any) -> list[tuple[Any, Any]]:
    """(question, answer) of every trial of the shipped model on ``dataset``."""
    if not study.exists():
        Study.create(study, name="reference").close()
    outcome = evaluate(
        dataset.folder, study, parse_spec(f"local:{shipped(MODEL)}"), EvaluateOptions(**options), Progress("evaluate")
    )
    by_key = {question.key: question for question in questions(dataset)}
    with Study.open(study, read_only=True) as opened:
        return [(by_key[a.file_name], a) for a in opened.answers(outcome.run.run_id)]


def test_the_model_reads_clean_pictures_and_is_lost_without_them(clean_set: Dataset, tmp_path: Path) -> None:
    seen = answered(clean_set, tmp_path / "s.medq", mode="option", batch_size=32)
    blind = answered(clean_set, tmp_path / "s.medq", mode="option", batch_size=32, text_only=True)
    assert len(seen) == len(blind) >= 200
    accuracy, text_alone = (np.mean([a.probabilities[q.answer] for q, a in pairs]) for pairs in (seen, blind))
    assert accuracy >= 0.95, "its card says 0.99 over all items; this is a part of them"
    assert accuracy - text_alone >= 0.5
    # Nearly all of the next token's probability lies on the letters: it was trained to answer with one.
    assert np.mean([a.detail["option_mass"] for _, a in seen]) > 0.98


def test_sampled_replies_are_a_letter_and_nothing_else(clean_set: Dataset, tmp_path: Path) -> None:
    replies = answered(clean_set, tmp_path / "s.medq", mode="vote", trials=3, limit=20, max_tokens=8)
    assert len(replies) == 60
    parsed = [a for q, a in replies if a.raw.strip() in q.options and a.choice == a.raw.strip()]
    assert len(parsed) >= 58
    assert all(a.detail["finish"] == "stop" for a in parsed), "it ends its reply by itself"


def test_the_shipped_files_are_small_complete_and_open_as_any_folder() -> None:
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    folder = shipped(MODEL)
    assert (folder / "model.safetensors").stat().st_size < 12e6
    started = time.monotonic()
    model = AutoModelForImageTextToText.from_pretrained(folder, local_files_only=True)
    processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
    assert time.monotonic() - started < 20, "two seconds on a quiet machine; a loaded one gets ten times that"
    assert type(model).__name__ == "LlavaForConditionalGeneration"
    assert model.dtype == torch.bfloat16
    assert [processor.tokenizer(letter)["input_ids"] for letter in "ABCDE"] == [
        [processor.tokenizer.convert_tokens_to_ids(letter)] for letter in "ABCDE"
    ]


def test_the_card_states_licence_data_limits_and_the_figures_on_record() -> None:
    shown = shipped("reference_model/README.md").read_text("utf-8")
    results = json.loads(shipped("reference_model/evaluation.json").read_text("utf-8"))
    assert "Not for diagnosis" in shown and "Apache-2.0" in shown
    for row in results["phantoms"]["levels"]:
        low, high = row["accuracy_ci"]
        assert f"{row['accuracy']:.3f} [{low:.3f}, {high:.3f}]" in shown


def test_the_card_is_the_one_that_its_record_makes_and_owns_up_to_what_did_not_come() -> None:
    folder = shipped("reference_model")
    facts, results = (json.loads((folder / name).read_text("utf-8")) for name in ("training.json", "evaluation.json"))
    shown = (folder / "README.md").read_text("utf-8")
    assert shown == card.text(facts, results)
    for control, row in zip(CONTROLS, results["controls"], strict=True):
        assert control.name == row["name"]
        come = row["fall"] <= NONE_LOST if control.least is None else row["fall"] >= control.least
        line = next(line for line in shown.splitlines() if line.startswith(f"| {control.name} |"))
        assert line.endswith("| yes |" if come else "| **no** |")
    other = {**results, "controls": [{**row, "fall": 0.3} for row in results["controls"]]}
    turned, angle = (
        line for line in card.text(facts, other).splitlines() if line.startswith(("| rotation by", "| limited angle at"))
    )
    assert turned.endswith("| **no** |") and angle.endswith("| yes |"), "it is the record that decides"


def test_the_figures_on_record_belong_to_the_shipped_weights_and_items(lines: list[dict[str, Any]]) -> None:
    from medqdeg_desktop.eval.backends.loading import folder_fingerprint

    results = json.loads(shipped("reference_model/evaluation.json").read_text("utf-8"))["phantoms"]
    assert results["model"] == folder_fingerprint(shipped(MODEL))
    assert results["items"] == len(lines)


def test_the_shipped_weights_are_those_of_the_default_plan() -> None:
    from dataclasses import asdict

    from medqdeg_desktop.eval.reference.training import Plan

    facts = json.loads(shipped("reference_model/training.json").read_text("utf-8"))
    assert facts["plan"] == asdict(Plan())
    assert facts["weight_bytes"] == (shipped(MODEL) / "model.safetensors").stat().st_size


def test_what_the_product_leaves_out_is_what_lies_below_sixty_percent_on_clean_pictures() -> None:
    by = json.loads(shipped("reference_model/evaluation.json").read_text("utf-8"))["phantoms"]["by"]
    weak = {row["name"] for row in by["kind and modality"] if row["accuracy"] < 0.60}
    assert weak == {f"{kind}, {modality}" for kind, modality in NOT_LEARNT}
    shown = shipped("reference_model/README.md").read_text("utf-8")
    assert all(f"| {name} |" in shown for name in weak) and "Size relations" in shown


def test_the_self_check_passes_on_the_shipped_model_and_fails_on_a_disturbed_one(tmp_path: Path) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    from medqdeg_desktop.eval.reference.selfcheck import check

    good = check()
    assert good.passed and good.questions >= 30
    disturbed = tmp_path / "disturbed"
    shutil.copytree(shipped(MODEL), disturbed)
    weights = load_file(disturbed / "model.safetensors")
    name = next(key for key in weights if "language_model.model.layers.0" in key and key.endswith("o_proj.weight"))
    weights[name] *= 1.02
    save_file(weights, disturbed / "model.safetensors", metadata={"format": "pt"})
    assert not check(disturbed).passed


def test_the_mix_on_file_is_the_mix_that_the_code_makes(lines: list[dict[str, Any]]) -> None:
    first = items.phantom_lines()
    assert [next(first) for _ in range(40)] == lines[:40]
    assert len({line["id"] for line in lines}) == len(lines)


def test_training_validation_and_held_out_pictures_come_from_seeds_that_cannot_meet(lines: list[dict[str, Any]]) -> None:
    held_out = {int(Path(line["image"]).stem) for line in lines}
    assert min(held_out) == pictures.HELD_OUT_SEEDS
    assert pictures.TRAINING_SEEDS + 9_000_000 < pictures.VALIDATION_SEEDS < min(held_out) - 9_000_000


def test_a_mirrored_head_has_its_lesion_and_its_larger_ventricle_on_the_other_side() -> None:
    from medqdeg_desktop.eval.reference import vision
    from medqdeg_desktop.samples import mr

    phantom = mr.mr_head(1, size=128, lesion="right", large_ventricle="right")
    known = dict.fromkeys(pictures.ATTRIBUTES, -1) | pictures.attributes_of(phantom)
    centres = np.full((1, 4, 2), np.nan, np.float32)
    centres[0, 0] = phantom.truth["centres"][0]
    one = pictures.Pictures(
        pictures.shown(phantom.image, 1)[None],
        {name: np.array([value], np.int8) for name, value in known.items()},
        centres,
    )
    found = set()
    for seed in range(12):
        batch = vision.vision_batch(one, np.array([0]), np.random.default_rng(seed))
        side, larger = (pictures.SIDES[int(batch[name][0])] for name in ("side", "ventricles"))
        # The patient's right lies on the left of the picture: the first four of eight columns.
        column = int(batch["centres"][0].reshape(8, 8).any(dim=0).int().argmax())
        assert side == larger == ("right" if column < 4 else "left")
        found.add(side)
    assert found == {"right", "left"}


@pytest.mark.parametrize("modality", range(len(pictures.MODALITIES)))
def test_truth_survives_the_table_of_attributes(modality: int) -> None:
    from medqdeg_desktop.engine.seeding import generator
    from medqdeg_desktop.samples.questions import questions_about

    phantom = pictures.draw(pictures.VALIDATION_SEEDS + modality, size=128)
    assert phantom.image.modality is not None
    known = dict.fromkeys(pictures.ATTRIBUTES, -1) | pictures.attributes_of(phantom)
    direct = list(questions_about(phantom.image.modality, phantom.truth, generator(1)))
    assert list(questions_about(*pictures.truth_from(known), generator(1))) == direct


def test_pictures_are_reduced_as_the_models_processor_does_it() -> None:
    from PIL import Image
    from transformers import AutoProcessor

    seed = pictures.VALIDATION_SEEDS + 2
    image = to_display(pictures.draw(seed, size=200).image)
    processor = AutoProcessor.from_pretrained(shipped(MODEL), local_files_only=True)
    theirs = processor.image_processor(Image.fromarray(image).convert("RGB"), return_tensors="np")["pixel_values"][0]
    ours = pictures.reduced(image).transpose(2, 0, 1) / 127.5 - 1
    assert np.abs(theirs - ours).max() < 1e-5
    assert png.decode(png.encode(pictures.reduced(image))).shape == (128, 128, 3)


def test_packed_questions_have_the_logits_of_questions_asked_alone() -> None:
    import torch
    from PIL import Image
    from transformers import AutoModelForImageTextToText, AutoProcessor

    from medqdeg_desktop.eval.prompts import prompt_text
    from medqdeg_desktop.eval.reference import language
    from medqdeg_desktop.eval.reference.vision import tower_hidden

    folder = shipped(MODEL)
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32, local_files_only=True).eval()
    processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
    reader = language.Reader(processor.tokenizer)
    phantom = pictures.draw(pictures.VALIDATION_SEEDS, size=128)
    picture = pictures.shown(phantom.image, 0)
    known = dict.fromkeys(pictures.ATTRIBUTES, -1) | pictures.attributes_of(phantom)
    asked = [reader.drawn(known, np.random.default_rng(k)) for k in range(2)]
    index = {text: k for k, text in enumerate(language.answer_classes())}
    packed = language.pack(reader, asked, model.config.image_token_id, processor.tokenizer.pad_token_id, index)
    pixels = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
    with torch.no_grad():
        image = tower_hidden(model, torch.cat([pixels, pixels]))
        hidden = language.decoder_hidden(model, image, packed)
        rows, columns, targets = packed.reply
        together = model.lm_head(hidden[rows, columns])[::2].log_softmax(-1)
    letters = targets[::2]
    for number, question in enumerate(q for row in asked for q in row):
        prompt = processor.tokenizer.decode(question.ids).split("<|im_end|>")[0]
        chat = [
            {"role": "user", "content": [{"type": "image", "image": Image.fromarray(picture)}, {"type": "text", "text": prompt}]}
        ]
        inputs = processor.apply_chat_template(
            [chat], add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
        )
        with torch.no_grad():
            alone = model(**inputs).logits[0, -1].log_softmax(-1)
        assert float((alone - together[number]).abs().max()) < 1e-4
        assert letters[number] == reader.letters[question.letter]
    assert prompt_text("Q?", {"A": "x"}).startswith("Q?")


def test_an_interrupted_training_goes_on_to_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from medqdeg_desktop.eval.reference import language, training

    # Merges learnt from a few prompts serve as well here, and are learnt at once.
    few = list(islice(language.sentences(), 200))
    monkeypatch.setattr(language, "sentences", lambda: few)
    plan = training.Plan(pictures=24, validation=8, vision_steps=2, vision_batch=4, language_steps=2, language_batch=2)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    stored = tmp_path / "pictures"
    make_pictures(stored)
    for folder in (whole, parts):
        folder.mkdir()
        (folder / "pictures").symlink_to(stored)
    training.Training(whole, plan, tell=lambda _: None).run()

    # A checkpoint after every step, and a power cut in the second step of each stage.
    monkeypatch.setattr(training, "_SAVE_SECONDS", -1.0)
    for stage in ("vision", "language"):
        cut = training.Training(parts, plan, tell=lambda _: None)
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            name = "_vision_loss" if stage == "vision" else "_language_loss"
            patch.setattr(cut, name, interrupted_after_one(getattr(cut, name), cut, stage))
            cut.run()
        assert (cut.stage, cut.step) == (stage, 1)
    training.Training(parts, plan, tell=lambda _: None).run()

    first, second = (training.Training(folder, plan).model.state_dict() for folder in (whole, parts))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert (parts / "medqdeg-reference" / "model.safetensors").is_file()
    assert json.loads((parts / "training.json").read_text("utf-8"))["plan"]["pictures"] == 24


def interrupted_after_one(loss: Any, of: Any, stage: str) -> Any:
    def wrapped(*arguments: Any) -> Any:
        if (of.stage, of.step) == (stage, 1):
            raise KeyboardInterrupt
        return loss(*arguments)

    return wrapped


def make_pictures(folder: Path) -> None:
    """Stored pictures as ``pictures.made`` finds them, random where the content does not matter."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for start in (pictures.TRAINING_SEEDS, pictures.VALIDATION_SEEDS):
        table = {name: np.full(250, -1, np.int8) for name in pictures.ATTRIBUTES}
        for row in range(250):
            known = {"modality": 0, "region": 0, "count": int(rng.integers(4))}
            for name, value in known.items():
                table[name][row] = value
        pixels = rng.integers(0, 256, (250, 128, 128, 3), dtype=np.uint8)
        np.savez(folder / f"pictures-{start}.npz", pixels=pixels, centres=np.full((250, 4, 2), np.nan, np.float32), **table)
