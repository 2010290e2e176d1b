"""What PostgreSQL's exceptions mean, read from those that its driver raises."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio
import sqlalchemy as sa
from asyncpg.exceptions import InterfaceError, PostgresError
from sqlalchemy.engine import make_url
from sqlalchemy.sql.compiler import IdentifierPreparer
from sqlalchemy.sql.elements import conv

from andamios_orm.backends.base import Failure
from andamios_orm.backends.postgresql import PostgreSQLBackend

BACKEND = PostgreSQLBackend()
SENTINEL = "sentinel-4711"
TABLES = """
CREATE TABLE band (
    id integer PRIMARY KEY,
    title varchar(20) NOT NULL CONSTRAINT one_title UNIQUE,
    year integer CONSTRAINT after_1900 CHECK (year > 1900),
    parent integer CONSTRAINT from_band REFERENCES band
);
INSERT INTO band VALUES (1, 'Spam', 1969);
"""


@pytest_asyncio.fixture
async def connection(empty_postgresql_url: str) -> AsyncIterator[asyncpg.Connection]:
    url = make_url(empty_postgresql_url).set(drivername="postgresql")
    connection = await asyncpg.connect(url.render_as_string(hide_password=False))
    await connection.execute(TABLES)
    yield connection
    await connection.close()


async def failure_of(connection: asyncpg.Connection, statement: str, *values: object) -> Failure:
    with pytest.raises((PostgresError, InterfaceError)) as caught:
        await connection.fetch(statement, *values)
    failure = BACKEND.classify(caught.value)
    assert failure is not None
    assert SENTINEL not in repr(failure)
    return failure


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "INSERT INTO band VALUES (2, 'Spam')",
            Failure(
                kind="unique", code="23505", schema="public", table="band", constraint="one_title"
            ),
        ),
        (
            "INSERT INTO band VALUES (2, 'x', 1970, 99)",
            Failure(
                kind="foreign_key",
                code="23503",
                schema="public",
                table="band",
                constraint="from_band",
            ),
        ),
        (
            "INSERT INTO band VALUES (2, 'x', 1066)",
            Failure(
                kind="check", code="23514", schema="public", table="band", constraint="after_1900"
            ),
        ),
        (
            "INSERT INTO band VALUES (2, NULL)",
            Failure(
                kind="not_null", code="23502", schema="public", table="band", columns=("title",)
            ),
        ),
        (
            "INSERT INTO band VALUES (2, repeat('sentinel-4711', 9))",
            Failure(kind="unstorable", code="22001"),
        ),
        (
            "DO $$ BEGIN RAISE 'sentinel-4711' USING ERRCODE = '40001'; END $$",
            Failure(kind="conflict", code="40001"),
        ),
        (
            "DO $$ BEGIN RAISE 'too many clients' USING ERRCODE = '53300'; END $$",
            Failure(kind="unavailable", code="53300", summary="too many clients"),
        ),
        (
            "SELECT * FROM nowhere",
            Failure(kind="other", code="42P01", summary='relation "nowhere" does not exist'),
        ),
        (
            "SELECT to_regclass('sentinel-4711.b.c.d.e')",
            Failure(kind="other", code="42601"),
        ),
    ],
)
async def test_an_error_of_a_statement_is_told_without_its_values(
    connection: asyncpg.Connection, statement: str, expected: Failure
) -> None:
    assert await failure_of(connection, statement) == expected


async def test_a_statement_after_a_failed_one_finds_the_transaction_aborted(
    connection: asyncpg.Connection,
) -> None:
    await connection.execute("BEGIN")
    await failure_of(connection, "SELECT * FROM nowhere")

    failure = await failure_of(connection, "SELECT 1")

    assert (failure.kind, failure.code) == ("aborted", "25P02")


async def test_a_closed_connection_is_unavailable(connection: asyncpg.Connection) -> None:
    await connection.close()

    assert (await failure_of(connection, "SELECT 1")).kind == "unavailable"


async def test_a_wrong_call_of_the_driver_is_other(connection: asyncpg.Connection) -> None:
    assert (await failure_of(connection, "SELECT 1", SENTINEL)).kind == "other"


def test_an_error_of_the_socket_is_unavailable() -> None:
    error = ConnectionRefusedError(111, "Connection refused")

    assert BACKEND.classify(error) == Failure(kind="unavailable", summary="Connection refused")


def test_an_exception_of_the_program_is_not_the_drivers() -> None:
    assert BACKEND.classify(ValueError(SENTINEL)) is None


# -- names


def preparers() -> tuple[IdentifierPreparer, IdentifierPreparer]:
    """SQLAlchemy's own, and that of an engine of the backend."""
    engine = sa.create_engine("postgresql+asyncpg://", creator=lambda: None)
    own = engine.dialect.identifier_preparer
    BACKEND.prepare_engine(engine, in_memory=False)
    return own, engine.dialect.identifier_preparer


def shown(preparer: IdentifierPreparer, name: str) -> str:
    index = preparer.truncate_and_render_index_name(conv(name), False)
    assert preparer.truncate_and_render_constraint_name(conv(name), False) == index
    return index


@pytest.mark.parametrize("letter", ["n", "ä", "漢", "🦆"])
def test_a_made_up_name_changes_only_where_it_would_be_cut(letter: str) -> None:
    own, ours = preparers()

    for length in range(1, 130):
        name = letter * length
        theirs = shown(own, name)
        if len(theirs.encode()) <= 63:
            assert shown(ours, name) == theirs
        else:
            assert 60 < len(shown(ours, name).encode()) <= 63
            assert shown(ours, name) == shown(ours, name) != shown(ours, f"{name}x")


def test_a_name_in_quotes_is_shortened_before_it_is_quoted() -> None:
    _, ours = preparers()
    assert len(ours.truncate_and_render_index_name(conv("Ä" * 60)).encode()) <= 63 + 2


def test_a_chosen_name_is_left_as_it_is() -> None:
    _, ours = preparers()
    assert ours.truncate_and_render_index_name("ä" * 40, False) == "ä" * 40
