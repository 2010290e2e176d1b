"""Any table of SQLite becomes any other one, with its rows, or is left alone and said why."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from alembic.operations import MigrateOperation
from hypothesis import given, settings
from hypothesis import strategies as st

from andamios_orm.errors import MigrationError
from andamios_orm.migration.counting import counted
from andamios_orm.migration.diff import Answers, compare
from andamios_orm.migration.engines.base import transaction
from andamios_orm.migration.engines.sqlite import SQLiteEngine
from andamios_orm.migration.reading import invoking, plain_steps
from andamios_orm.migration.render import render
from andamios_orm.migration.state import SchemaState, TableName, TableState
from andamios_orm.schema.registry import NAMING_CONVENTION

ENGINE = SQLiteEngine()
NAMES = ("a", "b", "order", "Camel", "with space", 'q"(,', "x:y", "it's")
TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "INTEGER": sa.Integer(),
    "TEXT": sa.Text(),
    "REAL": sa.REAL(),
    "BLOB": sa.BLOB(),
}
VALUES = {
    "INTEGER": ("1", "2", "3", "NULL"),
    "TEXT": ("'a'", "'A'", "'7'", "''", "NULL"),
    "REAL": ("1.0", "2.5", "NULL"),
    "BLOB": ("x'00'", "NULL"),
}
TABLE = '"t""able"'
preparer = sa.create_engine("sqlite://").dialect.identifier_preparer


@dataclass(frozen=True)
class Declared:
    """A table as it is declared, built anew for each MetaData."""

    columns: dict[str, dict[str, Any]]
    constraints: tuple[tuple[str, str], ...]
    options: dict[str, Any]

    def metadata(self) -> sa.MetaData:
        metadata = sa.MetaData(naming_convention=NAMING_CONVENTION)
        sa.Table("base", metadata, sa.Column("id", sa.Integer(), primary_key=True))
        items: list[sa.schema.SchemaItem] = [_column(n, **c) for n, c in self.columns.items()]
        items += [_constraint(kind, name) for kind, name in self.constraints]
        sa.Table('t"able', metadata, *items, **self.options)
        return metadata


def _column(name: str, *, kind: str, made: str | None, **more: Any) -> sa.Column[Any]:
    computed = [sa.Computed(sa.text("1 + 1"), persisted=made == "stored")] if made else []
    if more["server_default"] is not None:
        more["server_default"] = sa.text(more["server_default"])
    return sa.Column(name, TYPES[kind], *computed, **more)


def _constraint(kind: str, name: str) -> sa.schema.SchemaItem:
    sql = preparer.quote(name).replace(":", "\\:")
    match kind:
        case "unique":
            return sa.UniqueConstraint(name)
        case "check":
            return sa.CheckConstraint(sa.text(f"{sql} IS NULL OR {sql} <> '('"), name=f"c {name}")
        case "foreign key":
            return sa.ForeignKeyConstraint([name], ["base.id"], ondelete="CASCADE")
        case "index":
            return sa.Index(f"ix {name}", name)
        case "expression":
            return sa.Index(f"lower {name}", sa.text(f"lower({sql})"), sa.text(f"{sql} DESC"))
        case _:
            where = sa.text(f"{sql} IS NOT NULL")
            return sa.Index(f"part {name}", name, unique=True, sqlite_where=where)


@st.composite
def tables(draw: st.DrawFn) -> Declared:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True))
    key = draw(st.sampled_from([None, "plain", "counted"]))
    columns: dict[str, dict[str, Any]] = {}
    if key is not None:
        columns["id"] = {"kind": "INTEGER", "made": None, "server_default": None}
        columns["id"]["primary_key"] = True
    for number, name in enumerate(names):
        kind = draw(st.sampled_from(sorted(TYPES)))
        made = draw(st.sampled_from([None, None, None, "stored", "virtual"])) if number else None
        default = draw(st.sampled_from([None, None, "3", "(1 + 1)"]))
        if made or kind == "BLOB":
            default = None
        nullable = draw(st.booleans()) if not made else True
        columns[name] = {
            "kind": "INTEGER" if made else kind,
            "made": made,
            "nullable": nullable,
            "server_default": default,
        }
    kinds = st.sampled_from(["unique", "check", "foreign key", "index", "expression", "partial"])
    chosen = st.lists(st.tuples(kinds, st.sampled_from(names)), max_size=3, unique=True)
    strict, counts = draw(st.booleans()), key == "counted"
    options = {"sqlite_strict": strict, "sqlite_autoincrement": counts}
    return Declared(columns, tuple(draw(chosen)), options)


@contextmanager
def database(metadata: sa.MetaData) -> Iterator[sa.Connection]:
    engine = sa.create_engine("sqlite://", isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA foreign_keys = ON")
            metadata.create_all(connection)
            connection.exec_driver_sql("INSERT INTO base VALUES (1), (2)")
            yield connection
    finally:
        # Hypothesis leaves by an exception an example that it cannot use.
        engine.dispose()


def fill(connection: sa.Connection, data: st.DataObject) -> None:
    """Put rows into the table, as far as it takes them."""
    columns = inspected(connection).columns
    plain = [column for column in columns if column.computed is None]
    names = ", ".join(preparer.quote(column.name) for column in plain)
    row = st.tuples(*(st.sampled_from(VALUES[column.type]) for column in plain))
    for values in data.draw(st.lists(row, max_size=4)):
        with suppress(sa.exc.IntegrityError):
            connection.exec_driver_sql(
                f"INSERT INTO {TABLE} ({names}) VALUES ({', '.join(values)})"
            )


def inspected(connection: sa.Connection) -> TableState:
    return ENGINE.inspect(connection, [None]).tables[TableName('t"able')]


def count(connection: sa.Connection) -> int:
    counted_rows: int = connection.exec_driver_sql(f"SELECT count(*) FROM {TABLE}").scalar_one()
    return counted_rows


def in_any_order(table: TableState) -> TableState:
    return replace(table, columns=tuple(sorted(table.columns, key=lambda column: column.name)))


def operations(before: SchemaState, after: SchemaState) -> list[MigrateOperation]:
    """What turns one state into the other, with nothing renamed."""
    names = (f"{table.name}.{c}" for table in before.tables.values() for c in table.column_names)
    comparison = compare(before, after, Answers(dropped=frozenset(names)))
    assert not comparison.questions
    return list(ENGINE.operations(comparison.changes, before, after))


def written(upgrade: list[MigrateOperation]) -> Any:
    """The function that a revision file has for the operations."""
    rendered = render(upgrade, ())
    program = "\n".join(
        [
            "import sqlalchemy as sa",
            "from alembic import op",
            *rendered.imports,
            "def upgrade():",
            rendered.upgrade,
        ]
    )
    names: dict[str, Any] = {}
    exec(program, names)  # noqa: S102 - as alembic does with a file
    return names["upgrade"]


def perform(connection: sa.Connection, operation: MigrateOperation) -> None:
    steps = ENGINE.steps(operation, connection)
    for step in plain_steps(operation, connection.dialect) if steps is None else steps:
        for statement in step.before:
            connection.exec_driver_sql(statement)
        try:
            with transaction(connection, "BEGIN IMMEDIATE"):
                for statement in step.statements:
                    connection.exec_driver_sql(statement)
                if step.run is not None:
                    step.run(connection)
        finally:
            for statement in step.after:
                connection.exec_driver_sql(statement)


@given(tables(), tables(), st.data())
@settings(max_examples=50)
def test_any_table_becomes_any_other_with_its_rows_or_was_said_not_to(
    old: Declared, new: Declared, data: st.DataObject
) -> None:
    with database(old.metadata()) as connection:
        fill(connection, data)
        rows = count(connection)
        before = ENGINE.inspect(connection, [None])
        after = ENGINE.desired(connection, new.metadata())
        upgrade = operations(before, after)
        in_the_way = counted(connection, ENGINE, upgrade, before)
        try:
            with invoking(connection, lambda operation: perform(connection, operation)):
                written(upgrade)()
        except (MigrationError, sa.exc.IntegrityError):
            assert in_the_way
        else:
            wanted = after.tables[TableName('t"able')]
            assert in_any_order(inspected(connection)) == in_any_order(wanted)
        assert count(connection) == rows
