"""A Figure as one SVG document: no scripts, no outside references, fit for print (light) and for the reading room (dark)."""

from __future__ import annotations

from typing import Final, Literal
from xml.sax.saxutils import escape, quoteattr

from medqdeg_desktop.chart.figure import SMALL_SIZE, TEXT_SIZE, Figure, Mark, Panel, Rect, Text

Theme = Literal["light", "dark"]

FONT: Final = "Inter, 'Noto Sans', 'Segoe UI', 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"

#: Colour tokens. Level and category colours are those of the window; on paper their outlines are darker, for contrast.
THEMES: Final[dict[str, dict[str, str]]] = {
    "dark": {
        "background": "#15171a",
        "text": "#d5d9de",
        "muted": "#98a0aa",
        "grid": "#2a2e34",
        "axis": "#59616b",
        "zero": "#98a0aa",
        "connector": "#59616b",
        "reference": "#8b939d",
        "accent": "#7aa7e0",
        "band": "#1a1d21",
        "floor": "#7aa7e0",
        "commercial": "#c79a5b",
        "open": "#7aa7e0",
        "medical": "#b79df5",
        "loss": "#b8413c",
        "gain": "#1f8a82",
        "L0": "#22c55e",
        "L1": "#f59e0b",
        "L2": "#ef4444",
        "L0 outline": "#22c55e",
        "L1 outline": "#f59e0b",
        "L2 outline": "#ef4444",
    },
    "light": {
        "background": "#ffffff",
        "text": "#1b1f24",
        "muted": "#57606a",
        "grid": "#e4e7eb",
        "axis": "#8c959f",
        "zero": "#57606a",
        "connector": "#afb8c1",
        "reference": "#8c959f",
        "accent": "#2f6fb5",
        "band": "#f6f8fa",
        "floor": "#2f6fb5",
        "commercial": "#8a5a1c",
        "open": "#2f6fb5",
        "medical": "#6d3fd0",
        "loss": "#e0605a",
        "gain": "#3aa79e",
        "L0": "#22c55e",
        "L1": "#f59e0b",
        "L2": "#ef4444",
        "L0 outline": "#15803d",
        "L1 outline": "#b45309",
        "L2 outline": "#b91c1c",
    },
}


def colour(token: str, theme: Theme) -> str:
    """The colour of a token in a theme; #rrggbb stands for itself.

    ``diverge:V`` with V in -1 to 1 runs from full gain over the background to full loss.
    """
    if token.startswith("#"):
        return token
    if token.startswith("diverge:"):
        value = float(token.removeprefix("diverge:"))
        return _mixed(THEMES[theme]["background"], THEMES[theme]["loss" if value > 0 else "gain"], abs(value))
    return THEMES[theme][token]


def _mixed(first: str, second: str, share: float) -> str:
    pairs = zip(*(bytes.fromhex(name[1:]) for name in (first, second)), strict=True)
    return "#" + bytes(round(a + (b - a) * share) for a, b in pairs).hex()


def outline(token: str, theme: Theme) -> str:
    """The colour of a mark's outline and of its whisker."""
    return THEMES[theme].get(f"{token} outline") or colour(token, theme)


def svg(figure: Figure, theme: Theme = "light", *, identifier: str = "", inline: bool = False) -> str:
    """``figure`` as an SVG element with its tooltips as titles.

    identifier   makes its ids unique within a page.
    inline       leaves the namespace out, which an SVG within HTML does not need.
    """
    name = identifier or figure.name
    namespace = "" if inline else ' xmlns="http://www.w3.org/2000/svg"'
    out = [
        f'<svg{namespace} viewBox="0 0 {_n(figure.width)} {_n(figure.height)}"'
        f' width="{_n(figure.width)}" height="{_n(figure.height)}" role="img"'
        f" aria-labelledby={quoteattr(f'{name}-title {name}-desc')} font-family={quoteattr(FONT)}"
        f' font-size="{_n(TEXT_SIZE)}" style="font-variant-numeric: tabular-nums">',
        f"<title id={quoteattr(f'{name}-title')}>{escape(figure.title)}</title>",
        f"<desc id={quoteattr(f'{name}-desc')}>{escape(figure.subtitle)}</desc>",
        f'<rect width="{_n(figure.width)}" height="{_n(figure.height)}" fill="{colour("background", theme)}"/>',
    ]
    for panel in figure.panels:
        out += _panel(panel, theme)
    out += [_mark(mark, mark.x, mark.y, theme) for mark in figure.legend]
    out += [_text(word, word.x, word.y, theme) for word in figure.words]
    out.append("</svg>")
    return "\n".join(out)


def _panel(panel: Panel, theme: Theme) -> list[str]:
    out = ["<g>"]
    out += [_rect(panel, rect, theme) for rect in panel.rects if rect.colour == "band"]
    out += _axes(panel, theme)
    out += [_rect(panel, rect, theme) for rect in panel.rects if rect.colour != "band"]
    for line in panel.lines:
        points = " ".join(f"{_n(x)},{_n(y)}" for x, y in (panel.place(*point) for point in line.points))
        dash = ' stroke-dasharray="4 3"' if line.dashed else ""
        out.append(
            f'<polyline points="{points}" fill="none" stroke="{colour(line.colour, theme)}"'
            f' stroke-width="{_n(line.width)}" stroke-linejoin="round"{dash}/>'
        )
    for whisker in panel.whiskers:
        ends = [(whisker.at, v) if whisker.vertical else (v, whisker.at) for v in (whisker.low, whisker.high)]
        (x0, y0), (x1, y1) = (panel.place(*end) for end in ends)
        cap_x, cap_y = (3.0, 0.0) if whisker.vertical else (0.0, 3.0)
        path = f"M{_n(x0)} {_n(y0)}L{_n(x1)} {_n(y1)}" + "".join(
            f"M{_n(x - cap_x)} {_n(y - cap_y)}L{_n(x + cap_x)} {_n(y + cap_y)}" for x, y in ((x0, y0), (x1, y1))
        )
        out.append(f'<path d="{path}" stroke="{outline(whisker.colour, theme)}" stroke-width="1.4" fill="none"/>')
    for mark in panel.marks:
        out.append(_mark(mark, *panel.place(mark.x, mark.y), theme))
    out += [_text(word, *panel.place(word.x, word.y), theme) for word in panel.annotations]
    out.append("</g>")
    return out


def _rect(panel: Panel, rect: Rect, theme: Theme) -> str:
    x0, y0 = panel.place(rect.x0, rect.y0)
    x1, y1 = panel.place(rect.x1, rect.y1)
    left, top, width, height = min(x0, x1), min(y0, y1), abs(x1 - x0), abs(y1 - y0)
    fill = colour(rect.colour, theme)
    shape = f'<rect x="{_n(left)}" y="{_n(top)}" width="{_n(width)}" height="{_n(height)}" fill="{fill}"'
    out = f"{shape}><title>{escape(rect.tooltip)}</title></rect>" if rect.tooltip else f"{shape}/>"
    if rect.text:
        middle = Text(0, 0, rect.text, SMALL_SIZE, rect.text_colour, "middle")
        out += _text(middle, left + width / 2, top + height / 2 + SMALL_SIZE * 0.36, theme)
    return out


def _axes(panel: Panel, theme: Theme) -> list[str]:
    right, bottom = panel.left + panel.width, panel.top + panel.height
    grid, axis = colour("grid", theme), colour("axis", theme)
    out = []
    for value, label in panel.x.ticks:
        x, _ = panel.place(value, panel.y.low)
        if panel.x.grid:
            shade = colour("zero", theme) if value == 0 and panel.x.low < 0 else grid
            out.append(_segment(x, panel.top, x, bottom, shade))
        out.append(_text(Text(0, 0, label, SMALL_SIZE, "muted", "middle"), x, bottom + 16, theme))
    for value, label in panel.y.ticks:
        _, y = panel.place(panel.x.low, value)
        if panel.y.grid:
            shade = colour("zero", theme) if value == 0 and min(panel.y.low, panel.y.high) < 0 else grid
            out.append(_segment(panel.left, y, right, y, shade))
        if label:
            word = Text(0, 0, label, *((TEXT_SIZE, "text") if panel.y.names else (SMALL_SIZE, "muted")), "end")
            out.append(_text(word, panel.left - 10, y + word.size * 0.36, theme))
    if panel.x.line:
        out.append(_segment(panel.left, bottom, right, bottom, axis))
    if panel.y.line:
        out.append(_segment(panel.left, panel.top, panel.left, bottom, axis))
    if panel.x.label:
        label_at = (panel.left + panel.width / 2, bottom + 34)
        out.append(_text(Text(0, 0, panel.x.label, TEXT_SIZE, "muted", "middle"), *label_at, theme))
    if panel.y.label:
        out.append(_text(Text(0, 0, panel.y.label, TEXT_SIZE, "muted"), panel.left - 10, panel.top - 10, theme))
    if panel.title:
        out.append(_text(Text(0, 0, panel.title, 13, "text", bold=True), panel.left, panel.top - 10, theme))
    return out


def _segment(x0: float, y0: float, x1: float, y1: float, stroke: str) -> str:
    return f'<line x1="{_n(x0)}" y1="{_n(y0)}" x2="{_n(x1)}" y2="{_n(y1)}" stroke="{stroke}" stroke-width="1"/>'


def _mark(mark: Mark, x: float, y: float, theme: Theme) -> str:
    r = mark.size / 2
    if mark.shape == "circle":
        shape = f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(r)}"'
    elif mark.shape == "square":
        side = r * 0.92
        shape = f'<rect x="{_n(x - side)}" y="{_n(y - side)}" width="{_n(2 * side)}" height="{_n(2 * side)}"'
    else:
        points = f"{_n(x)},{_n(y - r * 1.15)} {_n(x + r * 1.1)},{_n(y + r * 0.85)} {_n(x - r * 1.1)},{_n(y + r * 0.85)}"
        shape = f'<polygon points="{points}" stroke-linejoin="round"'
    if mark.hollow:
        paint = f'fill="{colour("background", theme)}" stroke="{colour(mark.colour, theme)}" stroke-width="1.3"'
    else:
        paint = f'fill="{colour(mark.colour, theme)}" stroke="{outline(mark.colour, theme)}" stroke-width="1"'
    tooltip = f"<title>{escape(mark.tooltip)}</title></{shape[1:].split(' ')[0]}>" if mark.tooltip else ""
    return f"{shape} {paint}>{tooltip}" if tooltip else f"{shape} {paint}/>"


def _text(word: Text, x: float, y: float, theme: Theme) -> str:
    x, y = x + word.dx, y + word.dy
    weight = ' font-weight="600"' if word.bold else ""
    anchor = "" if word.anchor == "start" else f' text-anchor="{word.anchor}"'
    turn = f' transform="rotate({_n(word.rotate)} {_n(x)} {_n(y)})"' if word.rotate else ""
    return (
        f'<text x="{_n(x)}" y="{_n(y)}" font-size="{_n(word.size)}" fill="{colour(word.colour, theme)}"{weight}{anchor}{turn}>'
        f"{escape(word.text)}</text>"
    )


def _n(value: float) -> str:
    """A coordinate with two decimals at most."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text
