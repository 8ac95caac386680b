"""A protocol while it is being designed: pictures from open series, types, numbers. Qt-free."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from medqdeg_desktop.calibration.errors import CalibrationError
from medqdeg_desktop.calibration.protocol import CellDesign, Cost, Limits, Order, Protocol, cost, divided
from medqdeg_desktop.study.records import ImageRecord
from medqdeg_desktop.taxonomy import LEVEL_ANCHORS, Modality
from medqdeg_desktop.ui.calibrate.decisions import image_record
from medqdeg_desktop.ui.calibrate.open_series import OpenSeries


@dataclass(slots=True)
class Source:
    """A series and how many of its slices take part, evenly spaced, the ends of a volume left out."""

    opened: OpenSeries
    take: int

    @property
    def places(self) -> list[int]:
        count = self.opened.series.frame_count
        take = min(self.take, count)
        return sorted({min(round((i + 0.5) * count / take), count - 1) for i in range(take)}) if take else []


@dataclass(slots=True)
class Design:
    """Everything chosen so far. ``types`` holds (type, modality) pairs."""

    name: str = ""
    version: str = "1.0.0"
    sources: list[Source] = field(default_factory=list)
    types: set[tuple[str, Modality]] = field(default_factory=set)
    readers: int = 3
    images: int = 4
    held_out: int = 4
    repeats: int = 1
    catch_share: float = 0.1
    repeat_days: float = 7.0
    session_minutes: float = 25.0
    order: Order = "by cell"
    dwell_seconds: float = 2.0
    limits: Limits = field(default_factory=Limits)
    anchors: dict[str, str] = field(default_factory=lambda: {str(k): v for k, v in LEVEL_ANCHORS.items()})

    def modalities(self) -> list[Modality]:
        """What the chosen pictures show."""
        shown = (s.opened.series.modality for s in self.sources if s.take)
        return [m for m in dict.fromkeys(shown) if m is not None]

    def protocol(self, pictures: dict[Modality, list[str]]) -> Protocol:
        """The protocol on ``pictures`` (image ids by modality). Pictures of one series are spread over both uses."""
        cells = []
        for type_name, modality in sorted(self.types):
            ids = pictures.get(modality, [])
            adjusted, rest = divided(_spread(ids, self.images), min(self.images, len(ids)))
            cells.append(CellDesign(type_name, modality, adjusted, rest[: self.held_out]))
        return Protocol(
            name=self.name.strip(),
            version=self.version.strip(),
            cells=tuple(c for c in cells if c.images),
            readers=self.readers,
            repeats=self.repeats,
            catch_share=self.catch_share,
            repeat_days=self.repeat_days,
            session_minutes=self.session_minutes,
            order=self.order,
            dwell_seconds=self.dwell_seconds,
            anchors=dict(self.anchors),
            limits=self.limits,
        )

    def estimate(self) -> tuple[Protocol, Cost]:
        """What it would be like, told before any picture is decoded."""
        pictures: dict[Modality, list[str]] = {}
        for number, source in enumerate(self.sources):
            modality = source.opened.series.modality
            if modality is not None:
                pictures.setdefault(modality, []).extend(f"{number}/{place}" for place in source.places)
        protocol = self.protocol(pictures)
        return protocol, cost(protocol)

    def fix(self) -> tuple[Protocol, list[ImageRecord]]:
        """Decodes the chosen pictures and gives the checked protocol with their records. Slow: run it off the window's thread."""
        pictures: dict[Modality, list[str]] = {}
        records: dict[str, ImageRecord] = {}
        for source in self.sources:
            for place in source.places:
                image = source.opened.series.frame(place)
                if image.modality is None:
                    raise CalibrationError(f"{source.opened.title}: say first what this picture is (in free calibration)")
                if damaged := image.provenance.get("damaged"):
                    where = f"{source.opened.title}, picture {place + 1}"
                    raise CalibrationError(f"{where}: its data are damaged ({damaged}); leave it out")
                record = image_record(source.opened, replace(image, frame=place))
                if record.image_id not in records:
                    records[record.image_id] = record
                    pictures.setdefault(image.modality, []).append(record.image_id)
        protocol = self.protocol(pictures).checked()
        used = {i for c in protocol.cells for i in (*c.images, *c.held_out)}
        return protocol, [r for r in records.values() if r.image_id in used]


def _spread(ids: list[str], adjusted: int) -> list[str]:
    """``ids`` reordered so that the first ``adjusted`` are spread evenly over all of them."""
    if len(ids) <= adjusted or not adjusted:
        return ids
    chosen = [ids[int((i + 0.5) * len(ids) / adjusted)] for i in range(adjusted)]
    return chosen + [i for i in ids if i not in set(chosen)]
