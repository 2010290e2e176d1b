"""Expect a query to use an index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from andamios_orm.database.engine import Database
from andamios_orm.database.query_plans import PlanNode, QueryPlan, read_plan
from andamios_orm.errors import NotSupported
from andamios_orm.repositories.asking import statement_of_query
from andamios_orm.repositories.reading import Rows

__all__ = ["IndexNotUsed", "assert_uses_index"]


class IndexNotUsed(AssertionError):
    """A query does without the index that it was expected to use. `plan` is what it does."""

    def __init__(self, message: str, plan: QueryPlan) -> None:
        super().__init__(message)
        self.plan = plan


async def assert_uses_index(
    db: Database,
    query: Rows[Any] | str,
    values: Sequence[object] = (),
    *,
    index: str | None = None,
) -> QueryPlan:
    """Return the plan of a query that uses an index, the one called `index` if that is given.

    `query` is one of a repository, or SQL with `values` as the driver takes them. The tables of a
    test are small, and a planner rightly reads a small table as a whole; so it is asked for the
    plan that it would have for a large one, where the engine can be told so (PostgreSQL, MariaDB,
    MySQL). SQLite does not care how many rows there are.

    Raises IndexNotUsed, an AssertionError that shows the plan, and NotSupported on DuckDB, whose
    plans do not name indexes.

    ```python
    from andamios_orm.testing.query_plans import assert_uses_index

    plan = await assert_uses_index(db, heroes.where(Hero.name == "Ada"))
    assert not any(node.reads_all for node in plan.root.walk())
    ```
    """
    if db.engine_name == "duckdb":
        raise NotSupported(
            "DuckDB decides while it runs a query whether to use an index, and tells no name",
            'mark the test `@pytest.mark.backends("sqlite")`, or another engine with indexes',
        )
    sql, given = (query, list(values)) if isinstance(query, str) else statement_of_query(query)
    plan = await read_plan(db, sql, given, prefer_indexes=True)
    used = [node.index for node in plan.root.walk() if node.index is not None]
    if (index in used) if index is not None else used:
        return plan
    wanted = f"the index {index}" if index is not None else "an index"
    raise IndexNotUsed(
        f"the query does not use {wanted} on {plan.engine}; it uses {', '.join(used) or 'none'}\n"
        f"  {' '.join(sql.split())}\n{_drawn(plan.root)}"
        + "".join(f"\n  Advice: {advice}" for advice in plan.advice),
        plan,
    )


def _drawn(node: PlanNode, depth: int = 1) -> str:
    parts = [
        node.kind,
        f"of {node.table}" if node.table else "",
        f"by {node.index}" if node.index else "",
        f"({node.condition})" if node.condition else "",
    ]
    line = "  " * depth + " ".join(filter(None, parts))
    return "\n".join([line, *(_drawn(child, depth + 1) for child in node.children)])
