"""Which tables stand beside which: columns of a drawing, those that are referred to at the left."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

__all__ = ["components", "layered", "without_cycles"]

Pair: TypeAlias = tuple[str, str]
"""The left and the right end of a line."""


def components(names: Sequence[str], pairs: Iterable[Pair]) -> list[list[str]]:
    """Return the names in groups that no line connects, in the order of their first names."""
    near: dict[str, set[str]] = {name: set() for name in names}
    for left, right in pairs:
        near[left].add(right)
        near[right].add(left)
    seen: set[str] = set()
    found = []
    for name in names:
        if name in seen:
            continue
        group, waiting = {name}, [name]
        while waiting:
            new = near[waiting.pop()] - group
            group |= new
            waiting += new
        seen |= group
        found.append([member for member in names if member in group])
    return found


def without_cycles(names: Sequence[str], pairs: Iterable[Pair]) -> set[Pair]:
    """Return the pairs without what leads back, which is turned around."""
    onward: dict[str, list[str]] = {name: [] for name in names}
    pairs = list(pairs)
    for left, right in pairs:
        onward[left].append(right)
    back: set[Pair] = set()
    done: set[str] = set()
    targets = {right for left, right in pairs if left != right}
    for start in sorted(names, key=lambda name: name in targets):
        path = [(start, iter(onward[start]))]
        open_names = {start}
        while path and start not in done:
            name, rest = path[-1]
            following = next(rest, None)
            if following is None:
                path.pop()
                open_names.discard(name)
                done.add(name)
            elif following in open_names:
                back.add((name, following))
            elif following not in done:
                open_names.add(following)
                path.append((following, iter(onward[following])))
    kept = {pair for pair in pairs if pair not in back}
    return kept | {(right, left) for left, right in back if left != right}


def layered(
    names: Sequence[str], pairs: Iterable[Pair], heights: Mapping[str, float], limit: float
) -> list[list[str]]:
    """Return the layers from left to right, of a height up to `limit` where that is possible.

    Each pair's left end is in an earlier layer than its right one.
    """
    before: dict[str, set[str]] = defaultdict(set)
    after: dict[str, set[str]] = defaultdict(set)
    for left, right in pairs:
        before[right].add(left)
        after[left].add(right)
    place: dict[str, int] = {}
    filled: dict[int, float] = defaultdict(float)

    def put(name: str, layer: int) -> None:
        if name in place:
            filled[place[name]] -= heights[name]
        place[name] = layer
        filled[layer] += heights[name]

    order = _sorted(names, before, after)
    for name in order:
        layer = max((place[left] + 1 for left in before[name]), default=0)
        while filled[layer] > 0 and filled[layer] + heights[name] > limit:
            layer += 1
        put(name, layer)
    # What little refers to stands next to what refers to it, not at the far left.
    for name in reversed(order):
        if after[name] and len(before[name]) <= len(after[name]):
            nearest = min(place[right] for right in after[name]) - 1
            for layer in range(nearest, place[name], -1):
                if filled[layer] + heights[name] <= limit:
                    put(name, layer)
                    break
    used = sorted(set(place.values()))
    return [[name for name in names if place[name] == layer] for layer in used]


def _sorted(
    names: Sequence[str], before: Mapping[str, set[str]], after: Mapping[str, set[str]]
) -> list[str]:
    """Return the names so that what is referred to comes first; the busiest first among equals."""
    missing = {name: len(before[name]) for name in names}
    ready = [name for name in names if not missing[name]]
    found = []
    while ready:
        ready.sort(key=lambda name: -len(after[name]))
        name = ready.pop(0)
        found.append(name)
        for right in sorted(after[name]):
            missing[right] -= 1
            if not missing[right]:
                ready.append(right)
    return found
