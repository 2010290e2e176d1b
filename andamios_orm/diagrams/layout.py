"""Where each table and each line of a drawing is: no boxes overlap, and lines run beside them.

Tables stand in columns, those that are referred to at the left of those that refer to them. A line
leaves at the row of its column, and is led through the space between columns at right angles. What
leads to the same key shares one line for as long as it can.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias

from andamios_orm.diagrams.content import Diagram, Entity, Relation
from andamios_orm.diagrams.layers import components, layered, without_cycles
from andamios_orm.diagrams.measures import HEADER, ROW, box_height, box_width

__all__ = ["Box", "Drawing", "Route", "laid_out"]

Point: TypeAlias = tuple[float, float]

GAP = 28
"""Between two boxes of a column, at least."""
_MARGIN = 30
"""Between a box and the first line that turns beside it: the room for the ends of lines."""
_TRACK = 9
"""Between two lines that run side by side."""
_AROUND = 60
"""Between two groups of tables that have nothing to do with each other."""
_SWEEPS = 12
_WIDE = 1.6
"""How much wider than high a drawing wants to be."""


@dataclass(slots=True)
class Box:
    """One table, and where it is."""

    entity: Entity
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    height: float = 0.0

    @property
    def right(self) -> float:
        """Where it ends."""
        return self.x + self.width

    def row(self, column: str) -> float:
        """Return how far below its top the middle of a column's row is."""
        return HEADER + ROW * (self.entity.place(column) + 0.5)


@dataclass(frozen=True, slots=True)
class Route:
    """One relation, and the corners of its line, from the child to the parent.

    `child_side` and `parent_side` say to which side the line leaves a box: -1 left, 1 right.
    """

    relation: Relation
    points: tuple[Point, ...]
    child_side: int
    parent_side: int


@dataclass(slots=True)
class Drawing:
    """All of a diagram, with its places."""

    boxes: list[Box] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)
    width: float = 0.0
    height: float = 0.0


def laid_out(diagram: Diagram) -> Drawing:
    """Return where everything is, the same for the same diagram."""
    entities = {entity.name: entity for entity in diagram.entities}
    relations = [r for r in diagram.relations if r.child in entities and r.parent in entities]
    pairs = [(r.parent, r.child) for r in relations if r.parent != r.child]
    groups = []
    for names in components(list(entities), pairs):
        members = set(names)
        inside = [r for r in relations if r.child in members]
        groups.append(_Group([entities[name] for name in names], inside).drawing())
    return _packed(groups)


def _packed(groups: Sequence[Drawing]) -> Drawing:
    """Return one drawing of all groups, in rows, the largest first."""
    area = sum((g.width + _AROUND) * (g.height + _AROUND) for g in groups)
    widest = max([math.sqrt(area * _WIDE), *(g.width + _AROUND for g in groups)], default=0)
    found = Drawing()
    x = y = row = 0.0
    for group in sorted(groups, key=lambda g: -g.height * (1000 if len(g.boxes) > 1 else 1)):
        if x and x + group.width > widest:
            x, y, row = 0.0, y + row + _AROUND, 0.0
        for box in group.boxes:
            box.x, box.y = box.x + x, box.y + y
            found.boxes.append(box)
        for route in group.routes:
            moved = tuple((px + x, py + y) for px, py in route.points)
            found.routes.append(Route(route.relation, moved, route.child_side, route.parent_side))
        found.width = max(found.width, x + group.width)
        found.height = max(found.height, y + group.height)
        x += group.width + _AROUND
        row = max(row, group.height)
    return found


# ---- one group -----------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _Item:
    """What takes room in a column: a box, or a line that passes by."""

    box: Box | None
    height: float
    y: float = 0.0
    place: int = 0


@dataclass(frozen=True, slots=True)
class _End:
    """Where a line meets an item: how far below its top."""

    item: _Item
    offset: float

    @property
    def y(self) -> float:
        return self.item.y + self.offset


Trunk: TypeAlias = tuple[str, str, bool]
"""The lines that share what they can: the parent, its column, and whether they run from left."""


@dataclass(frozen=True, slots=True)
class _Segment:
    """The piece of a line between two columns."""

    layer: int
    left: _End
    right: _End
    trunk: Trunk


class _Group:
    """Tables that are connected, on their way to a drawing."""

    def __init__(self, entities: Sequence[Entity], relations: Sequence[Relation]) -> None:
        self._boxes = {e.name: Box(e, width=box_width(e), height=box_height(e)) for e in entities}
        self._relations = relations
        names = list(self._boxes)
        pairs = {(r.parent, r.child) for r in relations if r.parent != r.child}
        self._forward = without_cycles(names, sorted(pairs))
        heights = {name: box.height + GAP for name, box in self._boxes.items()}
        layers = layered(names, sorted(self._forward), heights, self._limit(heights))
        self._layer = {name: i for i, layer in enumerate(layers) for name in layer}
        self._items = {n: _Item(box, box.height) for n, box in self._boxes.items()}
        self._columns: list[list[_Item]] = [[self._items[n] for n in layer] for layer in layers]
        self._passing: dict[tuple[Trunk, int], _Item] = {}
        self._chains = [(r, self._chain(r)) for r in relations if r.parent != r.child]
        found = dict.fromkeys(segment for _, chain in self._chains for segment in chain)
        self._segments: list[list[_Segment]] = [[] for _ in layers]
        for segment in found:
            self._segments[segment.layer].append(segment)

    def _limit(self, heights: dict[str, float]) -> float:
        """Return how high a column may be, for a drawing that is wider than high."""
        total = sum(heights.values())
        width = max(box.width for box in self._boxes.values()) + 3 * _MARGIN
        count = max(1.0, math.sqrt(_WIDE * total / width))
        return max(total / count * 1.1, *heights.values(), 0)

    def drawing(self) -> Drawing:
        self._order()
        self._settle()
        self._disentangle()
        return self._drawn()

    # -- lines in pieces

    def _chain(self, relation: Relation) -> list[_Segment]:
        """Return the pieces of a line, from left to right."""
        forward = (relation.parent, relation.child) in self._forward
        parent = self._end(relation.parent, relation.parent_columns[0])
        child = self._end(relation.child, relation.columns[0])
        left, right = (parent, child) if forward else (child, parent)
        trunk = (relation.parent, relation.parent_columns[0], forward)
        names = (relation.parent, relation.child) if forward else (relation.child, relation.parent)
        first, last = (self._layer[name] for name in names)
        ends = [left]
        for layer in range(first + 1, last):
            item = self._passing.get((trunk, layer))
            if item is None:
                item = self._passing[trunk, layer] = _Item(None, 0)
                self._columns[layer].append(item)
            ends.append(_End(item, 0))
        ends.append(right)
        return [
            _Segment(first + i, here, there, trunk)
            for i, (here, there) in enumerate(pairwise(ends))
        ]

    def _end(self, name: str, column: str) -> _End:
        return _End(self._items[name], self._boxes[name].row(column))

    # -- the order in each column

    def _order(self) -> None:
        """Find an order in which few lines cross: each item near the middle of its neighbours."""
        self._number()
        best, fewest = self._snapshot(), self._crossings()
        for sweep in range(_SWEEPS):
            onward = sweep % 2 == 0
            layers = range(len(self._columns))
            for layer in layers if onward else reversed(layers):
                self._sort(layer, onward=onward)
            count = self._crossings()
            if count < fewest:
                best, fewest = self._snapshot(), count
        for column, order in zip(self._columns, best, strict=True):
            column[:] = order
        self._number()

    def _snapshot(self) -> list[list[_Item]]:
        return [list(column) for column in self._columns]

    def _number(self) -> None:
        for column in self._columns:
            for place, item in enumerate(column):
                item.place = place

    def _sort(self, layer: int, *, onward: bool) -> None:
        near: dict[_Item, list[float]] = defaultdict(list)
        if onward and layer > 0:
            for segment in self._segments[layer - 1]:
                near[segment.right.item].append(_position(segment.left))
        elif not onward:
            for segment in self._segments[layer]:
                near[segment.left.item].append(_position(segment.right))
        column = self._columns[layer]

        def middle(item: _Item) -> float:
            found = near[item]
            return sum(found) / len(found) if found else item.place

        column.sort(key=middle)
        for place, item in enumerate(column):
            item.place = place

    def _crossings(self) -> int:
        total = 0
        for segments in self._segments:
            ends = sorted((_position(s.left), _position(s.right)) for s in segments)
            total += sum(
                before[1] > after[1] and before[0] < after[0]
                for i, after in enumerate(ends)
                for before in ends[:i]
            )
        return total

    # -- how far down each is

    def _settle(self) -> None:
        for column in self._columns:
            y = 0.0
            for item in column:
                item.y, y = y, y + item.height + _space(item)
        for sweep in range(_SWEEPS):
            layers = range(len(self._columns))
            for layer in layers if sweep % 2 == 0 else reversed(layers):
                self._pull(layer)
        top = min(item.y for column in self._columns for item in column)
        for column in self._columns:
            for item in column:
                item.y = round(item.y - top)

    def _pull(self, layer: int) -> None:
        """Move each item of a column to where its lines are straight, as far as there is room."""
        wanted: dict[_Item, list[float]] = defaultdict(list)
        if layer > 0:
            for segment in self._segments[layer - 1]:
                wanted[segment.right.item].append(segment.left.y - segment.right.offset)
        for segment in self._segments[layer]:
            wanted[segment.left.item].append(segment.right.y - segment.left.offset)
        column = self._columns[layer]
        places = [sum(w) / len(w) if (w := wanted[item]) else item.y for item in column]
        weights = [float(len(wanted[item]) or 0.1) for item in column]
        needed = [item.height + _space(item) for item in column]
        for item, y in zip(column, _apart(places, weights, needed), strict=True):
            item.y = y

    def _disentangle(self) -> None:
        """Move columns down a little where lines between them would lie on each other.

        Two tables that refer to each other at the same heights are the case.
        """
        for layer, segments in enumerate(self._segments):
            if not _turning(*_heights(segments))[1]:
                for column in self._columns[layer + 1 :]:
                    for item in column:
                        item.y += _TRACK

    # -- the drawing

    def _drawn(self) -> Drawing:
        found = Drawing()
        x = 0.0
        tracks: dict[tuple[int, Trunk], float] = {}
        for layer, column in enumerate(self._columns):
            width = max((item.box.width for item in column if item.box is not None), default=0)
            for item in column:
                if item.box is not None:
                    item.box.x, item.box.y = x, item.y
                    found.boxes.append(item.box)
            numbers = _tracks(self._segments[layer])
            start = x + width + _MARGIN
            for trunk, number in numbers.items():
                tracks[layer, trunk] = start + number * _TRACK
            found.width = x + width
            x = start + max(numbers.values(), default=0) * _TRACK + _MARGIN
        for relation, chain in self._chains:
            found.routes.append(self._route(relation, chain, tracks))
        own = [r for r in self._relations if r.parent == r.child]
        for count, relation in enumerate(own):
            found.routes.append(self._loop(relation, count))
        rights = [px for route in found.routes for px, _ in route.points]
        found.width = max([found.width, *(right + 6 for right in rights)])
        found.height = max(box.y + box.height for box in found.boxes)
        return found

    def _route(
        self, relation: Relation, chain: list[_Segment], tracks: dict[tuple[int, Trunk], float]
    ) -> Route:
        forward = chain[0].trunk[2]
        first, last = chain[0].left, chain[-1].right
        assert first.item.box is not None  # noqa: S101 - a line begins and ends at a box
        assert last.item.box is not None  # noqa: S101 - as above
        points = [(first.item.box.right, first.y)]
        for segment in chain:
            x = tracks[segment.layer, segment.trunk]
            points += [(x, segment.left.y), (x, segment.right.y)]
        points.append((last.item.box.x, last.y))
        if forward:
            points.reverse()
        side = -1 if forward else 1
        return Route(relation, tuple(_simplified(points)), side, -side)

    def _loop(self, relation: Relation, count: int) -> Route:
        box = self._boxes[relation.child]
        x = box.right + _MARGIN - 5 + count % 3 * 4
        here = box.y + box.row(relation.columns[0])
        # To the heading: at the key's row the lines of other tables begin.
        there = box.y + HEADER / 2
        points = ((box.right, here), (x, here), (x, there), (box.right, there))
        return Route(relation, points, 1, 1)


def _position(end: _End) -> float:
    """Return where an end is in the order of its column: the item's place, and how far down it."""
    return end.item.place + (end.offset / end.item.height if end.item.height else 0.5)


def _space(item: _Item) -> float:
    return GAP if item.box is not None else _TRACK * 2


def _apart(places: list[float], weights: list[float], needed: list[float]) -> list[float]:
    """Return the places nearest to the wanted ones at which nothing overlaps, in the same order.

    Items that would overlap are put together into blocks, which stand where their members want to
    be on average.
    """
    blocks: list[tuple[float, float, int]] = []
    before = 0.0
    offsets = []
    for place, weight, room in zip(places, weights, needed, strict=True):
        offsets.append(before)
        value, count = place - before, 1
        while blocks and blocks[-1][0] > value:
            other, heavy, many = blocks.pop()
            value = (other * heavy + value * weight) / (heavy + weight)
            weight, count = heavy + weight, many + count
        blocks.append((value, weight, count))
        before += room
    values = [value for value, _, count in blocks for _ in range(count)]
    return [value + offset for value, offset in zip(values, offsets, strict=True)]


Heights: TypeAlias = dict[Trunk, set[float]]


def _heights(segments: Iterable[_Segment]) -> tuple[Heights, Heights]:
    """Return at which heights each trunk comes from the left, and goes on to the right."""
    lefts: Heights = defaultdict(set)
    rights: Heights = defaultdict(set)
    for segment in segments:
        lefts[segment.trunk].add(segment.left.y)
        rights[segment.trunk].add(segment.right.y)
    return lefts, rights


def _turning(lefts: Heights, rights: Heights) -> tuple[list[Trunk], bool]:
    """Return the trunks in the order in which they turn, and whether it keeps them all apart.

    A line that goes on at the height where another one comes in has to turn after it.
    """

    def turn(trunk: Trunk) -> tuple[bool, float]:
        """Those that go down turn later the higher they begin, and those that go up the lower."""
        left = sum(lefts[trunk]) / len(lefts[trunk])
        right = sum(rights[trunk]) / len(rights[trunk])
        return right >= left, -left if right >= left else left

    waiting = sorted(lefts, key=turn)
    order: list[Trunk] = []
    apart = True
    while waiting:
        free = (
            trunk
            for trunk in waiting
            if not any(o != trunk and _meet(rights[trunk], lefts[o]) for o in waiting)
        )
        trunk = next(free, None)
        if trunk is None:
            trunk, apart = waiting[0], False
        waiting.remove(trunk)
        order.append(trunk)
    return order, apart


def _tracks(segments: Iterable[_Segment]) -> dict[Trunk, int]:
    """Return which line beside a column each trunk turns in, so that no two of them overlap."""
    lefts, rights = _heights(segments)
    spans = {t: (min(lefts[t] | rights[t]), max(lefts[t] | rights[t])) for t in lefts}
    found: dict[Trunk, int] = {}
    for trunk in _turning(lefts, rights)[0]:
        low, high = spans[trunk]
        taken = {
            number
            for other, number in found.items()
            if spans[other][0] <= high + _TRACK and low <= spans[other][1] + _TRACK
        }
        after = [n for other, n in found.items() if _meet(rights[trunk], lefts[other])]
        number = max(after, default=-1) + 1
        while number in taken:
            number += 1
        found[trunk] = number
    return found


def _meet(some: set[float], others: set[float]) -> bool:
    return any(abs(y - z) < 3 for y in some for z in others)


def _simplified(points: Sequence[Point]) -> list[Point]:
    """Return the corners alone: no point twice, none on the way between two others."""
    found: list[Point] = []
    for point in points:
        if found and found[-1] == point:
            continue
        if len(found) > 1 and found[-2][1] == found[-1][1] == point[1]:
            found.pop()
        found.append(point)
    return found
