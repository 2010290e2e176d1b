"""How SQLAlchemy's tests prepare a DuckDB database."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql
from sqlalchemy.testing import provision

from andamios_orm.backends.duckdb.dialect import AsyncDuckDBDialect, DuckDBDialect


class SyncDialect(DuckDBDialect):
    """SQLAlchemy's tests choose by the name of the driver, which is one for both in the library."""

    driver = "andamios_sync"
    supports_statement_cache = True


class AsyncDialect(AsyncDuckDBDialect):
    """The same for asyncio."""

    driver = "andamios_async"
    supports_statement_cache = True


@provision.create_db.for_db("duckdb")
def create_db(config: Any, engine: sa.Engine, ident: str) -> None:
    """Each process has its own memory."""


@provision.drop_db.for_db("duckdb")
def drop_db(config: Any, engine: sa.Engine, ident: str) -> None:
    """It goes with the process."""


@provision.follower_url_from_main.for_db("duckdb")
def follower_url(url: sa.URL, ident: str) -> sa.URL:
    return sa.make_url(url)


@provision.post_configure_engine.for_db("duckdb")
def make_schemas(url: sa.URL, engine: sa.Engine, ident: str | None) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: Any, record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(
            "CREATE SCHEMA IF NOT EXISTS test_schema; CREATE SCHEMA IF NOT EXISTS test_schema_2"
        )
        cursor.close()


@provision.temp_table_keyword_args.for_db("duckdb")
def temporary(config: Any, engine: sa.Engine) -> dict[str, Any]:
    return {"prefixes": ["TEMPORARY"]}


@provision.set_default_schema_on_connection.for_db("duckdb")
def use_schema(config: Any, connection: Any, schema: str) -> None:
    cursor = connection.cursor()
    cursor.execute(f"SET schema = '{schema}'")
    cursor.close()


@provision.delete_from_all_tables.for_db("duckdb")
def delete_everything(connection: sa.Connection, config: Any, metadata: sa.MetaData) -> None:
    """A row and the row it refers to cannot both go in one transaction."""
    names = sa.inspect(connection)
    with connection.engine.connect() as other:
        other = other.execution_options(isolation_level="AUTOCOMMIT")
        for table in reversed(metadata.sorted_tables):
            if names.has_table(table.name, table.schema):
                other.execute(table.delete())


@provision.upsert.for_db("duckdb")
def upsert(
    config: Any,
    table: sa.Table,
    returning: Any,
    *,
    set_lambda: Any = None,
    sort_by_parameter_order: bool = False,
    index_elements: Any = None,
) -> Any:
    statement = postgresql.insert(table)
    keys = index_elements or list(table.primary_key)
    if set_lambda:
        upserting = statement.on_conflict_do_update(
            index_elements=keys, set_=set_lambda(statement.excluded)
        )
    else:
        upserting = statement.on_conflict_do_nothing()
    return upserting.returning(*returning, sort_by_parameter_order=sort_by_parameter_order)
