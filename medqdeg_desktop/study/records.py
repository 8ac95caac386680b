"""What a study holds, as plain values: readers, images, decisions, profiles, items, runs and answers.

Times are UTC ISO 8601 text; identifiers are UUIDv7 text (sortable by time, safe to merge between sites); mappings are JSON-able.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from medqdeg_desktop.taxonomy import Level, Modality

ProfileStatus = Literal["default", "draft", "published"]
ReviewStage = Literal["blind", "settled", "gold"]


@dataclass(frozen=True, slots=True)
class Reader:
    """A person under a pseudonym. ``role`` is reader, curator, adjudicator or chair."""

    reader_id: str
    pseudonym: str
    role: str = "reader"


@dataclass(frozen=True, slots=True)
class Event:
    """A row of the audit chain: who did what, when and why. ``reader`` is a ``reader_id``, or "" where the program itself acted.

    ``origin`` is the ``study_id`` of the study in which it happened; ``undoes`` names the event that this one takes back;
    ``hash`` covers all the rest and ``previous_hash``, the hash of the row before.
    """

    seq: int
    event_id: str
    kind: str
    reader: str
    at: str
    reason: str
    image_id: str
    undoes: str
    payload: dict[str, Any]
    origin: str
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """A frame that decisions refer to, without its pixels or any identity: ``image_id`` is the hash of the decoded pixels.

    ``path`` is where this site last opened it (never exported); ``facts`` holds shape, unit, spacing, value_range, decoder,
    transfer syntax and assumptions.
    """

    image_id: str
    modality: Modality | None
    alias: str
    path: str = ""
    frame: int = 0
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CleanDecision:
    """L0: a reader confirms a clean picture (frame and window) as diagnostic, or rejects it with a reason.

    ``reader`` is a ``reader_id``; a pseudonym is accepted when recording. ``event_id`` and ``at`` are given by the study.
    """

    reader: str
    image_id: str
    frame: int
    window: tuple[float, float] | None
    verdict: Literal["diagnostic", "rejected"]
    reason: str = ""
    event_id: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """One decision "this is L1 (or L2) for this type on this modality", with its provenance (design 4).

    ``reader`` is a ``reader_id``; a pseudonym is accepted when recording. ``image_id`` is "" for a severity set without an image.
    ``event_id`` and ``at`` are given by the study. ``seed`` may have 128 bits.
    ``parameters`` are authoritative for drawing; ``severity`` with ``path_version`` for pooling. ``custom`` marks a setting with
    a parameter off the path: usable in drafts, never pooled. ``provenance`` holds stage, start severity, slider events,
    duration, flicker count, display, software versions and the hash of what was shown.
    """

    reader: str
    type: str
    modality: Modality
    level: Level
    severity: float
    path_version: int
    parameters: dict[str, Any]
    custom: bool
    seed: int
    image_id: str
    frame: int
    window: tuple[float, float] | None
    value_range: tuple[float, float]
    render_sha256: str
    provenance: dict[str, Any] = field(default_factory=dict)
    event_id: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True)
class ProfileCell:
    """What one level of one type means on one modality. ``basis`` says where it comes from: a count of readers and decisions,
    or a citation for the default profile."""

    type: str
    modality: Modality
    level: Level
    severity: float
    path_version: int
    parameters: dict[str, Any]
    readers: int = 0
    decisions: int = 0
    basis: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """A severity profile: immutable once published, named by semantic version and content hash."""

    name: str
    version: str
    status: ProfileStatus
    cells: tuple[ProfileCell, ...]
    source: str = ""
    published_by: str = ""
    published_at: str = ""

    @property
    def content_hash(self) -> str:
        """SHA-256 of the canonical JSON of the cells: the same decisions give the same hash at every site."""
        cells = sorted(
            (
                {
                    "type": c.type,
                    "modality": str(c.modality),
                    "level": str(c.level),
                    "severity": c.severity,
                    "path_version": c.path_version,
                    "parameters": c.parameters,
                }
                for c in self.cells
            ),
            key=lambda c: (c["type"], c["modality"], c["level"]),
        )
        text = json.dumps(cells, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def cell(self, type_name: str, modality: Modality, level: Level) -> ProfileCell | None:
        for cell in self.cells:
            if (cell.type, cell.modality, cell.level) == (type_name, modality, level):
                return cell
        return None


@dataclass(frozen=True, slots=True)
class Item:
    """A question with its options and answer about one or several clean images.

    ``images`` are paths as imported, absolute on this site; ``options`` maps letters to texts in order; ``window`` is
    (center, width); ``patient`` is a pseudonymous key where known (clusters for statistics); ``public`` says that a licence
    allows sending the item away. ``question_type`` and ``description`` (a reference text) come with sources that ask about
    image quality; ``draft`` marks a question that is still being written, kept as typed. ``value_range`` is that of the series
    the picture was chosen from, and ``others`` says, for the second and later images, what differs from ``frame``, ``axis``,
    ``window`` and ``value_range`` (``bank.views`` reads both). The study gives ``cleared_by``,
    the pseudonym of the person who cleared this very version, and ``state``: imported, accepted or removed.
    """

    item_id: str
    source: str
    source_id: str
    modality: Modality
    question: str
    options: dict[str, str]
    answer: str
    images: tuple[str, ...]
    capability: str = ""
    task: str = ""
    skill: str = ""
    frame: int | None = None
    axis: str = ""
    window: tuple[float, float] | None = None
    region: dict[str, Any] | None = None
    patient: str = ""
    public: bool = False
    licence: str = ""
    question_type: str = ""
    description: str = ""
    draft: bool = False
    value_range: tuple[float, float] | None = None
    others: tuple[dict[str, Any], ...] = ()
    cleared_by: str = ""
    state: str = "imported"


@dataclass(frozen=True, slots=True)
class ReviewSetup:
    """What is reviewed: the draw of a set with this seed and rule, each item by so many blind decisions.

    ``release`` draws from published levels alone, as ``generate --release`` does; ``rule`` is "uniform" or "published".
    """

    seed: int = 0
    decisions: int = 2
    release: bool = False
    rule: str = "uniform"


@dataclass(frozen=True, slots=True)
class Review:
    """A person's decision on the degradations drawn for an item: ``marks`` maps a type to 0 (keep) or to a removal reason 1 to 5.

    ``stage`` is "blind", "settled" (a third person decides a disagreement) or "gold" (what a blind decision is held against).
    ``reader`` is a ``reader_id``; a pseudonym is accepted when recording. ``version`` is that of the item, 0 its current one.
    ``seconds`` is the time it took. ``event_id`` and ``at`` are given by the study.
    """

    reader: str
    item_id: str
    marks: dict[str, int]
    stage: ReviewStage = "blind"
    version: int = 0
    seed: int = 0
    seconds: float = 0.0
    event_id: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True)
class DoubleDecision:
    """A person's word on questions that look alike: merged into ``kept``, or, where that is "", each of them its own question.

    ``versions`` are those of the questions when it was decided: a changed one must be looked at again. ``sources`` are
    (source, id there) by question, so that a merged one is still told by where it came from. ``judgement`` is the event that
    removed the others; ``why`` is what made them look alike. ``event_id`` and ``at`` are given by the study.
    """

    reader: str
    versions: dict[str, int]
    kept: str = ""
    why: str = ""
    sources: dict[str, tuple[str, str]] = field(default_factory=dict)
    judgement: str = ""
    event_id: str = ""
    at: str = ""

    @property
    def merged(self) -> tuple[str, ...]:
        """The questions that gave way to ``kept``."""
        return tuple(item_id for item_id in self.versions if self.kept and item_id != self.kept)


@dataclass(frozen=True, slots=True)
class ItemNote:
    """A flag or a comment on a version of an item; the newest says whether the item is flagged."""

    reader: str
    item_id: str
    flagged: bool
    comment: str
    version: int = 0
    event_id: str = ""
    at: str = ""


class ItemCounts(NamedTuple):
    """What an import did: ``updated`` items got a new version, which is neither cleared nor judged yet."""

    added: int
    updated: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class Run:
    """One model on one dataset under fixed settings; ``run_id`` is a hash of exactly these: a resumed run is the same run.

    ``settings`` holds everything that can change an answer: prompt hash, trials, temperature, top_p, mode, parser version,
    transport, model revision or folder hash, precision. ``parser`` is the version of the parser whose choices stand in the
    study now: ``settings["parser"]`` until stored replies are parsed again. ``spec`` is how the model was reached last (a folder
    or an address, never a key), for giving the command again; ``frozen_at`` is "" while the run is open. ``notes`` are not
    stored: they tell the run from others of its label (``run_names``) where it was read together with them.
    """

    run_id: str
    model: str
    label: str
    mode: str
    trials: int
    dataset_sha256: str
    dataset_path: str
    settings: dict[str, Any]
    started_at: str = ""
    finished_at: str = ""
    random_weights: bool = False
    parser: str = ""
    spec: str = ""
    frozen_at: str = ""
    notes: tuple[str, ...] = field(default=(), compare=False)

    @property
    def name(self) -> str:
        """The label with what tells the run from others of that label."""
        return f"{self.label} ({', '.join(self.notes)})" if self.notes else self.label


@dataclass(frozen=True, slots=True)
class Answer:
    """One trial of one image of one run. ``file_name`` is the key of the image's line in ``metadata.jsonl``.

    ``choice`` is a letter or "" when nothing could be parsed; ``probabilities`` (exact mode) maps letters to probabilities;
    ``status`` is ok, unparsed, refused or failed; ``detail`` holds latency, token counts, the hash and size of what was sent.
    """

    file_name: str
    trial: int
    raw: str
    choice: str
    status: Literal["ok", "unparsed", "refused", "failed"]
    probabilities: dict[str, float] | None = None
    confidence: float | None = None
    error: str = ""
    detail: dict[str, Any] = field(default_factory=dict)
