"""What models would be in a PostgreSQL database: created in schemas that are rolled back."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.ddl import CheckFirst
from sqlalchemy.types import TypeDecorator, TypeEngine

from andamios_orm.errors import MigrationError
from andamios_orm.migration.engines.postgresql.inspection import current_schema, read
from andamios_orm.migration.engines.postgresql.names import quoted
from andamios_orm.migration.state import SchemaState

__all__ = ["desired"]


def desired(connection: sa.Connection, metadata: sa.MetaData) -> SchemaState:
    """Return what `metadata` would be in this database. Nothing of it is ever seen by others.

    Raises MigrationError if the user may not create a schema.
    """
    default = current_schema(connection)
    schemas = {schema or default for schema in _schemas(metadata, connection.dialect)} | {default}
    mark = f"andamios_scratch_{uuid.uuid4().hex[:12]}"
    scratch = {schema: f"{mark}_{number}" for number, schema in enumerate(sorted(schemas))}
    translations: dict[str | None, str] = {None: scratch[default]}
    translations.update(scratch)
    with _rolled_back(connection):
        _create_schemas(connection, scratch)
        with _translated(connection, translations):
            for enum in _enums(metadata, connection.dialect):
                enum.create(connection, checkfirst=True)
            # Only types are looked for, as several tables may share one.
            metadata.create_all(connection, checkfirst=CheckFirst.TYPES)
        return read(
            connection,
            {own: None if schema == default else schema for schema, own in scratch.items()},
            lambda text: _in_own_words(text, scratch),
        )


@contextmanager
def _rolled_back(connection: sa.Connection) -> Iterator[None]:
    connection.exec_driver_sql("BEGIN")
    try:
        yield
    finally:
        connection.exec_driver_sql("ROLLBACK")


@contextmanager
def _translated(connection: sa.Connection, schemas: Mapping[str | None, str]) -> Iterator[None]:
    before = connection.get_execution_options().get("schema_translate_map")
    connection.execution_options(schema_translate_map=schemas)
    try:
        yield
    finally:
        connection.execution_options(schema_translate_map=before)


def _create_schemas(connection: sa.Connection, scratch: Mapping[str, str]) -> None:
    """Create the scratch schemas, each found before the one that it stands for."""
    path: list[str] = connection.scalar(sa.text("SELECT current_schemas(false)::text[]")) or []
    found = [name for schema in path for name in (scratch.get(schema), schema) if name]
    try:
        for schema in scratch.values():
            connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
    except sa.exc.DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != "42501":
            raise
        raise MigrationError(
            "models and database are compared in a scratch schema, which this user may not create",
            "GRANT CREATE ON DATABASE to the user that migrates, or use another one in the URL",
        ) from None
    names = ", ".join(quoted(name) for name in found or scratch.values())
    connection.exec_driver_sql(f"SET LOCAL search_path TO {names}")


def _in_own_words(text: str, scratch: Mapping[str, str]) -> str:
    for schema, own in scratch.items():
        text = text.replace(f"{own}.", f"{quoted(schema)}.")
        if text == own:
            return own
    return text


def _schemas(metadata: sa.MetaData, dialect: sa.Dialect) -> Iterator[str | None]:
    for table in metadata.tables.values():
        yield table.schema
        for column in table.columns:
            for enum in _enums_of(column.type, dialect):
                yield enum.schema
    for sequence in metadata._sequences.values():  # noqa: SLF001 - there is no public list of them
        yield sequence.schema


def _enums(metadata: sa.MetaData, dialect: sa.Dialect) -> Iterator[postgresql.ENUM]:
    """Yield the native enum types of all columns, also those that a table does not create."""
    for table in metadata.tables.values():
        for column in table.columns:
            yield from _enums_of(column.type, dialect)


def _enums_of(column_type: TypeEngine[object], dialect: sa.Dialect) -> Iterator[postgresql.ENUM]:
    kept = column_type.dialect_impl(dialect)
    while isinstance(kept, TypeDecorator):
        kept = kept.impl_instance
    if isinstance(kept, sa.ARRAY):
        yield from _enums_of(kept.item_type, dialect)
    elif isinstance(kept, postgresql.ENUM):
        yield kept
