"""Read what `EXPLAIN FORMAT=JSON` of MariaDB and MySQL says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from andamios_orm.database.query_plans.nodes import PlanNode

__all__ = ["read"]


def read(rows: Sequence[Sequence[Any]]) -> tuple[PlanNode, float | None]:
    """Return the tree, and the seconds that the whole took if it was run."""
    found = json.loads(rows[0][0])
    block = found["query_block"]
    milliseconds = block.get("r_total_time_ms")
    children = tuple(_below(block))
    # A block that only holds one step says nothing of its own.
    root = children[0] if len(children) == 1 else PlanNode(kind="query", children=children)
    return root, None if milliseconds is None else milliseconds / 1000


def _below(block: Mapping[str, Any]) -> Iterator[PlanNode]:
    for name, value in block.items():
        if name == "table":
            yield _table(value)
        elif isinstance(value, Mapping) and name not in _NUMBERS:
            yield _step(name, value)
        elif isinstance(value, list) and all(isinstance(item, Mapping) for item in value):
            nodes = [node for item in value for node in _below(item)]
            yield PlanNode(kind=name.replace("_", " "), children=tuple(nodes))


_NUMBERS = ("cost_info", "r_engine_stats", "query_optimization")


def _step(name: str, block: Mapping[str, Any]) -> PlanNode:
    own = block.get("r_total_time_ms", block.get("r_other_time_ms"))
    return PlanNode(
        kind=name.replace("_", " "),
        condition=block.get("sort_key") or block.get("attached_condition"),
        actual=block.get("r_output_rows"),
        seconds=None if own is None else own / 1000,
        children=tuple(_below(block)),
    )


def _table(table: Mapping[str, Any]) -> PlanNode:
    access = str(table.get("access_type", "rows"))
    rows = table.get("rows", table.get("rows_examined_per_scan"))
    kept = table.get("filtered", 100)
    loops = table.get("r_loops")
    scanned = None if loops is None else table.get("r_rows", 0) * loops
    times = [table.get(name) for name in ("r_table_time_ms", "r_other_time_ms")]
    return PlanNode(
        kind=_KINDS.get(access, access),
        table=table.get("table_name"),
        index=table.get("key"),
        condition=table.get("attached_condition") or table.get("index_condition"),
        estimated=None if rows is None else rows * float(kept) / 100,
        actual=None if scanned is None else scanned * table.get("r_filtered", 100) / 100,
        scanned=scanned,
        seconds=None if loops is None else sum(time or 0 for time in times) / 1000,
        reads_all=access == "ALL",
        children=tuple(_below({k: v for k, v in table.items() if k != "attached_condition"})),
    )


_KINDS = {
    "ALL": "full scan",
    "index": "index scan",
    "range": "index range",
    "ref": "index lookup",
    "eq_ref": "unique lookup",
    "const": "one row",
}
