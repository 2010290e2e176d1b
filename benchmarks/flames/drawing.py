"""Draw frames as an SVG: who calls stands above what it calls, and width is time."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from benchmarks.flames.frames import KINDS, Frame, own_time

__all__ = ["flame", "shown"]

_WIDTH = 960
_MARGIN = 20
_ROW = 18
_LETTER = 6.2
"""The width of a letter; labels that are longer than their frame are cut."""
_LEAST = 1.0
"""Frames that are narrower are left out."""
_MOST_ROWS = 24
_MICRO = "\N{MICRO SIGN}"

# A ground of its own, so that it reads on any page; the second colours are for a dark system.
_STYLE = """
text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; font-size: 12px; }
.label { font-size: 11px; fill: #1f2328; pointer-events: none; }
.ground { fill: #ffffff; stroke: #d0d7de; }
.title { font-size: 17px; font-weight: 600; }
.ink { fill: #1f2328; }
.faint { fill: #59636e; }
.small { font-size: 11px; }
.frame { stroke: #ffffff; stroke-width: 1; }
.library { fill: #a9cdf3; }
.pydantic { fill: #f2b3c6; }
.sqlalchemy { fill: #f1c58b; }
.driver { fill: #b1dcb5; }
.loop { fill: #d3d8de; }
.python { fill: #ece3ac; }
.whole { fill: #eceff2; }
@media (prefers-color-scheme: dark) {
.label { fill: #e6edf3; }
.ground { fill: #161b22; stroke: #3d444d; }
.ink { fill: #e6edf3; }
.faint { fill: #9aa4af; }
.frame { stroke: #161b22; }
.library { fill: #1f528a; }
.pydantic { fill: #7d3552; }
.sqlalchemy { fill: #7c5217; }
.driver { fill: #2b6137; }
.loop { fill: #434b55; }
.python { fill: #5b5322; }
.whole { fill: #2a313a; }
}
"""


def flame(title: str, subtitle: str, root: Frame) -> str:
    """Return the SVG of a call's frames."""
    parts = [_text(_MARGIN, 36, title, "title ink"), _text(_MARGIN, 58, subtitle, "faint")]
    parts += _legend(root, 82)
    top = 96
    unit = (_WIDTH - 2 * _MARGIN) / root.seconds
    frames, rows = _frames(root, float(_MARGIN), 0, top, unit)
    height = top + _ROW * rows + _MARGIN
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}"'
            f' viewBox="0 0 {_WIDTH} {height}" role="img" aria-labelledby="title">',
            f'<title id="title">{escape(title)}: {escape(subtitle)}</title>',
            f"<style>{_STYLE}</style>",
            f'<rect class="ground" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{height - 1}"'
            ' rx="8"/>',
            *parts,
            *frames,
            "</svg>\n",
        )
    )


def shown(seconds: float) -> str:
    """Return a time as it is written."""
    number, unit = seconds * 1e6, f"{_MICRO}s"
    if number >= 999.5:
        number, unit = number / 1000, "ms"
    return f"{number:.1f} {unit}" if number < 9.95 else f"{number:.0f} {unit}"


def _legend(root: Frame, y: float) -> list[str]:
    parts: list[str] = []
    x = float(_MARGIN)
    for kind, seconds in own_time(root).items():
        if seconds / root.seconds < 0.005:
            continue
        label = f"{KINDS[kind]} {shown(seconds)} ({100 * seconds / root.seconds:.0f} %)"
        parts.append(f'<rect class="{kind}" x="{x:.1f}" y="{y - 10:.1f}" width="12" height="12"/>')
        parts.append(_text(x + 17, y, label, "ink small"))
        x += 17 + _LETTER * len(label) + 14
    return parts


def _frames(
    frame: Frame, left: float, depth: int, top: float, unit: float
) -> tuple[list[str], int]:
    """Return a frame and what is below it, and how many rows they take."""
    width = frame.seconds * unit
    y = top + depth * _ROW
    tip = f"{frame.name} {shown(frame.seconds)}"
    kind = frame.kind if depth else "whole"
    parts = [
        f'<g><title>{escape(tip)}</title><rect class="frame {kind}" x="{left:.1f}"'
        f' y="{y}" width="{width:.1f}" height="{_ROW}"/>'
    ]
    label = _label(frame, int((width - 6) / _LETTER))
    if label:
        parts.append(_text(left + 4, y + 13, label, "label"))
    parts[-1] += "</g>"
    rows = depth + 1
    if rows < _MOST_ROWS:
        for child in frame.children:
            if child.seconds * unit >= _LEAST:
                below, deep = _frames(child, left, depth + 1, top, unit)
                parts += below
                rows = max(rows, deep)
            left += child.seconds * unit
    return parts, rows


def _label(frame: Frame, letters: int) -> str:
    """Return as much of a frame's name as fits: the function is worth more than its module."""
    module = frame.module.removeprefix("andamios_orm.")
    name = f"{module}:{frame.function}" if module else frame.function
    last = f"{module.rpartition('.')[2]}:{frame.function}" if module else frame.function
    for text in (f"{name}  {shown(frame.seconds)}", name, *_shorter(last, frame.function)):
        if len(text) <= letters:
            return text
    return f"{frame.function[: letters - 1]}…" if letters >= 4 else ""


def _shorter(*names: str) -> Sequence[str]:
    return (*names, names[-1].rpartition(".")[2])


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'
