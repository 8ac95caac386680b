"""Colours, steps and type sizes of the window: the one place where they are written down.

Qt-free, so that tests can measure contrast and the figures can share the level colours.
"""

from __future__ import annotations

from typing import Final

from medqdeg_desktop.taxonomy import Category, Level

VIEWER: Final = "#000000"
WINDOW: Final = "#0c0d0f"
PANEL: Final = "#15171a"
RAISED: Final = "#1e2126"
LINE: Final = "#2a2e34"
EDGE: Final = "#59616b"  #: outline of controls: 3:1 against PANEL, as WCAG asks of what shows where a control is
TEXT: Final = "#d5d9de"
MUTED: Final = "#98a0aa"
ACCENT: Final = "#7aa7e0"
WARN: Final = "#d9a441"
ERROR: Final = "#d96b6b"
MARKED: Final = "#4a3c18"  #: ground of words that differ between two texts

LEVEL_COLOUR: Final[dict[Level, str]] = {Level.L0: "#22c55e", Level.L1: "#f59e0b", Level.L2: "#ef4444"}
LEVEL_SHAPE: Final[dict[Level, str]] = {Level.L0: "circle", Level.L1: "triangle", Level.L2: "square"}

#: In charts only; never beside an image.
CATEGORY_COLOUR: Final[dict[Category, str]] = {
    Category.ARTIFACTS: "#ec4899",
    Category.MOTION: "#10b981",
    Category.INTENSITY: "#f59e0b",
    Category.NOISE: "#8b5cf6",
    Category.RESOLUTION: "#6366f1",
}

STEPS: Final = (4, 8, 12, 16, 24)
SMALL: Final = 12
BODY: Final = 13
TITLE: Final = 16
HEADLINE: Final = 20
TARGET: Final = 28  #: smallest side of anything that is clicked


def luminance(colour: str) -> float:
    """Relative luminance of ``"#rrggbb"`` (WCAG 2.2)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)
