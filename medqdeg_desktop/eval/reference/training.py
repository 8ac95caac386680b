"""Training of the reference model in two stages, from nothing, on a processor or one GPU: seeded, resumed from a checkpoint.

The vision tower first (``vision``), then the decoder that reads questions behind it, with the tower held still (``language``):
small batches of questions would undo what the tower has learnt of side, number and size, which come late. The rate is constant
after a warm-up and falls to zero towards the end of a stage; until that fall begins, a stage can be given more steps and goes on
as if it had always had them.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from medqdeg_desktop.eval.reference import architecture, language, vision
from medqdeg_desktop.eval.reference.pictures import ATTRIBUTES, MODALITIES, TRAINING_SEEDS, VALIDATION_SEEDS, Pictures, made
from medqdeg_desktop.eval.reference.slices import learnt_slices
from medqdeg_desktop.taxonomy import Modality

_STAGES: Final = ("vision", "language", "done")
_WARM_UP: Final = 40
#: Share of a stage's steps, the last ones, over which the rate falls to zero.
_FALL: Final = {"vision": 0.4, "language": 0.5}
_REAL_SHARE: Final = 1 / 16
#: How often a picture of a modality is drawn, relative to the others: what is harder to see is shown more often.
_SHOWN: Final = {Modality.CT: 2.0, Modality.MRI: 1.5, Modality.DERMOSCOPY: 0.5, Modality.FUNDUS: 0.5}
_CLIP: Final = 1.0
_SAVE_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is trained. ``pictures`` training pictures; steps and pictures a step of each stage."""

    seed: int = 0
    pictures: int = 32_000
    validation: int = 1_000
    vision_steps: int = 8_000
    vision_batch: int = 64
    language_steps: int = 4_000
    language_batch: int = 16


class Training:
    """The model, its heads and optimisers at one step of one stage; ``run`` goes on until all stages are done."""

    def __init__(self, folder: Path, plan: Plan, *, device: str = "cpu", tell: Callable[[str], None] = print) -> None:
        self.folder, self.plan, self._tell = folder, plan, tell
        self.device = torch.device(device)
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(plan.seed)
        self.processor = architecture.make_processor(architecture.train_tokenizer(language.sentences()))
        self.model = architecture.make_model(self.processor.tokenizer)
        # At these lengths the plain form of attention trains a quarter faster on a processor than the fused one.
        self.model.set_attn_implementation("eager")
        self.heads = vision.Heads()
        self.readouts = language.ReadOuts(language.answer_classes())
        # Made on the processor and moved: the same first weights on any device.
        for module in (self.model, self.heads, self.readouts):
            module.to(self.device)
        self.reader = language.Reader(self.processor.tokenizer)
        self.stage, self.step, self.seconds = "vision", 0, 0.0
        self._optimisers = self._fresh_optimisers()
        self._saved = time.monotonic()
        self._phantoms = 0
        self._weights = np.empty(0)
        if self._checkpoint.is_file():
            self._resume()

    @property
    def _checkpoint(self) -> Path:
        return self.folder / "checkpoint.pt"

    def run(self, *, workers: int = 1, slices: Path | None = None, until: str = "done") -> None:
        """Trains to the end of stage ``until``; pictures that are not in the folder are made first.

        ``slices``: folder of the licensed real volumes; without it the model learns from phantoms alone.
        """
        stored = self.folder / "pictures"
        training = made(stored, TRAINING_SEEDS, self.plan.pictures, workers=workers, tell=self._made)
        self._phantoms = len(training)
        shown = np.array([_SHOWN.get(modality, 1.0) for modality in MODALITIES])[training.attributes["modality"]]
        self._weights = shown / shown.sum()
        if slices is not None:
            training = training + learnt_slices(slices, seed=self.plan.seed)
        check = made(stored, VALIDATION_SEEDS, self.plan.validation, workers=workers, tell=self._made)
        steps = {
            "vision": self.plan.vision_steps,
            "language": self.plan.language_steps,
        }
        while self.stage != "done":
            finished = self.stage
            self._stage(training, check, steps[finished])
            self.stage, self.step = _STAGES[_STAGES.index(finished) + 1], 0
            self._optimisers = self._fresh_optimisers()
            self.save()
            if finished == until:
                break
        if self.stage == "done":
            self.export(self.folder / "medqdeg-reference")
            self._record(len(training) - self._phantoms)

    def export(self, folder: Path) -> None:
        """The model folder as it stands, in bfloat16."""
        architecture.save(folder, copy.deepcopy(self.model).cpu(), self.processor)

    def _record(self, slices: int) -> None:
        """What the model card tells of the training."""
        import transformers

        facts = {
            "plan": asdict(self.plan),
            "slices": slices,
            "seconds": round(self.seconds),
            "parameters": sum(p.numel() for p in self.model.parameters()),
            "weight_bytes": (self.folder / "medqdeg-reference" / "model.safetensors").stat().st_size,
            "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        }
        (self.folder / "training.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")

    def save(self) -> None:
        """Writes the checkpoint; a process killed while writing leaves the one before."""
        state = {
            "plan": asdict(self.plan),
            "stage": self.stage,
            "step": self.step,
            "seconds": self.seconds,
            "model": self.model.state_dict(),
            "heads": self.heads.state_dict(),
            "readouts": self.readouts.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self._optimisers],
        }
        temporary = self._checkpoint.with_suffix(".writing")
        torch.save(state, temporary)
        temporary.replace(self._checkpoint)
        self._saved = time.monotonic()

    def _resume(self) -> None:
        state = torch.load(self._checkpoint, map_location=self.device, weights_only=True)
        self.stage, self.step, self.seconds = state["stage"], state["step"], state["seconds"]
        self.model.load_state_dict(state["model"])
        self.heads.load_state_dict(state["heads"])
        self.readouts.load_state_dict(state["readouts"])
        self._optimisers = self._fresh_optimisers()
        for optimiser, stored in zip(self._optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(stored)

    def _fresh_optimisers(self) -> list[torch.optim.Optimizer]:
        tower = self.model.model.vision_tower
        if self.stage == "vision":
            return vision.optimisers([tower, self.heads])
        tower.requires_grad_(False)
        return vision.optimisers([self.model, self.readouts])

    def _made(self, count: int) -> None:
        self._tell(f"pictures {count}")

    def _stage(self, training: Pictures, check: Pictures, steps: int) -> None:
        loss_of = self._vision_loss if self.stage == "vision" else self._language_loss
        parameters = [p for o in self._optimisers for group in o.param_groups for p in group["params"]]
        rates = [group["lr"] if "full" not in group else group["full"] for o in self._optimisers for group in o.param_groups]
        recent: list[tuple[float, float]] = []
        while self.step < steps:
            began = time.monotonic()
            # A generator of the step's own: a resumed run draws what an undisturbed one would have drawn.
            rng = np.random.default_rng((self.plan.seed, _STAGES.index(self.stage) + 1, self.step))
            for group, rate in zip((g for o in self._optimisers for g in o.param_groups), rates, strict=True):
                group["full"], group["lr"] = rate, rate * _rate(self.step, steps, _FALL[self.stage])
            with torch.autocast(self.device.type, torch.bfloat16):
                loss, right = loss_of(training, rng)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, _CLIP)
            for optimiser in self._optimisers:
                optimiser.step()
                optimiser.zero_grad(set_to_none=True)
            self.step += 1
            self.seconds += time.monotonic() - began
            recent.append((float(loss.detach()), right))
            if self.step % 50 == 0 or self.step == steps:
                mean, share_right = np.mean(recent[-50:], axis=0)
                self._tell(f"{self.stage} {self.step}/{steps} {self.seconds:.0f} s loss {mean:.4f} right {share_right:.3f}")
            if self.stage == "vision" and (self.step % 200 == 0 or self.step == steps):
                accuracy = vision.vision_accuracy(self.model, self.heads, check)
                self._tell(json.dumps({name: round(value, 3) for name, value in accuracy.items()}))
            if time.monotonic() - self._saved > _SAVE_SECONDS:
                self.save()

    def _drawn(self, available: int, count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """Rows of a batch: phantoms, and where there are real slices behind them one row in sixteen of those."""
        rows = rng.choice(self._phantoms, count, replace=False, p=self._weights)
        real = available - self._phantoms
        if real:
            places = rng.random(count) < _REAL_SHARE
            rows[places] = self._phantoms + rng.integers(real, size=int(places.sum()))
        return rows

    def _batch(self, training: Pictures, count: int, rng: np.random.Generator) -> vision.Batch:
        batch = vision.vision_batch(training, self._drawn(len(training), count, rng), rng)
        return {name: tensor.to(self.device) for name, tensor in batch.items()}

    def _vision_loss(self, training: Pictures, rng: np.random.Generator) -> tuple[torch.Tensor, float]:
        batch = self._batch(training, self.plan.vision_batch, rng)
        hidden = vision.tower_hidden(self.model, batch["pixels"])
        return vision.vision_loss(self.heads, hidden, batch), math.nan

    def _language_loss(self, training: Pictures, rng: np.random.Generator) -> tuple[torch.Tensor, float]:
        batch = self._batch(training, self.plan.language_batch, rng)
        facts = [{name: int(batch[name][k]) for name in ATTRIBUTES} for k in range(self.plan.language_batch)]
        packed = language.pack(
            self.reader,
            [self.reader.drawn(fact, rng) for fact in facts],
            self.model.config.image_token_id,
            int(self.processor.tokenizer.pad_token_id),
            self.readouts.index,
        ).to(self.device)
        with torch.no_grad():
            image = vision.tower_hidden(self.model, batch["pixels"])
        hidden = language.decoder_hidden(self.model, image, packed)
        return language.language_loss(self.model, self.readouts, hidden, packed)


def _rate(step: int, steps: int, fall: float) -> float:
    """Share of the full rate: linear warm-up, constant, linear fall to zero over the last ``fall`` of the steps."""
    return min(1.0, (step + 1) / _WARM_UP, max(0.0, (steps - step) / max(1.0, fall * steps)))
