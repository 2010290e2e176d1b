"""SQLAlchemy's own tests for dialects, and here where DuckDB differs in what they compare.

What whole tests need to know is in requirements.py, and which cannot pass in known_failures.py.
"""

import re
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.testing import suite as sqlalchemy_suite
from sqlalchemy.testing.suite import *  # noqa: F403 - the classes are the tests


class ComponentReflectionTest(sqlalchemy_suite.ComponentReflectionTest):  # type: ignore[no-redef] # instead of it
    """DuckDB forgets the names of constraints, and makes others up of table and columns."""

    def exp_pks(self, *args: Any, **kw: Any) -> Any:
        return named(super().exp_pks(*args, **kw), lambda key: [*columns(key), "pkey"])

    def exp_fks(self, *args: Any, **kw: Any) -> Any:
        return named(
            super().exp_fks(*args, **kw),
            lambda key: [*columns(key), *key["referred_columns"], "fkey"],
        )

    def exp_ucs(self, *args: Any, **kw: Any) -> Any:
        return named(super().exp_ucs(*args, **kw), lambda key: [*key["column_names"], "key"])

    def exp_ccs(self, *args: Any, **kw: Any) -> Any:
        return named(
            super().exp_ccs(*args, **kw),
            lambda key: [*re.findall("address_id|test2", str(key["sqltext"])), "check"],
        )

    def _adjust_sort(self, result: Any, expected: Any, key: Callable[[Any], Any]) -> None:
        # They come in the order of their declaration.
        for found in (*result.values(), *expected.values()):
            found.sort(key=key)


def named(expected: Any, parts: Callable[[Any], list[str]]) -> Any:
    for (_, table), keys in expected.items():
        for key in keys if isinstance(keys, list) else [keys]:
            if key["name"] is not None:
                key["name"] = "_".join([table, *parts(key)])
    return expected


def columns(key: Any) -> list[str]:
    found: list[str] = key["constrained_columns"]
    return found


class CTETest(sqlalchemy_suite.CTETest):  # type: ignore[no-redef] # instead of it
    @classmethod
    def define_tables(cls, metadata: sa.MetaData) -> None:
        """Without a foreign key: rows that refer to each other cannot come or go in one go."""
        super().define_tables(metadata)
        metadata.remove(metadata.tables["some_table"])
        sa.Table(
            "some_table",
            metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("data", sa.String(50)),
            sa.Column("parent_id", sa.Integer),
        )


class WindowFunctionTest(sqlalchemy_suite.WindowFunctionTest):  # type: ignore[no-redef] # instead of it
    """Without ORDER BY, DuckDB returns the rows of a window in any order."""

    def test_window_range(self, connection: sa.Connection) -> None:
        super().test_window_range(Sorting(connection))

    def test_window_range_numeric(self, connection: sa.Connection) -> None:
        super().test_window_range_numeric(Sorting(connection))


class Sorting:
    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection

    def execute(self, statement: sa.Select[Any]) -> Any:
        return self.connection.execute(statement.order_by(sa.text("1")))
