"""The pictures and lines of one item, read together off the window's thread."""

from __future__ import annotations

from typing import Any

from medqdeg_desktop.bank.errors import DatasetError
from medqdeg_desktop.engine.errors import UnreadableImageError
from medqdeg_desktop.engine.image import MedicalImage
from medqdeg_desktop.engine.reading import read_image
from medqdeg_desktop.taxonomy import Level
from medqdeg_desktop.ui.explore.catalogue import Catalogue
from medqdeg_desktop.ui.explore.item_page import ItemShown


def read_item(catalogue: Catalogue, number: int, type_name: str) -> ItemShown:
    """The item of picture ``number`` at ``type_name`` (its first type where it has no such).

    A picture that is missing or cannot be read leaves its place empty with the reason. DatasetError where its line is damaged.
    """
    found = catalogue.item(number)
    chosen = type_name if type_name in found.types else next(iter(found.types), "")
    numbers: dict[Level, int] = {} if found.clean is None else {Level.L0: found.clean}
    numbers |= {Level(level): n for level, n in found.types.get(chosen, {}).items() if level in set(Level)}
    lines: dict[Level, dict[str, Any]] = {}
    images: dict[Level, MedicalImage] = {}
    problems: dict[Level, str] = {}
    for level, one in numbers.items():
        lines[level] = catalogue.line(one)
        try:
            # Without its modality: the picture is shown as the model sees it, through no window that is assumed.
            images[level] = read_image(catalogue.path(one))
        except UnreadableImageError as error:
            problems[level] = error.reason
        except (DatasetError, OSError) as error:
            problems[level] = str(error)
    return ItemShown(found, chosen, lines, images, problems)
