"""Pictures of the item in front and of the next ones, made on a thread of their own before they are asked for. Qt-free.

Each picture is what ``generate`` would make of the item: same source, same seed, same levels, exact form at full size. They stay
native values here, so that window and zoom are shared over the grid. The newest list of wanted items counts: what is no
longer wanted is not begun, and items stay in memory as long as there is room.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from medqdeg_desktop.bank.levels import DEGRADED, LevelTable
from medqdeg_desktop.bank.review_queue import Entry
from medqdeg_desktop.bank.views import View, read, views
from medqdeg_desktop.engine.degradation import Prepared
from medqdeg_desktop.engine.image import MedicalImage, Window
from medqdeg_desktop.engine.seeding import realisation_seed
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.study.records import Item, ItemNote
from medqdeg_desktop.study.reviews import CLEAN
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Level
from medqdeg_desktop.ui.viewer.picture import prepare
from medqdeg_desktop.ui.viewer.viewport import Viewport, placement_of

_log = logging.getLogger(__name__)

_ROOM_BYTES = 512 << 20


@dataclass(slots=True)
class ItemPictures:
    """An item with the pictures that are there so far, and its notes as the reader may read them.

    ``clean`` has all pictures of the item in their order, each of ``cells`` the same ones degraded.
    ``names`` gives the pseudonyms of who wrote them; ``problem`` says why there are no pictures.
    """

    item: Item
    version: int
    notes: list[ItemNote]
    names: dict[str, str]
    clean: tuple[MedicalImage, ...] = ()
    cells: dict[tuple[str, Level], tuple[MedicalImage, ...]] = field(default_factory=dict)
    problem: str = ""
    complete: bool = False

    @property
    def size(self) -> int:
        """Bytes of pixels."""
        return sum(image.pixels.nbytes for images in (self.clean, *self.cells.values()) for image in images)


class RenderAhead:
    """``on_change(item_id)`` is called on the rendering thread whenever something of an item has arrived."""

    def __init__(self, study: Path, reader: str, levels: LevelTable, seed: int, on_change: Callable[[str], None]) -> None:
        self._study, self._reader, self._levels, self._seed, self._on_change = study, reader, levels, seed, on_change
        self._kept: OrderedDict[str, ItemPictures] = OrderedDict()
        self._wanted: list[Entry] = []
        self._changed = threading.Condition()
        self._closed = False
        #: Sizes of the panes by (degradations, pictures) of an item, as they were last: what comes next is resampled for them.
        self.pane_sizes: dict[tuple[int, int], frozenset[tuple[int, int]]] = {}
        self._thread = threading.Thread(target=self._work, name="review-render", daemon=True)
        self._thread.start()

    def want(self, entries: Sequence[Entry]) -> None:
        """These items, the most urgent first, in place of those wanted before."""
        with self._changed:
            self._wanted = list(entries)
            self._changed.notify()

    def get(self, item_id: str) -> ItemPictures | None:
        """What is there of an item."""
        with self._changed:
            return self._kept.get(item_id)

    def forget(self, item_id: str) -> None:
        """The item has another wording or notes: it is read again when it is wanted."""
        with self._changed:
            self._kept.pop(item_id, None)

    def close(self) -> None:
        """Ends the thread; a picture under way is waited for."""
        with self._changed:
            self._closed = True
            self._wanted = []
            self._changed.notify()
        self._thread.join(timeout=10)

    def _next(self) -> Entry | None:
        """The most urgent item that is not complete; waits for one, None when closed."""
        with self._changed:
            while not self._closed:
                for entry in self._wanted:
                    held = self._kept.get(entry.item_id)
                    if held is None or not (held.complete or held.problem):
                        return entry
                self._changed.wait()
        return None

    def _still_first(self, entry: Entry) -> bool:
        """Whether nothing more urgent came while the last picture was made."""
        with self._changed:
            if self._closed:
                return False
            for wanted in self._wanted:
                if wanted.item_id == entry.item_id:
                    return True
                held = self._kept.get(wanted.item_id)
                if held is None or not (held.complete or held.problem):
                    return False
            return False

    def _work(self) -> None:
        with contextlib.ExitStack() as stack:
            study: Study | None = None
            while (entry := self._next()) is not None:
                try:
                    study = study or stack.enter_context(Study.open(self._study, read_only=True))
                    self._render(study, entry)
                except Exception as error:
                    if not isinstance(error, MedqdegError):
                        _log.exception("rendering %s", entry.item_id)
                    self._fail(entry, str(error) if isinstance(error, MedqdegError) else f"{type(error).__name__}: {error}")
                self._on_change(entry.item_id)

    def _fail(self, entry: Entry, text: str) -> None:
        with self._changed:
            held = self._kept.get(entry.item_id)
            if held is not None:
                held.problem = text
            else:
                # Nothing is known of it: it leaves the list, or it would be tried for ever.
                self._wanted = [one for one in self._wanted if one.item_id != entry.item_id]

    def _render(self, study: Study, entry: Entry) -> None:
        held = self.get(entry.item_id)
        if held is None:
            item = study.item(entry.item_id)
            if item is None:
                raise MedqdegError(f"{entry.item_id} is not in the study any more")
            held = ItemPictures(
                item,
                study.item_version(entry.item_id),
                study.notes_for(entry.item_id, self._reader),
                {known.reader_id: known.pseudonym for known in study.readers()},
            )
            self._keep(entry.item_id, held)
        item = held.item
        if not held.clean:
            held.clean = tuple(framed(read(view), view) for view in views(item))
            self._on_change(entry.item_id)
        for name in entry.types:
            if name == CLEAN:
                continue
            if all((name, level) in held.cells for level in DEGRADED):
                continue
            if not self._still_first(entry):
                return
            realisation = realisation_seed(self._seed, item.item_id, name)
            prepared = [(image, Prepared(name, image, realisation)) for image in held.clean]
            for level in DEGRADED:
                use = self._levels.use(name, item.modality, level)
                if use is not None:
                    parameters = use.parameters(realisation)
                    held.cells[name, level] = tuple(image.with_pixels(one.render(parameters)) for image, one in prepared)
            self._on_change(entry.item_id)
        held.complete = True
        for size in self.pane_sizes.get((len(entry.types), len(held.clean)), ()):
            for images in (held.clean, *held.cells.values()):
                for image in images:
                    prepare(image, placement_of(Viewport(), image, size))
        self._make_room()

    def _keep(self, item_id: str, held: ItemPictures) -> None:
        with self._changed:
            self._kept[item_id] = held

    def _make_room(self) -> None:
        """Drops the items that were made longest ago and are not wanted now."""
        with self._changed:
            wanted = {entry.item_id for entry in self._wanted}
            size = sum(held.size for held in self._kept.values())
            for item_id in list(self._kept):
                if size <= _ROOM_BYTES:
                    return
                if item_id not in wanted:
                    size -= self._kept.pop(item_id).size


def framed(image: MedicalImage, view: View) -> MedicalImage:
    """``image`` with the window that was frozen for it in its item, as ``generate`` shows it."""
    if view.window is None or image.is_rgb:
        return image
    return replace(image, window=Window(*view.window), voi_lut=None)
