"""Another type for a column, while the table is read and written.

Where the server would write the whole table anew behind a lock, a second column is put beside the
first: a trigger fills it in new rows, batches fill it in old ones, its indexes and constraints are
made meanwhile, and in the end it takes the place of the first in one short transaction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import sqlalchemy as sa

from andamios_orm.errors import NotSupported
from andamios_orm.migration.engines.base import Step
from andamios_orm.migration.engines.postgresql.catalog import LiveColumn, LiveTable
from andamios_orm.migration.engines.postgresql.counting import set_sequence
from andamios_orm.migration.engines.postgresql.dependents import (
    CONSTRAINTS,
    INDEXES,
    NOT_TO_ITSELF,
    OBSTACLES,
    OF_TABLE,
    TO_COLUMN,
    UNVALIDATED,
)
from andamios_orm.migration.engines.postgresql.filling import filled_by_pages
from andamios_orm.migration.engines.postgresql.names import literal, own_name, quoted, replaced

__all__ = ["KEEP", "Retyping"]


class _Keep:
    pass


KEEP: Final = _Keep()
"""The default that the column has."""


@contextmanager
def _attempt(connection: sa.Connection) -> Iterator[None]:
    connection.exec_driver_sql("BEGIN")
    try:
        yield
    finally:
        connection.exec_driver_sql("ROLLBACK")


def _is_rewritten(connection: sa.Connection, old: str, new: str) -> bool:
    """Whether the server writes a table anew where a column gets another type.

    It is asked with an empty table of its own, as it decides that without a look at the rows.
    """
    place = sa.text("SELECT pg_relation_filenode('pg_temp.andamios_new_probe')")
    try:
        with _attempt(connection):
            connection.exec_driver_sql(_UTC)
            connection.exec_driver_sql(f"CREATE TEMP TABLE andamios_new_probe (c {old})")
            before = connection.scalar(place)
            connection.exec_driver_sql(
                f"ALTER TABLE pg_temp.andamios_new_probe ALTER COLUMN c TYPE {new}"
            )
            return bool(connection.scalar(place) != before)
    except sa.exc.DBAPIError:
        # It does not become the other type by itself.
        return True


_CANNOT_COERCE = "42846"


def _require_cast(connection: sa.Connection, old: str, new: str) -> None:
    """Raise NotSupported for types between which the server has no cast."""
    try:
        with _attempt(connection):
            connection.exec_driver_sql(f"SELECT CAST(CAST(NULL AS {old}) AS {new})")
    except sa.exc.DBAPIError as error:
        # A type that an earlier operation makes is not there yet.
        if getattr(error.orig, "sqlstate", None) == _CANNOT_COERCE:
            raise NotSupported(
                f"PostgreSQL makes no {new.lower()} of {old.lower()}",
                "say how in the revision, as in op.alter_column(..., postgresql_using="
                "\"n * interval '1 second'\"), which is SQL over the row's columns",
            ) from None


_UTC = "SET LOCAL timezone TO 'UTC'"
"""A time without a zone is one in UTC, whatever the zone of the session that migrates."""


@dataclass(frozen=True, kw_only=True)
class Retyping:
    """A column, and the type it is to have."""

    table: LiveTable
    column: str
    type: str
    """As it is written in CREATE TABLE."""
    using: str | None = None
    """The new value, as SQL over the columns of the row; None for the old one in another type."""
    default: str | _Keep | None = KEEP
    types: Mapping[str, str] = field(default_factory=dict)
    """Types that are another in all that depends on the column."""
    without: frozenset[str] = frozenset()
    """Indexes and constraints over the column that somebody else makes again."""

    # -- which way

    def steps(self, connection: sa.Connection, old: str | None, small: int) -> Sequence[Step]:
        """Return the steps; `old` is the type that the revision says the column has.

        A table of less than `small` bytes is written anew at once. Raises NotSupported where the
        server has no cast from the one type to the other.
        """
        old = old or self._live(connection).type
        if self.using is None:
            if not _is_rewritten(connection, old, self.type):
                return self._in_place(connection)
            _require_cast(connection, old, self.type)
        obstacle = self.obstacle(connection)
        if obstacle is None and not self._is_under_way(connection):
            size = "SELECT pg_total_relation_size(:table)"
            if self.table.rows(connection, size)[0][0] < small:
                obstacle = "the table is small"
        if obstacle is not None:
            return [
                Step(
                    statements=tuple(self.at_once(connection)),
                    told=f"the table is written anew behind a lock: {obstacle}",
                )
            ]
        return [*self.beside(connection), self.swapped(connection)]

    def _in_place(self, connection: sa.Connection) -> Sequence[Step]:
        """Return the steps where no row changes; the server would look at what is checked."""
        statements = tuple(self.at_once(connection, using=False))
        if not self._checks(connection):
            return [Step(statements=statements)]
        alter = partial(self._alter_without_checks, statements)
        return [
            Step(run=alter, told="; ".join(statements)),
            Step(run=self._validate, lock=False, told=f"validate the checks of {self._told}"),
        ]

    def _alter_without_checks(self, statements: Sequence[str], connection: sa.Connection) -> None:
        checks = self._checks(connection)
        alter = f"ALTER TABLE {self.table.sql}"
        for check in checks:
            connection.exec_driver_sql(f"{alter} DROP CONSTRAINT {quoted(check.name)}")
        for statement in statements:
            connection.exec_driver_sql(statement)
        for check in checks:
            sql = check.sql.removesuffix(" NOT VALID")
            added = f"{alter} ADD CONSTRAINT {quoted(check.name)} {sql} NOT VALID"
            connection.exec_driver_sql(added)

    def at_once(self, connection: sa.Connection, *, using: bool = True) -> Iterator[str]:
        """Yield the statements that have the server write the table anew."""
        live = self._live(connection)
        alter = f"ALTER TABLE {self.table.sql} ALTER COLUMN {quoted(self.column)}"
        default = self._default_of(live)
        sets = bool(self.types) or not isinstance(self.default, _Keep)
        yield _UTC
        if sets:
            yield f"{alter} DROP {'IDENTITY' if live.identity else 'DEFAULT'}"
        value = f" USING {self._value(quoted(self.column))}" if using else ""
        yield f"{alter} TYPE {self.type}{value}"
        if sets and default is not None:
            yield f"{alter} SET DEFAULT {default}"
        yield from self._widened(live)

    def _widened(self, live: LiveColumn) -> Iterator[str]:
        """Yield what lets a serial column's sequence count as far as the column does."""
        if live.is_serial and isinstance(self.default, _Keep) and self.type.lower() in _WHOLE:
            yield f"ALTER SEQUENCE {live.sequence} AS {self.type}"

    def _is_under_way(self, connection: sa.Connection) -> bool:
        return self.table.column(connection, self._new) is not None

    def obstacle(self, connection: sa.Connection) -> str | None:
        """Return why the column cannot be replaced by another one; None if it can."""
        found = self.table.rows(connection, OBSTACLES, column=self.column)
        return found[0][0] if found else None

    # -- beside the column

    def beside(self, connection: sa.Connection) -> Iterator[Step]:
        """Yield the steps to a second column that has all the values, indexes and constraints."""
        yield Step(
            run=self._try, lock=False, told=f"look whether all values of {self._told} go with it"
        )
        yield Step(run=self._expand, told=f"put a second column beside {self._told}")
        yield Step(batch=self._fill, told=f"fill the second column of {self._told}")
        if self._indexes(connection):
            yield Step(
                run=self._build,
                transaction=False,
                lock=False,
                told=f"build the indexes of {self._told} on the second column",
            )
        if self._incoming(connection):
            yield Step(run=self._refer, told=f"refer to the second column of {self._told}")
        yield Step(
            run=self._validate,
            transaction=False,
            lock=False,
            told=f"validate the constraints on the second column of {self._told}",
        )

    def swapped(self, connection: sa.Connection) -> Step:
        """Return the step that puts the second column in the place of the first."""
        return Step(run=self.swap, told=f"put the second column in the place of {self._told}")

    @property
    def _told(self) -> str:
        return f"{self.table.sql}.{quoted(self.column)}"

    @property
    def _new(self) -> str:
        return own_name(self.table.schema, self.table.name, self.column, "column")

    @property
    def _required(self) -> str:
        return own_name(self.table.schema, self.table.name, self.column, "not null")

    def _twin(self, name: str) -> str:
        return own_name(self.table.schema, self.table.name, self.column, name)

    @property
    def _function(self) -> str:
        return self.table.sibling(f"{self._new}_fill")

    @property
    def _trigger(self) -> str:
        # Triggers fire in the order of their names: after those that may change the column.
        return f'"~{self._new}"'

    def _value(self, column: str) -> str:
        return self.using or f"CAST({column} AS {_without_limits(self.type)})"

    def _live(self, connection: sa.Connection) -> LiveColumn:
        return self.table.existing(connection, self.column)

    def _default_of(self, live: LiveColumn) -> str | None:
        if not isinstance(self.default, _Keep):
            return self.default
        return live.default and replaced(live.default, "", "", self.types)

    def _renamed(self, sql: str) -> str:
        return replaced(sql, self.column, self._new, self.types)

    def _try(self, connection: sa.Connection) -> None:
        """Assign every value to a variable of the type, so that one that does not fit shows.

        Later, the trigger would refuse writers their rows until somebody had changed it.
        """
        value = self._value(quoted(self.column))
        body = (
            f"DECLARE given record; kept {self.type}; BEGIN"
            f" FOR given IN SELECT {value} AS value FROM {self.table.sql} LOOP"
            " kept := given.value; END LOOP; END"
        )
        connection.exec_driver_sql(_UTC)
        connection.exec_driver_sql(f"DO {literal(body)}")

    def _expand(self, connection: sa.Connection) -> None:
        run, live = connection.exec_driver_sql, self._live(connection)
        alter, new = f"ALTER TABLE {self.table.sql}", quoted(self._new)
        for statement in (
            # What an attempt has left that was given up.
            f"DROP TRIGGER IF EXISTS {self._trigger} ON {self.table.sql}",
            f"DROP FUNCTION IF EXISTS {self._function}",
            f"{alter} DROP COLUMN IF EXISTS {new} CASCADE",
            f"{alter} ADD COLUMN {new} {self.type}",
        ):
            run(statement)
        default = self._default_of(live)
        if default is not None and not live.is_serial:
            # If the type does not go with it, that shows now and not in the end.
            run(f"{alter} ALTER COLUMN {new} SET DEFAULT {default}")
            run(f"{alter} ALTER COLUMN {new} DROP DEFAULT")
        row = f"(SELECT {self.using} FROM (SELECT (NEW).*) AS {quoted(self.table.name)})"
        value = row if self.using else self._value(f"NEW.{quoted(self.column)}")
        body = f"BEGIN NEW.{new} := {value}; RETURN NEW; END"
        zone = " SET timezone TO 'UTC'" if _IN_TIME.search(f"{live.type} {self.type}") else ""
        run(
            f"CREATE FUNCTION {self._function}() RETURNS trigger LANGUAGE plpgsql{zone}"
            f" AS {literal(body)}"
        )
        run(
            f"CREATE TRIGGER {self._trigger} BEFORE INSERT OR UPDATE ON {self.table.sql}"
            f" FOR EACH ROW EXECUTE FUNCTION {self._function}()"
        )
        if not live.nullable:
            run(f"{alter} ADD CONSTRAINT {self._required} CHECK ({new} IS NOT NULL) NOT VALID")
        for one in [*self._checks(connection), *self._outgoing(connection)]:
            run(f"{alter} ADD CONSTRAINT {self._twin(one.name)} {self._twin_sql(one)} NOT VALID")

    def _fill(self, connection: sa.Connection, place: str | None) -> str | None:
        connection.exec_driver_sql(_UTC)
        value, new = self._value(quoted(self.column)), quoted(self._new)
        missing = f"{new} IS NULL AND ({value}) IS NOT NULL"
        return filled_by_pages(self.table, f"{new} = {value}", missing, connection, place)

    def _build(self, connection: sa.Connection) -> None:
        for index in self._indexes(connection):
            twin = self._twin(index.name)
            validity = self.table.index_validity(connection, twin)
            if validity is False:
                connection.exec_driver_sql(
                    f"DROP INDEX CONCURRENTLY IF EXISTS {self.table.sibling(twin)}"
                )
            if not validity:
                connection.exec_driver_sql(
                    f"CREATE {'UNIQUE ' if index.is_unique else ''}INDEX CONCURRENTLY {twin}"
                    f" ON {self.table.sql} USING {self._renamed(index.sql)}"
                )

    def _refer(self, connection: sa.Connection) -> None:
        for key in self._incoming(connection):
            connection.exec_driver_sql(
                f"ALTER TABLE {key.owner} ADD CONSTRAINT {self._twin(key.name)}"
                f" {self._twin_sql(key)} NOT VALID"
            )

    def _validate(self, connection: sa.Connection) -> None:
        live = self.table.column(connection, self._new) or self._live(connection)
        for one in self.table.rows(connection, UNVALIDATED, number=live.number):
            connection.exec_driver_sql(
                f"ALTER TABLE {one.owner} VALIDATE CONSTRAINT {quoted(one.name)}"
            )
        if self._is_under_way(connection):
            connection.exec_driver_sql(f"ANALYZE {self.table.sql} ({quoted(self._new)})")

    # -- in its place

    def swap(self, connection: sa.Connection) -> None:
        """Put the second column in the place of the first."""
        run, live = connection.exec_driver_sql, self._live(connection)
        alter, old, new = f"ALTER TABLE {self.table.sql}", quoted(self.column), quoted(self._new)
        incoming = self._incoming(connection)
        others = dict.fromkeys(key.owner for key in incoming if key.owner != self.table.sql)
        run(f"LOCK TABLE {', '.join([self.table.sql, *others])} IN ACCESS EXCLUSIVE MODE")
        indexes = self._indexes(connection)
        own = [*self._checks(connection), *self._outgoing(connection)]
        counted = None
        if live.sequence is not None:
            counted = run(f"SELECT last_value, is_called FROM {live.sequence}").one()
        run(f"DROP TRIGGER {self._trigger} ON {self.table.sql}")
        run(f"DROP FUNCTION {self._function}")
        for key in incoming:
            run(f"ALTER TABLE {key.owner} DROP CONSTRAINT {quoted(key.name)}")
        if live.comment is not None:
            run(f"COMMENT ON COLUMN {self.table.sql}.{new} IS {literal(live.comment)}")
        keeps = isinstance(self.default, _Keep)
        if live.is_serial and keeps:
            run(f"ALTER SEQUENCE {live.sequence} OWNED BY {self.table.sql}.{new}")
            run(f"ALTER TABLE {self.table.sql} ALTER COLUMN {old} DROP DEFAULT")
        run(f"{alter} DROP COLUMN {old}")
        run(f"{alter} RENAME COLUMN {new} TO {old}")
        if not live.nullable:
            # Since version 18 that is a constraint, which has a name after the column's.
            run(f"{alter} ALTER COLUMN {old} SET NOT NULL")
            run(f"{alter} DROP CONSTRAINT {self._required}")
        for index in indexes:
            run(self._taken_over(index))
        for one in own:
            run(f"{alter} RENAME CONSTRAINT {self._twin(one.name)} TO {quoted(one.name)}")
        for key in incoming:
            name = self._twin(key.name)
            run(f"ALTER TABLE {key.owner} RENAME CONSTRAINT {name} TO {quoted(key.name)}")
        if live.identity is not None and counted is not None and keeps:
            options = f"SEQUENCE NAME {live.sequence} {live.settings}".strip()
            made = f"GENERATED {live.identity} AS IDENTITY ({options})"
            run(f"{alter} ALTER COLUMN {old} ADD {made}")
            set_sequence(connection, str(live.sequence), counted[0], called=counted[1])
            return
        default = self._default_of(live)
        if default is not None:
            run(f"{alter} ALTER COLUMN {old} SET DEFAULT {default}")
        for statement in self._widened(live):
            run(statement)

    def _taken_over(self, index: Any) -> str:
        if index.constraint is None:
            twin = self.table.sibling(self._twin(index.name))
            return f"ALTER INDEX {twin} RENAME TO {quoted(index.name)}"
        kind = "PRIMARY KEY" if index.kind == "p" else "UNIQUE"
        return (
            f"ALTER TABLE {self.table.sql} ADD CONSTRAINT {quoted(index.constraint)} {kind}"
            f" USING INDEX {self._twin(index.name)}{index.deferred}"
        )

    # -- what there is about the column

    def _indexes(self, connection: sa.Connection) -> Sequence[Any]:
        found = self.table.rows(connection, INDEXES, column=self.column)
        return [one for one in found if one.name not in self.without]

    def _constraints(self, connection: sa.Connection, condition: str) -> Sequence[Any]:
        found = self.table.rows(connection, CONSTRAINTS + condition, column=self.column)
        return [one for one in found if one.name not in self.without]

    def over_it(self, connection: sa.Connection) -> dict[str, str]:
        """Return the indexes and constraints over the column, with the SQL that makes each."""
        found = {one.name: one.whole for one in self._indexes(connection)}
        alter = f"ALTER TABLE {self.table.sql} ADD CONSTRAINT"
        for one in [*self._checks(connection), *self._outgoing(connection)]:
            found[one.name] = f"{alter} {quoted(one.name)} {one.sql}"
        return found

    def _checks(self, connection: sa.Connection) -> Sequence[Any]:
        return self._constraints(connection, OF_TABLE + " AND c.contype = 'c'")

    def _outgoing(self, connection: sa.Connection) -> Sequence[Any]:
        return self._constraints(connection, OF_TABLE + " AND c.contype = 'f'" + NOT_TO_ITSELF)

    def _incoming(self, connection: sa.Connection) -> Sequence[Any]:
        return self._constraints(connection, TO_COLUMN)

    def _twin_sql(self, one: Any) -> str:
        """Return a constraint over the second column instead of the first."""
        if one.kind == "c":
            return self._renamed(one.sql)
        parts = _FOREIGN_KEY.match(one.sql)
        assert parts is not None  # noqa: S101 - PostgreSQL's own text
        own, options, others = parts["own"], parts["options"], parts["others"]
        if one.is_of_column:
            own, options = self._renamed(own), self._renamed(options)
        if one.is_to_column:
            others = self._renamed(others)
        return f"FOREIGN KEY ({own}) REFERENCES {parts['target']}({others}){options}"


_IN_TIME = re.compile("time|date", re.IGNORECASE)
_WHOLE = ("smallint", "integer", "bigint")


def _without_limits(type_: str) -> str:
    """Return a type without its length, which a CAST would cut a value to.

    What is stored in a column of the type itself is refused when it is too long.
    """
    found = re.sub(r'\s+COLLATE\s+("[^"]*"|\w+)', "", type_)
    found = re.sub(r"\(\d+(\s*,\s*-?\d+)?\)", "", found)
    found = re.sub(r"\bCHAR(ACTER)?\b(?!\s+VARYING)", "bpchar", found, flags=re.IGNORECASE)
    return re.sub(r"\bBIT\b(?!\s+VARYING)", "bit varying", found, flags=re.IGNORECASE)


_FOREIGN_KEY = re.compile(
    r"FOREIGN KEY \((?P<own>.*?)\) REFERENCES (?P<target>[^(]+)\((?P<others>.*?)\)(?P<options>.*)",
    re.DOTALL,
)
