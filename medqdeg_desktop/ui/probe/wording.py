"""What the probe's tips say of a question, and of how it is put."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from medqdeg_desktop.ui.probe.questions import ProbeQuestion


def tip(question: ProbeQuestion) -> str:
    """The question, where it comes from, and its options line by line."""
    translate = QCoreApplication.translate
    origin = {
        "sample": translate("ProbeStrip", "Item of the sample study"),
        "fits": translate("ProbeStrip", "Fits any picture of this modality; its right answer may not be known"),
        "typed": translate("ProbeStrip", "Typed"),
    }.get(question.origin, translate("ProbeStrip", "Item {0} of the study").format(question.origin))
    return "\n".join((question.text, origin, *(f"{letter}  {text}" for letter, text in question.options)))


def how_it_is_asked() -> str:
    return QCoreApplication.translate(
        "ProbeStrip",
        "The model gets the picture as generating would write it: read from the file, degraded at full size, "
        "8 bits in the file's own window (or the item's), as PNG. Window, zoom and turns of the screen do not reach it.\n"
        "Confidence is C of ten trials, from the option probabilities. Nothing of this is kept.",
    )
