"""Read what `EXPLAIN QUERY PLAN` of SQLite says: words, and no numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from andamios_orm.database.query_plans.nodes import PlanNode

__all__ = ["read"]

_SCAN = re.compile(
    r"(?P<kind>SCAN|SEARCH) (?:TABLE )?(?P<table>\S+)(?: AS (?P<alias>\S+))?"
    r"(?: USING (?:(?:AUTOMATIC )?(?:PARTIAL )?(?:COVERING )?INDEX (?P<index>\S+)"
    r"|(?P<key>INTEGER PRIMARY KEY)))?(?: \((?P<condition>.*)\))?.*"
)


def read(rows: Sequence[Sequence[Any]]) -> tuple[PlanNode, None]:
    """Return the tree."""
    below: dict[int, list[Sequence[Any]]] = {}
    for row in rows:
        below.setdefault(row[1], []).append(row)

    def nodes(parent: int) -> tuple[PlanNode, ...]:
        return tuple(_node(row[3], nodes(row[0])) for row in below.get(parent, ()))

    return PlanNode(kind="QUERY", children=nodes(0)), None


def _node(told: str, children: tuple[PlanNode, ...]) -> PlanNode:
    found = _SCAN.fullmatch(told)
    if found is None:
        return PlanNode(kind=told, children=children)
    index = found["index"] or ("the primary key" if found["key"] else None)
    return PlanNode(
        kind=found["kind"],
        table=found["table"],
        alias=found["alias"],
        index=index,
        condition=found["condition"],
        reads_all=found["kind"] == "SCAN" and index is None,
        children=children,
    )
