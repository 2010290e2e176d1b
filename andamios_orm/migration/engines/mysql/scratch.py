"""What models would be on a MariaDB or MySQL server: created in databases that are dropped."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.ddl import CheckFirst

from andamios_orm.errors import MigrationError
from andamios_orm.migration.engines.mysql.inspection import current_database, read
from andamios_orm.migration.sql_names import quoted
from andamios_orm.migration.state import SchemaState

__all__ = ["desired"]

_MARK = "_andamios_scratch_"
# ER_DBACCESS_DENIED_ERROR, ER_ACCESS_DENIED_ERROR, ER_TABLEACCESS_DENIED_ERROR and
# ER_SPECIFIC_ACCESS_DENIED_ERROR.
_DENIED = (1044, 1045, 1142, 1227)


def desired(connection: sa.Connection, metadata: sa.MetaData) -> SchemaState:
    """Return what `metadata` would be on this server.

    Raises MigrationError if the user may not create a database.
    """
    default = current_database(connection)
    schemas = {table.schema or default for table in metadata.tables.values()} | {default}
    # A user's rights may end at databases whose names begin with that of the one it works with.
    # Names of databases and of locks have 64 characters.
    prefix = f"{default[:30]}{_MARK}"
    mark = f"{prefix}{uuid.uuid4().hex[:8]}"
    scratch = {schema: f"{mark}_{number}" for number, schema in enumerate(sorted(schemas))}
    translations: dict[str | None, str] = {None: scratch[default]}
    translations.update(scratch)
    with _locked(connection, mark):
        _remove_leftovers(connection, prefix)
        created: list[str] = []
        try:
            for schema, name in scratch.items():
                _create(connection, schema, name)
                created.append(name)
            with _translated(connection, translations):
                metadata.create_all(connection, checkfirst=CheckFirst.NONE)
            return read(
                connection,
                {own: None if schema == default else schema for schema, own in scratch.items()},
            )
        finally:
            # In any order, also where tables of one refer to those of another.
            connection.exec_driver_sql("SET SESSION foreign_key_checks = 0")
            for name in created:
                connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {_name(name)}")
            connection.exec_driver_sql("SET SESSION foreign_key_checks = 1")


def _name(name: str) -> str:
    # For the driver, which takes % for the place of a value.
    return quoted(name, "`").replace("%", "%%")


@contextmanager
def _translated(connection: sa.Connection, schemas: Mapping[str | None, str]) -> Iterator[None]:
    before = connection.get_execution_options().get("schema_translate_map")
    connection.execution_options(schema_translate_map=schemas)
    try:
        yield
    finally:
        connection.execution_options(schema_translate_map=before)


@contextmanager
def _locked(connection: sa.Connection, mark: str) -> Iterator[None]:
    """Hold a lock that tells others that the databases of this name are in use."""
    connection.execute(sa.text("DO GET_LOCK(:mark, 0)"), {"mark": mark})
    try:
        yield
    finally:
        connection.execute(sa.text("DO RELEASE_LOCK(:mark)"), {"mark": mark})


def _remove_leftovers(connection: sa.Connection, prefix: str) -> None:
    """Drop what a program left that was killed meanwhile."""
    pattern = prefix.replace("\\", r"\\").replace("_", r"\_").replace("%", r"\%")
    found = connection.execute(_LEFTOVERS, {"pattern": f"{pattern}%", "size": len(prefix) + 8})
    for name in found.scalars().all():
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {_name(name)}")


_LEFTOVERS = sa.text("""
SELECT schema_name FROM information_schema.schemata
WHERE schema_name LIKE :pattern AND IS_FREE_LOCK(LEFT(schema_name, :size))""")


def _create(connection: sa.Connection, schema: str, own: str) -> None:
    """Create a scratch database, with the character set of the one that it stands for."""
    options = "".join(
        f" CHARACTER SET {charset} COLLATE {collation}"
        for charset, collation in _charset(connection, schema)
    )
    try:
        connection.exec_driver_sql(f"CREATE DATABASE {_name(own)}{options}")
    except sa.exc.DBAPIError as error:
        if error.orig is None or error.orig.args[0] not in _DENIED:
            raise
        raise MigrationError(
            "models and database are compared in a scratch database, which this user may not"
            " create",
            f"GRANT ALL ON `{own.partition(_MARK)[0]}{_MARK}%`.* TO the user that migrates"
            " (each _ written as \\_), or use another one in the URL",
        ) from None


def _charset(connection: sa.Connection, schema: str) -> list[tuple[Any, ...]]:
    """Return a database's character set and collation; nothing for one that is not there."""
    return [tuple(row) for row in connection.execute(_CHARSET, {"schema": schema})]


_CHARSET = sa.text("""
SELECT default_character_set_name, default_collation_name FROM information_schema.schemata
WHERE schema_name = :schema""")
