"""The published vocabulary in the language of the window: degradations and categories, their parameters, anchors, reasons.

Files, reports, charts and the command line keep the published English names, by which sites compare; these words are for the eyes
of a reader alone, and nothing that is stored is made of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from PySide6.QtCore import QCoreApplication

from medqdeg_desktop.taxonomy import DEGRADATION_BY_NAME, DEGRADATION_TYPES, LEVEL_ANCHORS, Category, Modality

#: Under which these words are translated.
CONTEXT: Final = "Degradation"


def in_words(text: str) -> str:
    """A published word (category, anchor, parameter, its help and unit, reason) in the language of the window."""
    return QCoreApplication.translate(CONTEXT, text) if text else ""


def type_words(name: str) -> str:
    """What the degradation ``name`` (canonical or alias) is called; ``name`` itself where it is none."""
    known = DEGRADATION_BY_NAME.get(name)
    return in_words(known.label) if known is not None else name


def texts() -> Iterator[str]:
    """Every word once, for whoever translates them."""
    from medqdeg_desktop.engine.degradation import registry
    from medqdeg_desktop.ui.calibrate.decisions import REJECTIONS

    words = [kind.label for kind in DEGRADATION_TYPES]
    words += [*Category, *LEVEL_ANCHORS.values(), *REJECTIONS]
    for degradation in registry().values():
        for modality in (None, *Modality):
            for parameter in degradation.parameters(modality):
                words += [parameter.label, parameter.unit, parameter.help]
    yield from dict.fromkeys(str(word) for word in words if word)
