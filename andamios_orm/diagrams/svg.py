"""A diagram as an SVG picture: tables as boxes, relations as lines with crow's feet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from importlib.resources import files

from andamios_orm.diagrams.content import Column, Diagram
from andamios_orm.diagrams.layout import Box, Drawing, Point, Route, laid_out
from andamios_orm.diagrams.measures import (
    HEADER,
    MARK,
    PADDING,
    ROW,
    cut,
    marks_width,
    shown_type,
)

__all__ = ["drawn", "picture_style", "to_svg"]

_BORDER = 28
_ROUND = 7


def to_svg(diagram: Diagram) -> str:
    """Return the picture, the same for the same diagram; it is dark where its viewer is."""
    return drawn(laid_out(diagram), title=diagram.title, style=picture_style())


def picture_style() -> str:
    """Return the colors and fonts of the picture, as CSS."""
    return files("andamios_orm.diagrams").joinpath("picture.css").read_text(encoding="utf-8")


def drawn(drawing: Drawing, *, title: str, style: str | None) -> str:
    """Return the picture of what has its place already; without `style` the page has to have it."""
    width, height = (round(side + 2 * _BORDER) for side in (drawing.width, drawing.height))
    left = f"{-_BORDER} {-_BORDER} {width} {height}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="diagram" viewBox="{left}"'
        f' width="{width}" height="{height}" role="img" aria-label="{_attribute(title)}">',
        f"<title>{_content(title)}</title>",
    ]
    if style is not None:
        lines.append(f"<style>\n{style}</style>")
    lines.append('<g class="scene">')
    lines += [line for route in drawing.routes for line in _relation(route)]
    lines += [line for box in drawing.boxes for line in _entity(box)]
    lines += ["</g>", "</svg>"]
    return "\n".join(lines) + "\n"


# ---- boxes ---------------------------------------------------------------------------------------


def _entity(box: Box) -> Iterator[str]:
    entity = box.entity
    width, height = _number(box.width), _number(box.height)
    name = _attribute(entity.name)
    yield (
        f'<g class="entity" data-name="{name}"'
        f' transform="translate({_number(box.x)} {_number(box.y)})">'
    )
    told = f"{entity.name}\n{entity.comment}" if entity.comment else entity.name
    yield f"<title>{_content(told)}</title>"
    yield f'<rect class="shadow" x="1" y="3" width="{width}" height="{height}" rx="{_ROUND}"/>'
    yield f'<rect class="frame" width="{width}" height="{height}" rx="{_ROUND}"/>'
    right = _number(box.width - _ROUND)
    head = f"M0.5 {HEADER}V{_ROUND}q0-6.5 6.5-6.5H{right}q6.5 0 6.5 6.5V{HEADER}z"
    yield f'<path class="head" d="{head}"/>'
    yield f'<path class="rule" d="M0 {HEADER}H{width}"/>'
    yield _text("name", PADDING, HEADER / 2, cut(entity.name))
    start = PADDING + marks_width(entity)
    for place, column in enumerate(entity.columns):
        yield from _row(column, HEADER + ROW * (place + 0.5), start, box.width)
    yield "</g>"


def _row(column: Column, y: float, start: float, width: float) -> Iterator[str]:
    kinds = ["row"]
    kinds += ["primary"] if column.primary_key else []
    kinds += ["optional"] if column.nullable else []
    yield f'<g class="{" ".join(kinds)}">'
    yield f"<title>{_content(_told(column))}</title>"
    for place, mark in enumerate(column.marks):
        x = PADDING + MARK * place
        yield (
            f'<g class="mark {mark.lower()}">'
            f'<rect x="{x}" y="{_number(y - 7)}" width="{MARK - 4}" height="14" rx="3"/>'
            f'<text x="{_number(x + (MARK - 4) / 2)}" y="{_number(y + 0.5)}">{mark}</text></g>'
        )
    yield _text("column", start, y, cut(column.name))
    yield _text("type", width - PADDING, y, cut(shown_type(column)))
    yield "</g>"


def _told(column: Column) -> str:
    parts = [f"{column.name} {column.type}{'' if column.nullable else ' NOT NULL'}"]
    parts += [f"DEFAULT {column.default}"] if column.default else []
    parts += column.rules
    parts += [column.comment] if column.comment else []
    return "\n".join(parts)


def _text(kind: str, x: float, y: float, text: str) -> str:
    return f'<text class="{kind}" x="{_number(x)}" y="{_number(y)}">{_content(text)}</text>'


# ---- lines ---------------------------------------------------------------------------------------


def _relation(route: Route) -> Iterator[str]:
    relation = route.relation
    kind = "relation" if relation.enforced else "relation loose"
    yield (
        f'<g class="{kind}" data-child="{_attribute(relation.child)}"'
        f' data-parent="{_attribute(relation.parent)}">'
    )
    yield f"<title>{_content(str(relation))}</title>"
    way = _way(route.points)
    yield f'<path class="hit" d="{way}"/>'
    yield f'<path class="way" d="{way}"/>'
    yield from _child_end(route.points[0], route.child_side, many=relation.many)
    yield from _parent_end(route.points[-1], route.parent_side, optional=relation.optional)
    yield "</g>"


def _child_end(point: Point, side: int, *, many: bool) -> Iterator[str]:
    """Yield a crow's foot, or a bar for one row at most; there may be none, says the circle."""
    x, y = point
    if many:
        tip = _number(x + side * 11)
        ends = f"M{_number(x)} {_number(y - 6)}L{tip} {_number(y)}L{_number(x)} {_number(y + 6)}"
        yield f'<path class="end" d="{ends}"/>'
    else:
        yield _bar(x + side * 8, y)
    yield _circle(x + side * 15, y)


def _parent_end(point: Point, side: int, *, optional: bool) -> Iterator[str]:
    """Yield a bar for exactly one row: a second bar, or the circle if there may be none."""
    x, y = point
    yield _bar(x + side * 7, y)
    yield _circle(x + side * 15, y) if optional else _bar(x + side * 12, y)


def _bar(x: float, y: float) -> str:
    return f'<path class="end" d="M{_number(x)} {_number(y - 5)}V{_number(y + 5)}"/>'


def _circle(x: float, y: float) -> str:
    return f'<circle class="end" cx="{_number(x)}" cy="{_number(y)}" r="4"/>'


def _way(points: tuple[Point, ...]) -> str:
    """Return a line through these corners, each of them round."""
    first, last = points[0], points[-1]
    parts = [f"M{_number(first[0])} {_number(first[1])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        near, far = _towards(corner, before), _towards(corner, after)
        parts.append(f"L{_pair(near)}Q{_pair(corner)} {_pair(far)}")
    parts.append(f"L{_pair(last)}")
    return "".join(parts)


def _towards(corner: Point, other: Point) -> Point:
    """Return the point where a round corner begins on the way to another point."""
    dx, dy = other[0] - corner[0], other[1] - corner[1]
    length = max(abs(dx), abs(dy)) or 1
    step = min(_ROUND, length / 2) / length
    return corner[0] + dx * step, corner[1] + dy * step


def _pair(point: Point) -> str:
    return f"{_number(point[0])} {_number(point[1])}"


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


# ---- texts of others -----------------------------------------------------------------------------


def _content(text: str) -> str:
    """Return a text as it may stand between tags."""
    return escape(_possible(text), quote=False)


def _attribute(text: str) -> str:
    """Return a text as it may stand between quotes."""
    return escape(_possible(text)).replace("\n", "&#10;").replace("\t", "&#9;")


_IMPOSSIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")


def _possible(text: str) -> str:
    """Return a text without the characters that XML cannot hold at all."""
    return _IMPOSSIBLE.sub("\ufffd", text)
