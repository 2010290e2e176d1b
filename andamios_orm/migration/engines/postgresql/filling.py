"""Fill a column of a large table, some pages at a time."""

from __future__ import annotations

import sqlalchemy as sa

from andamios_orm.migration.engines.postgresql.catalog import LiveTable

__all__ = ["filled_by_pages"]

_PAGES = 50
"""How many pages of a table are filled at a time: writers wait for less than a tenth of a second
behind rows of theirs that are among them."""


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
        done, pages = 0, int(table.rows(connection, size)[0][0])
    else:
        done, pages = map(int, place.split("/"))
    connection.exec_driver_sql(
        f"UPDATE {table.sql} SET {assignment}"
        f" WHERE ctid >= '({done},0)' AND ctid < '({done + _PAGES},0)' AND {missing}"
    )
    done += _PAGES
    if done < pages:
        return f"{done}/{pages}"
    left = f"SELECT EXISTS (SELECT FROM {table.sql} WHERE {missing})"
    # Only a table that was written anew meanwhile (VACUUM FULL, CLUSTER) has others.
    return f"0/{done * 2}" if connection.exec_driver_sql(left).scalar() else None
