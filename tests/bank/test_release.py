"""``--release``: accepted items, confirmed clean pictures and published levels, or a refusal that says which is missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from bank_samples import here

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.bank.generate import generate
from medqdeg_desktop.bank.plan import Asked
from medqdeg_desktop.engine.reading import read_image
from medqdeg_desktop.study.records import CleanDecision, ImageRecord
from medqdeg_desktop.study.store import Study

RELEASE = Asked(seed=1, release=True)


def decide(study: Study, item_id: str, verdict: str = "diagnostic", reader: str = "reader_a") -> None:
    item = study.item(item_id)
    assert item is not None
    image = read_image(item.images[0], modality=item.modality)
    study.ensure_reader(reader)
    study.record_image(ImageRecord(image.source_sha256, item.modality, item_id, item.images[0]))
    reason = "too dark" if verdict == "rejected" else ""
    study.decide_clean(CleanDecision(reader, image.source_sha256, 0, None, verdict, reason))  # type: ignore[arg-type]


def test_a_release_needs_accepted_items_and_confirmed_pictures(bank_of: Callable[..., Study], tmp_path: Path) -> None:
    study = bank_of(3)
    out = tmp_path / "set"
    with pytest.raises(BankError, match="accepted items only; q000 is imported"):
        generate(study, out, RELEASE, workers=1, make_executor=here)
    study.judge_items(["q000", "q001", "q002"], "accepted", "curator")
    decide(study, "q000")
    decide(study, "q001")
    with pytest.raises(BankError, match="1 items have an image without an L0 decision, the first is q002"):
        generate(study, out, RELEASE, workers=1, make_executor=here)
    decide(study, "q002")
    decide(study, "q001", "rejected", "reader_b")
    with pytest.raises(BankError, match="the first is q001"):
        generate(study, out, RELEASE, workers=1, make_executor=here)
    decide(study, "q001", "diagnostic", "reader_b")
    generate(study, out, RELEASE, workers=1, make_executor=here)
    lines = list(Dataset.open(out).rows())
    # Only types whose levels the study has published: no line may rest on the default profile.
    assert {line["profile_status"] for line in lines} == {"", "published"}
    assert Dataset.open(out).manifest["release"] is True
    assert Dataset.open(out).manifest["notes"] == []
