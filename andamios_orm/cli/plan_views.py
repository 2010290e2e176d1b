"""How the plan of a query looks at a terminal."""

from __future__ import annotations

from rich.console import Group
from rich.text import Text
from rich.tree import Tree

from andamios_orm.database.query_plans import PlanNode, QueryPlan

__all__ = ["drawn"]

_WIDTH = 10


def drawn(plan: QueryPlan) -> Group:
    """Return the plan as a tree, the first step lowest, with advice below."""
    title = Text.assemble((plan.engine, "bold"))
    if plan.seconds is not None:
        title.append(f"  {_time(plan.seconds)}")
    if plan.measure is not None:
        title.append(f"  bars: part of the whole {plan.measure}", style="dim")
    tree = Tree(title, guide_style="dim")
    _add(tree, plan.root, plan)
    advice = [Text(f"! {found}", style="yellow") for found in plan.advice]
    return Group(tree, *advice)


def _add(tree: Tree, node: PlanNode, plan: QueryPlan) -> None:
    warned = any(found.table in (node.table, node.alias) for found in plan.advice)
    line = Text()
    share = plan.share(node)
    if share is not None:
        full = round(share * _WIDTH)
        line.append("█" * full, style=_heat(share))
        line.append("░" * (_WIDTH - full), style="dim")
        line.append(f" {share:4.0%}  ", style="dim")
    line.append(node.kind, style="bold yellow" if warned and node.reads_all else "bold")
    if node.table is not None:
        line.append(f" {node.table}", style="cyan")
        if node.alias not in (None, node.table):
            line.append(f" as {node.alias}", style="dim")
    if node.index is not None:
        line.append(f" by {node.index}", style="green")
    line.append(_rows(node), style="dim")
    branch = tree.add(line)
    if node.condition is not None:
        branch.add(Text(node.condition, style="dim"))
    for child in node.children:
        _add(branch, child, plan)


def _heat(share: float) -> str:
    return "red" if share >= 0.5 else "yellow" if share >= 0.2 else "green"


def _rows(node: PlanNode) -> str:
    parts = []
    if node.actual is not None:
        parts.append(f"{node.actual:,.0f} rows")
        if node.estimated is not None:
            parts.append(f"expected {node.estimated:,.0f}")
    elif node.estimated is not None:
        parts.append(f"about {node.estimated:,.0f} rows")
    if node.scanned is not None:
        parts.append(f"looked at {node.scanned:,.0f}")
    if node.seconds is not None:
        parts.append(_time(node.seconds))
    return f"  {', '.join(parts)}" if parts else ""


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.2f} ms"
