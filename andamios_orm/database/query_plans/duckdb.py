"""Read what `EXPLAIN (FORMAT json)` of DuckDB says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from andamios_orm.database.query_plans.nodes import PlanNode

__all__ = ["read"]

_WRAPPERS = ("RESULT_COLLECTOR", "EXPLAIN_ANALYZE")


def read(rows: Sequence[Sequence[Any]]) -> tuple[PlanNode, float | None]:
    """Return the tree, and the seconds that the whole took if it was run."""
    found = json.loads(rows[0][1])
    if isinstance(found, list):
        return _node(found[0]), None
    top = found["operator"][0]
    while _name(top) in _WRAPPERS:
        top = top["children"][0]
    return _node(top), found["query"]["total_time"]


def _name(plan: Mapping[str, Any]) -> str:
    # DuckDB 2.0.0 gives no name for an operator that it has run.
    name: str = plan.get("name") or plan["type"]
    return name.strip()


def _node(plan: Mapping[str, Any]) -> PlanNode:
    extra = plan["extra_info"]
    table = extra.get("Table")
    estimated = extra.get("Estimated Cardinality")
    return PlanNode(
        kind=_name(plan),
        table=None if table is None else str(table).rpartition(".")[2],
        index="an index" if extra.get("Type") == "Index Scan" else None,
        condition=_condition(extra),
        estimated=None if estimated is None else float(estimated),
        actual=plan.get("intermediate_rows"),
        scanned=plan.get("rows_scanned"),
        seconds=plan.get("timing"),
        reads_all=extra.get("Type") == "Sequential Scan",
        children=tuple(_node(child) for child in plan.get("children", ())),
    )


def _condition(extra: Mapping[str, Any]) -> str | None:
    parts = [extra[name] for name in ("Filters", "Conditions", "Expression") if name in extra]
    texts = [text for part in parts for text in (part if isinstance(part, list) else [part])]
    return " and ".join(texts) or None
