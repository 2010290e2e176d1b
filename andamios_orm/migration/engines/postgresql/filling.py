"""Fill a column of a large table, some pages at a time."""

from __future__ import annotations

from time import perf_counter

import sqlalchemy as sa

from andamios_orm.migration.engines.postgresql.catalog import LiveTable

__all__ = ["filled_by_pages", "paced"]

_FIRST = 10
_LONG, _SHORT = 0.05, 0.02
"""Seconds. Writers of the rows that are being filled wait as long as that takes."""


def filled_by_pages(
    table: LiveTable,
    assignment: str,
    missing: str,
    connection: sa.Connection,
    place: str | None,
) -> str | None:
    """Make an assignment in some pages of a table, and return up to which one of how many.

    The pages are those that it has at first: in rows that come to others, a default or a trigger
    has done so already. `missing` is true of a row where it has still to be made.
    """
    if place is None:
        size = "SELECT pg_relation_size(:table) / current_setting('block_size')::int"
        done, pages, some = 0, int(table.rows(connection, size)[0][0]), _FIRST
    else:
        done, pages, some = map(int, place.split("/"))
    begun = perf_counter()
    connection.exec_driver_sql(
        f"UPDATE {table.sql} SET {assignment}"
        f" WHERE ctid >= '({done},0)' AND ctid < '({done + some},0)' AND {missing}"
    )
    done, some = done + some, paced(some, perf_counter() - begun)
    if done < pages:
        return f"{done}/{pages}/{some}"
    left = f"SELECT EXISTS (SELECT FROM {table.sql} WHERE {missing})"
    # Only a table that was written anew meanwhile (VACUUM FULL, CLUSTER) has others.
    return f"0/{done * 2}/{some}" if connection.exec_driver_sql(left).scalar() else None


def paced(pages: int, seconds: float) -> int:
    """Return how many pages are next, after some that took so long.

    >>> paced(40, 0.2), paced(40, 0.04), paced(40, 0.01)
    (20, 40, 80)
    """
    if seconds > _LONG:
        return max(pages // 2, 1)
    return pages * 2 if seconds < _SHORT else pages
