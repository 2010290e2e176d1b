"""Draw ratios as an SVG, which is text: bars next to each other, and a line where the floor is.

Only the standard library is imported, so that every library's environment can use it.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Bar", "Panel", "chart"]

_WIDTH = 960
_MARGIN = 24
_LEAST_LABELS = 270
_CHARACTER = 6.8
"""Of a label: what one takes on average, and a little more."""
_GAP = 18
_ROW = 22
_BAR = 12
_DIGIT = 6
_NUMBER = 36
"""Room for the number behind the longest bar."""
_CAPTION_CHARACTERS = 150
_LINE = 16
_LOGARITHMIC_FROM = 8.0
"""Beyond this ratio the short bars of a linear axis could not be told apart."""

# A ground of its own, so that it reads on any page; the second colours are for a dark system.
_STYLE = """
text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; font-size: 12px; }
.ground { fill: #ffffff; stroke: #d0d7de; }
.behind { fill: #ffffff; }
.title { font-size: 17px; font-weight: 600; }
.head { font-weight: 600; }
.ink { fill: #1f2328; }
.faint { fill: #59636e; }
.small { font-size: 11px; }
.bar { fill: #6e8fb8; }
.accent { fill: #0a69c7; }
.floor { stroke: #1f2328; stroke-width: 1.2; }
.grid { stroke: #d8dee4; stroke-width: 1; }
.noise { stroke: #1f2328; stroke-width: 1; opacity: 0.55; }
@media (prefers-color-scheme: dark) {
.ground { fill: #161b22; stroke: #3d444d; }
.behind { fill: #161b22; }
.ink { fill: #e6edf3; }
.faint { fill: #9aa4af; }
.bar { fill: #56779f; }
.accent { fill: #4ea1f3; }
.floor { stroke: #e6edf3; }
.grid { stroke: #2f363e; }
.noise { stroke: #e6edf3; }
}
"""


@dataclass(frozen=True, slots=True)
class Bar:
    """A ratio and how far it may be off; None where nothing was measured."""

    label: str
    value: float | None
    noise: float = 0.0
    is_accented: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """Bars below a heading."""

    title: str
    bars: tuple[Bar, ...]


def chart(
    title: str, subtitle: str, rows: Sequence[Sequence[Panel]], caption: Sequence[str]
) -> str:
    """Return the SVG of rows of panels; those of a row have the same labels in the same order.

    All share one axis, which begins at 0, or is logarithmic where a ratio is great. `caption` is
    what stands below, a paragraph each.
    """
    values = [bar.value for row in rows for panel in row for bar in panel.bars if bar.value]
    axis = _Axis(values)
    parts: list[str] = []
    top = float(_MARGIN)
    parts.append(_text(_MARGIN, top + 16, title, "title ink"))
    parts.append(_text(_MARGIN, top + 38, subtitle, "faint"))
    top += 58
    longest = max(
        (len(bar.label) for row in rows for panel in row for bar in panel.bars), default=0
    )
    labels = max(_LEAST_LABELS, longest * _CHARACTER + _GAP / 2)
    for row in rows:
        parts += _row(row, top, axis, labels)
        top += 24 + _ROW * len(row[0].bars) + 34
    for paragraph in caption:
        for line in textwrap.wrap(paragraph, _CAPTION_CHARACTERS):
            parts.append(_text(_MARGIN, top, line, "faint small"))
            top += _LINE
    height = round(top + _MARGIN / 2)
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}"'
            f' viewBox="0 0 {_WIDTH} {height}" role="img" aria-labelledby="title">',
            f'<title id="title">{escape(title)}: {escape(subtitle)}</title>',
            f"<style>{_STYLE}</style>",
            f'<rect class="ground" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{height - 1}"'
            ' rx="8"/>',
            *parts,
            "</svg>\n",
        )
    )


class _Axis:
    """Where a ratio lies between 0 and 1 of a panel's width."""

    def __init__(self, values: Sequence[float]) -> None:
        greatest = max([1.0, *values])
        self.is_logarithmic = greatest > _LOGARITHMIC_FROM
        least = min([1.0, *values])
        self._low = 2.0 ** math.floor(math.log2(least / 1.2)) if self.is_logarithmic else 0.0
        self._high = greatest * 1.02

    def place(self, value: float) -> float:
        """Return where a ratio lies."""
        kept = min(max(value, self._low), self._high)
        if self.is_logarithmic:
            return math.log(kept / self._low) / math.log(self._high / self._low)
        return kept / self._high

    def ticks(self) -> list[float]:
        """Return the ratios that are written below."""
        if self.is_logarithmic:
            first, last = math.ceil(math.log2(self._low)), math.floor(math.log2(self._high))
            found = [2.0**power for power in range(first, last + 1)]
            return found if len(found) <= 5 else found[:: math.ceil(len(found) / 5)]
        step = 0.5 if self._high <= 2 else 1.0 if self._high <= 4.5 else 2.0
        return [step * number for number in range(int(self._high / step) + 1)]


def _row(panels: Sequence[Panel], top: float, axis: _Axis, labels: float) -> list[str]:
    parts: list[str] = []
    room = (_WIDTH - 2 * _MARGIN - labels) / max(len(panels), 2)
    width = room - _GAP - _NUMBER
    first = top + 24
    for number, bar in enumerate(panels[0].bars):
        middle = first + _ROW * number + _ROW / 2
        parts.append(_text(_MARGIN, middle + 4, bar.label, "ink"))
    bottom = first + _ROW * len(panels[0].bars)
    for column, panel in enumerate(panels):
        left = _MARGIN + labels + column * room
        parts.append(_text(left, top + 12, panel.title, "head ink"))
        for tick in axis.ticks():
            x = left + axis.place(tick) * width
            parts.append(_line(x, first, x, bottom, "grid"))
            parts.append(_text(x, bottom + 14, f"{tick:g}", "faint small", anchor="middle"))
        numbers: list[str] = []
        for number, bar in enumerate(panel.bars):
            shape, label = _bar(bar, left, first + _ROW * number + _ROW / 2, width, axis)
            parts += shape
            numbers += label
        x = left + axis.place(1.0) * width
        parts.append(_line(x, first - 3, x, bottom + 3, "floor"))
        parts += numbers  # on top of the line, which some of them meet
    return parts


def _bar(
    bar: Bar, left: float, middle: float, width: float, axis: _Axis
) -> tuple[list[str], list[str]]:
    """Return a bar, and the number behind it."""
    if bar.value is None:
        return [], [_text(left + 4, middle + 4, "–", "faint small")]  # noqa: RUF001 - a dash
    end = axis.place(bar.value) * width
    # Of a logarithmic axis only the distance from the floor means something.
    begin = axis.place(1.0) * width if axis.is_logarithmic else 0.0
    kind = "accent" if bar.is_accented else "bar"
    parts = [
        f'<rect class="{kind}" x="{left + min(begin, end):.1f}" y="{middle - _BAR / 2:.1f}"'
        f' width="{abs(end - begin):.1f}"'
        f' height="{_BAR}"/>'
    ]
    low, high = (axis.place(bar.value + sign * bar.noise) * width for sign in (-1, 1))
    if high - low > 1:
        parts.append(_line(left + low, middle, left + high, middle, "noise"))
    shown = f"{bar.value:.2f}" if bar.value < 10 else f"{bar.value:.0f}"
    x = left + max(begin, end, high) + 3
    behind = (
        f'<rect class="behind" x="{x:.1f}" y="{middle - 7:.1f}"'
        f' width="{_DIGIT * len(shown) + 4:.1f}" height="14"/>'
    )
    return parts, [behind, _text(x + 2, middle + 4, shown, "ink small")]


def _text(x: float, y: float, text: str, kind: str, *, anchor: str = "start") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}"'
    end = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text class="{kind}" {place}{end}>{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'
