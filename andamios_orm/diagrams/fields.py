"""How one field of a model is stored on each engine, and why that way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from pydantic import BaseModel

from andamios_orm.diagrams.models import checks_of_column, default_of, type_of
from andamios_orm.errors import NotSupported, UsageError
from andamios_orm.schema.compiler import spec_of, table_of
from andamios_orm.schema.spec import FieldSpec, Kind, Storage

__all__ = ["ENGINES", "StoredField", "dialect_of", "stored_field"]

ENGINES = ("duckdb", "sqlite", "postgresql", "mariadb", "mysql")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredField:
    """One field on one engine."""

    engine: str
    type: str
    """As SQL writes it; empty where the engine cannot store the field."""
    nullable: bool
    default: str | None = None
    rules: tuple[str, ...] = ()
    """What the database itself refuses."""
    why: str = ""
    """Why it is that type."""
    problem: str | None = None
    """Why the engine cannot store it."""


def dialect_of(engine: str) -> sa.Dialect:
    """Return the SQLAlchemy dialect of an engine's name; no driver is needed."""
    # The bare name of DuckDB's may belong to another package.
    url = "duckdb+andamios://" if engine == "duckdb" else f"{engine}://"
    return sa.make_url(url).get_dialect()()


def stored_field(model: type[BaseModel], name: str, engine: str) -> StoredField:
    """Return how a field is stored on one engine. Raises UsageError for a name of no field."""
    spec = spec_of(model)
    found = next((f for f in spec.fields if name in (f.name, f.column)), None)
    if found is None:
        known = ", ".join(field.name for field in spec.fields)
        raise UsageError(f"{spec.name} has no field `{name}`", f"name one of: {known}")
    dialect = dialect_of(engine)
    column = table_of(model).columns[found.column]
    try:
        written = type_of(column, dialect)
    except NotSupported as error:
        return StoredField(
            engine=engine,
            type="",
            nullable=found.nullable,
            problem=f"{error.problem}: {error.fix}",
        )
    ddl = dialect.ddl_compiler(dialect, None)  # type: ignore[arg-type]  # it compiles parts only
    return StoredField(
        engine=engine,
        type=written,
        nullable=found.nullable,
        default=default_of(column, ddl),
        rules=tuple(checks_of_column(column, ddl)),
        why=_why(found, engine),
    )


def _why(field: FieldSpec, engine: str) -> str:
    storage = field.storage
    if storage.kind is Kind.CUSTOM:
        return "the type that column_type= gives"
    if engine == "sqlite" and storage.kind is Kind.DECIMAL:
        return _decimal_on_sqlite(storage)
    family = "mysql" if engine == "mariadb" else engine
    return _WHY[storage.kind].get(family) or _WHY[storage.kind]["*"]


def _decimal_on_sqlite(storage: Storage) -> str:
    if (storage.precision or 0) > 15:
        return (
            "SQLite has no decimals, and a double keeps 15 digits: more are kept as text, which SQL"
            " neither orders nor adds up"
        )
    return "SQLite has no decimals; a double keeps 15 digits exactly, and a CHECK counts the places"


_WHY: Mapping[Kind, Mapping[str, str]] = {
    Kind.INTEGER: {
        "*": "64 bits, whatever the bounds: a number that grows needs no migration",
        "sqlite": "SQLite's INTEGER has 64 bits, and takes only as many as the number needs",
    },
    Kind.FLOAT: {
        "*": "a double, as Python's float; NaN and the infinities are refused",
        "sqlite": "a double; NaN would become NULL, and is refused",
    },
    Kind.DECIMAL: {"*": "exact, with the digits and places that are declared"},
    Kind.BOOLEAN: {
        "*": "the engine's own",
        "sqlite": "SQLite has no booleans: 0 or 1, and a CHECK refuses other numbers",
        "mysql": "the engine's BOOLEAN is a TINYINT: a CHECK refuses other numbers than 0 and 1",
    },
    Kind.TEXT: {
        "*": "Unicode, compared by code points",
        "duckdb": "DuckDB forgets a VARCHAR's length: a CHECK has it instead",
        "sqlite": "SQLite's TEXT has no length: a CHECK has it instead",
        "mysql": "equal to itself only: the collation overlooks no case, accents or spaces at the"
        " end; what an index cannot hold is LONGTEXT",
    },
    Kind.BYTES: {
        "*": "bytes as they are; a CHECK has the length, if one is declared",
        "mysql": "VARBINARY up to what an index holds, else LONGBLOB",
    },
    Kind.DATE: {
        "*": "the engine's own; its infinities are refused, which Python cannot read",
        "sqlite": "SQLite has no dates: ISO text, which sorts as dates do; a CHECK keeps its form",
        "mysql": "the engine's own",
    },
    Kind.TIME: {
        "*": "the engine's own, down to the microsecond",
        "sqlite": "SQLite has no times: ISO text, which sorts as times do; a CHECK keeps its form",
        "mysql": "with the six places that the engine leaves out unless told",
    },
    Kind.DATETIME: {
        "*": "an instant: any time zone comes in, UTC comes out",
        "sqlite": "SQLite has no instants: ISO text in UTC, which sorts as instants do; a CHECK"
        " keeps its form",
        "mysql": "in UTC, down to the microsecond: the engine's TIMESTAMP ends in 2038",
    },
    Kind.NAIVE_DATETIME: {
        "*": "what a calendar and a clock on the wall show, without a zone",
        "sqlite": "SQLite has none: ISO text, which sorts as they do; a CHECK keeps its form",
    },
    Kind.INTERVAL: {
        "*": "the engine's own",
        "sqlite": "SQLite has no intervals: whole microseconds, which SQL can add up",
        "mysql": "the engine has no type for intervals: whole microseconds, which SQL can add up",
    },
    Kind.UUID: {
        "*": "the engine's own, 16 bytes",
        "sqlite": "SQLite has none: text in one form only, so that equal ones are equal",
        "mysql": "16 bytes: text would take 36, in every index that has it",
    },
    Kind.JSON: {
        "*": "JSON that SQL can look into",
        "postgresql": "JSON that SQL can look into and index",
        "sqlite": "text that a CHECK keeps valid; SQL can look into it",
        "mysql": "text that a CHECK keeps valid; SQL can look into it, and numbers stay exact",
    },
}
