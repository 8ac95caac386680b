"""What a degradation is, in words: its cause in the clinic, its model and where its numbers come from, read from its docstring.

The docstring of every degradation has a summary and three paragraphs that begin with ``Clinic:``, ``Model:`` and ``Source:``; the
manual and the window show those, so that text and code cannot drift apart.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass

from medqdeg_desktop.engine.degradation import Degradation


@dataclass(frozen=True, slots=True)
class Description:
    """Plain text of one paragraph each; names of parameters stand in backquotes."""

    summary: str
    clinic: str
    model: str
    source: str


def described(degradation: Degradation) -> Description:
    """The description of ``degradation``; ValueError where its docstring lacks a part."""
    paragraphs = inspect.cleandoc(type(degradation).__doc__ or "").split("\n\n")
    texts = [" ".join(paragraph.split()).replace("``", "`") for paragraph in paragraphs]
    parts = {
        label: text
        for paragraph in texts
        if (found := re.match(r"(Clinic|Model|Source): (.+)", paragraph))
        for label, text in [found.groups()]
    }
    if not texts[0] or parts.keys() != {"Clinic", "Model", "Source"}:
        raise ValueError(f"the docstring of {degradation.name} needs a summary, Clinic:, Model: and Source:")
    return Description(texts[0], parts["Clinic"], parts["Model"], parts["Source"])
