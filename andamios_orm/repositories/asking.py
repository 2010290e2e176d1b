"""What a query asks its database, for those who want to see it."""

from __future__ import annotations

from typing import Any

from andamios_orm.repositories.reading import Rows

__all__ = ["statement_of_query"]


def statement_of_query(query: Rows[Any]) -> tuple[str, list[object]]:
    """Return the statement of a query, and its values, both as the driver takes them.

    What the query loads besides are further statements, and not part of it.
    """
    plan = query._plan()  # noqa: SLF001 - a plan is no part of what a query is used for
    values = query._values(query._selection)  # noqa: SLF001 - as above
    return plan.sql, plan.bind(values)
