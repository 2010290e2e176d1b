"""Read what `EXPLAIN (FORMAT JSON)` of PostgreSQL says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from andamios_orm.database.query_plans.nodes import PlanNode

__all__ = ["read"]


def read(rows: Sequence[Sequence[Any]]) -> tuple[PlanNode, float | None]:
    """Return the tree, and the seconds that the whole took if it was run."""
    content = rows[0][0]
    (found,) = json.loads(content) if isinstance(content, str) else content
    milliseconds = found.get("Execution Time")
    return _node(found["Plan"]), None if milliseconds is None else milliseconds / 1000


def _node(plan: Mapping[str, Any]) -> PlanNode:
    children = [_node(child) for child in plan.get("Plans", ())]
    loops = plan.get("Actual Loops")
    actual = None if loops is None else plan["Actual Rows"] * loops
    removed = plan.get("Rows Removed by Filter", 0) * (loops or 1)
    conditions = [plan[name] for name in _CONDITIONS if name in plan]
    reads_all = plan["Node Type"] == "Seq Scan"
    return PlanNode(
        kind=_kind(plan),
        table=plan.get("Relation Name") or plan.get("CTE Name") or plan.get("Function Name"),
        alias=plan.get("Alias"),
        index=plan.get("Index Name"),
        condition=" and ".join(map(_text, conditions)) or None,
        estimated=plan["Plan Rows"],
        actual=actual,
        scanned=actual + removed if reads_all and actual is not None else None,
        cost=max(0.0, plan["Total Cost"] - sum(p["Total Cost"] for p in plan.get("Plans", ()))),
        seconds=None if loops is None else max(0.0, _seconds(plan) - _below(plan)),
        reads_all=reads_all,
        children=tuple(children),
    )


_CONDITIONS = ("Index Cond", "Recheck Cond", "Hash Cond", "Merge Cond", "Join Filter", "Filter")


def _kind(plan: Mapping[str, Any]) -> str:
    kind = str(plan["Node Type"])
    join = plan.get("Join Type", "Inner")
    return kind if join == "Inner" else f"{kind} ({join})"


def _text(condition: str | Sequence[str]) -> str:
    return condition if isinstance(condition, str) else ", ".join(condition)


def _seconds(plan: Mapping[str, Any]) -> float:
    return float(plan["Actual Total Time"]) * float(plan["Actual Loops"]) / 1000


def _below(plan: Mapping[str, Any]) -> float:
    return sum(_seconds(child) for child in plan.get("Plans", ()))
