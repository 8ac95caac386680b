"""The map of image features: simulated and real images by shape, modalities by colour, types by their numbered centres."""

from __future__ import annotations

from typing import Final

import numpy as np

from medqdeg_desktop.chart.figure import SMALL_SIZE, Axis, Figure, LegendEntry, Mark, Panel, Text, footer, header
from medqdeg_desktop.eval.features import FeatureMap
from medqdeg_desktop.eval.row_chart import MARGIN, DataRow
from medqdeg_desktop.eval.wording import decimals, probability

#: Colours that people with any colour vision tell apart (Okabe and Ito 2008), legible on light and on dark.
_COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6d3b", "#7f7f7f", "#a6a600")
_SIDE: Final = 620.0


def feature_chart(found: FeatureMap, *, width: float = 880.0) -> Figure:
    """Triangles are simulated, circles real; the words say how much they mix, because the eye alone cannot."""
    modalities = list(dict.fromkeys(image.modality for image in found.images))
    colours = {name: _COLOURS[i % len(_COLOURS)] for i, name in enumerate(modalities)}
    real = sum(image.real for image in found.images)
    mixing = found.mixing
    title = "Simulated and real images as the model sees them"
    subtitle = (
        f"t-SNE of the features of {found.encoder}; {len(found.images) - real:,} simulated and {real:,} real images. Of "
        f"{mixing.neighbours} neighbours {decimals(mixing.ratio, 2)} times as many are of the other kind as if kinds were "
        f"shuffled within modalities (1: mixed, 0: apart; p {probability(mixing.p_value)})."
    )
    legend = [LegendEntry("simulated", "triangle", "muted"), LegendEntry("real", "circle", "muted")]
    legend += [LegendEntry(name or "no modality named", "square", colours[name]) for name in modalities]
    words, marks, y = header(title, subtitle, legend, width)
    x, up = found.places.T
    pad = 0.04 * max(np.ptp(x), np.ptp(up), 1e-9)
    points = [
        Mark(
            float(a),
            float(b),
            "circle" if image.real else "triangle",
            colours[image.modality],
            "",
            f"{'real' if image.real else 'simulated'}, {image.modality}, {image.type or 'no type named'}, {image.level}",
            size=6.5,
        )
        for image, a, b in zip(found.images, x, up, strict=True)
    ]
    types = sorted({image.type for image in found.images if image.type})
    centres = [
        Text(
            float(np.mean([a for image, a in zip(found.images, x, strict=True) if image.type == name])),
            float(np.mean([b for image, b in zip(found.images, up, strict=True) if image.type == name])),
            str(i),
            SMALL_SIZE + 2,
            "text",
            "middle",
            bold=True,
            dy=4,
        )
        for i, name in enumerate(types, 1)
    ]
    panel = Panel(
        MARGIN,
        y + 24,
        width - 2 * MARGIN,
        _SIDE,
        Axis(float(x.min() - pad), float(x.max() + pad), grid=False, line=False),
        Axis(float(up.min() - pad), float(up.max() + pad), grid=False, line=False),
        marks=tuple(points),
        annotations=tuple(centres),
    )
    remarks = ["Directions and distances between clusters mean little; who is beside whom does."]
    if types:
        numbered = ", ".join(f"{i} {name}" for i, name in enumerate(types, 1))
        remarks.insert(0, f"Numbers: the centre of each type of degradation: {numbered}.")
    below, total = footer(remarks, y + 24 + _SIDE + 10, width)
    data: tuple[DataRow, ...] = tuple(
        {
            "images": "real" if image.real else "simulated",
            "modality": image.modality,
            "type": image.type,
            "level": image.level,
            "x": float(a),
            "y": float(b),
        }
        for image, a, b in zip(found.images, x, up, strict=True)
    )
    return Figure("real_feature_map", title, subtitle, width, total, (panel,), tuple(words + below), tuple(marks), data)
