"""Every degradation says in words what it is, and only names parameters that it has."""

from __future__ import annotations

import re

import pytest

from medqdeg_desktop.engine.degradation import Degradation, registry
from medqdeg_desktop.engine.description import described
from medqdeg_desktop.taxonomy import Modality


@pytest.mark.parametrize("name", sorted(registry()))
def test_cause_model_and_source_are_told(name: str) -> None:
    text = described(registry()[name])
    for part in (text.clinic, text.model, text.source):
        assert len(part.split()) > 5
        assert part.endswith(".")
    assert text.summary.endswith(".")
    known = {p.name for modality in Modality for p in registry()[name].parameters(modality)}
    assert set(re.findall(r"`(\w+)`", text.model)) <= known


def test_a_docstring_without_its_parts_is_refused() -> None:
    class Bare(type(registry()["bubble"])):  # type: ignore[misc]
        """Nothing but a summary."""

        name = "bare"

    with pytest.raises(ValueError, match="docstring of bare needs"):
        described(Bare())


def test_the_summary_is_no_paragraph() -> None:
    degradations: list[Degradation] = list(registry().values())
    assert all(len(described(d).summary) < 110 for d in degradations)
