"""From which side a cut of the body is seen: the patient's right on the screen's left, as radiologists read, or the other way.

Qt-free. Told by the letters of the frame alone: a cut has two axes of the body in it, and the one that lies across the screen
decides. Radiological, the default, turns nothing: cuts are laid out so when they are read, and a file's own slices lie as the
file has them. Projections (radiographs) have letters but are no cuts; pictures without letters are left alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from medqdeg_desktop.engine.image import MedicalImage
from medqdeg_desktop.taxonomy import Modality
from medqdeg_desktop.ui.viewer.turn import FLIP_ACROSS, UPRIGHT, Turn


def across(image: MedicalImage) -> tuple[str, str] | None:
    """What lies at the left and the right edge of a cut, by main direction: right and left of an axial or coronal one, front and
    back of a sagittal one; None of any other picture, and where another axis of the body lies across the screen."""
    if image.orientation is None or image.modality is Modality.XRAY:
        return None
    left, right, top, bottom = (letters[0] for letters in image.orientation)
    is_side, is_front = {left, right} == {"R", "L"}, {left, right} == {"A", "P"}
    upright = {top, bottom} == {"H", "F"}
    return (left, right) if (is_side and {top, bottom} != {"R", "L"}) or (is_front and upright) else None


@dataclass(frozen=True, slots=True)
class Convention:
    """``neurological``: the patient's left on the left, axial and coronal. ``nose_right``: anterior on the right, sagittal."""

    neurological: bool = False
    nose_right: bool = False

    def turn(self, image: MedicalImage) -> Turn:
        """What is done to ``image`` before the reader turns it."""
        sides = across(image)
        asked = (self.neurological and sides == ("R", "L")) or (self.nose_right and sides == ("A", "P"))
        return FLIP_ACROSS if asked else UPRIGHT

    @property
    def name(self) -> str:
        """As it is kept with a decision."""
        return "neurological" if self.neurological else "radiological"

    @property
    def nose(self) -> str:
        return "right" if self.nose_right else "left"


RADIOLOGICAL = Convention()
