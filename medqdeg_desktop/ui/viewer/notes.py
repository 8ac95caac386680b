"""What has to be said of a picture not seen as usual: flipped, turned, from the other side, or from nobody knows where."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject

from medqdeg_desktop.engine.image import MedicalImage
from medqdeg_desktop.taxonomy import Modality
from medqdeg_desktop.ui.viewer.convention import Convention, across
from medqdeg_desktop.ui.viewer.overlay import Overlay
from medqdeg_desktop.ui.viewer.turn import FLIP_DOWN, UPRIGHT, Turn


class ViewNotes(QObject):
    """Writes its notes into the overlays of the panes."""

    def write(
        self, image: MedicalImage | None, convention: Convention, turn: Turn, overlays: Sequence[Overlay], *, blind: bool = False
    ) -> None:
        """``turn`` is the reader's own, on top of what the ``convention`` does to ``image``.

        blind   nothing is said of how the file has stored the picture: it may have been mirrored for a second reading.
        """
        sides = "" if image is None or blind else self.of_convention(image, convention, turn)
        notes = () if image is None else (sides, *self.of_turn(turn))
        why = "" if image is None else self.why_unknown(image)
        for overlay in overlays:
            overlay.notes = tuple(note for note in notes if note)
            overlay.unknown, overlay.unknown_why = (self.tr("orientation\nunknown") if why else ""), why

    def of_convention(self, image: MedicalImage, convention: Convention, turn: Turn) -> str:
        """On which side the patient's left (in a sagittal cut the nose) is, where that is not the usual side.

        Once the reader has turned the picture, no side is named any more: the letters alone say it.
        """
        sides = across(image)
        if sides in (("R", "L"), ("L", "R")):
            if convention.neurological:
                return self.tr("Neurological: left on the left") if turn == UPRIGHT else self.tr("Neurological convention")
            return self.tr("Stored with left on the left") if sides == ("L", "R") and turn == UPRIGHT else ""
        if sides in (("A", "P"), ("P", "A")):
            if convention.nose_right:
                return self.tr("Sagittal: nose to the right") if turn == UPRIGHT else self.tr("Nose-right convention")
            return self.tr("Stored with the nose to the right") if sides == ("P", "A") and turn == UPRIGHT else ""
        return ""

    def of_turn(self, turn: Turn) -> tuple[str, ...]:
        """How the reader has flipped and then turned the picture, a line each."""
        if turn == FLIP_DOWN:
            return (self.tr("Flipped top to bottom"),)
        flipped = self.tr("Flipped left to right") if turn.flipped else ""
        turned = ("", self.tr("Turned right by 90°"), self.tr("Turned by 180°"), self.tr("Turned left by 90°"))[turn.quarters]
        return flipped, turned

    def why_unknown(self, image: MedicalImage) -> str:
        """Why there are no letters of orientation; "" where there are some, or where tissue on glass has none to have."""
        if image.orientation is not None or image.modality is Modality.HISTOPATHOLOGY:
            return ""
        form = image.provenance.get("format", "")
        if form.startswith("NIfTI"):
            return self.tr(
                "Orientation unknown: the file has neither a valid sform nor a valid qform.\n"
                "Which side is the patient's left cannot be told; axial, coronal and sagittal are assumed."
            )
        if form == "DICOM":
            return self.tr(
                "Orientation unknown: the file has no valid Image Orientation (Patient) and no Patient Orientation.\n"
                "Which side is the patient's left cannot be told."
            )
        return self.tr("Orientation unknown: {0} holds no orientation.\nWhich side is the patient's left cannot be told.").format(
            form or self.tr("the picture")
        )
