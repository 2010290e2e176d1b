"""Which key a statement broke, held against the keys that the table has."""

from collections.abc import AsyncIterator

import duckdb
import pytest
import sqlalchemy as sa

from andamios_orm.backends.duckdb.aio import AsyncConnection
from andamios_orm.backends.duckdb.explanations import Key, explained

metadata = sa.MetaData()


def key(name: str = "id") -> sa.Column[int]:
    return sa.Column(name, sa.Integer, primary_key=True, autoincrement=False)


BAND = sa.Table(
    "band",
    metadata,
    key(),
    sa.Column("title", sa.String),
    sa.Column("town", sa.String),
    sa.Column("year", sa.Integer),
    sa.CheckConstraint("year > 1900 AND title <> 'town'"),
    sa.UniqueConstraint("title", "town"),
)
sa.Index("one_band_a_year", BAND.c.year, unique=True)
sa.Index("not_unique", BAND.c.town)
GIG = sa.Table(
    "gig",
    metadata,
    key(),
    sa.Column("band_id", sa.ForeignKey("band.id")),
    sa.Column("support_id", sa.ForeignKey("band.id")),
    sa.Column("title", sa.String),
    sa.Column("town", sa.String),
    sa.ForeignKeyConstraint(["title", "town"], ["band.title", "band.town"]),
)
SONG = sa.Table("song", metadata, key(), sa.Column("band_id", sa.ForeignKey("band.id")))


@pytest.fixture
async def connection() -> AsyncIterator[AsyncConnection]:
    connection = await AsyncConnection.connect()
    for sql in (
        "CREATE TABLE band (id INTEGER PRIMARY KEY, title VARCHAR, town VARCHAR, year INTEGER,"
        " CHECK (year > 1900 AND title <> 'town'), UNIQUE (title, town))",
        "CREATE UNIQUE INDEX one_band_a_year ON band (year)",
        "CREATE TABLE gig (id INTEGER PRIMARY KEY, band_id INTEGER REFERENCES band (id),"
        " support_id INTEGER REFERENCES band (id), title VARCHAR, town VARCHAR,"
        " FOREIGN KEY (title, town) REFERENCES band (title, town))",
        "CREATE TABLE song (id INTEGER PRIMARY KEY, band_id INTEGER REFERENCES band (id))",
        "INSERT INTO band VALUES (1, 'Spam', 'London', 1969), (2, 'Eggs', 'York', 1970)",
        "INSERT INTO gig (id, band_id) VALUES (1, 1)",
        "INSERT INTO gig (id, title, town) VALUES (2, 'Eggs', 'York')",
    ):
        await connection.run(sql)
    yield connection
    await connection.close()


@pytest.mark.parametrize(
    ("sql", "parameters", "table", "expected"),
    [
        ("INSERT INTO band (id) VALUES ($1)", [1], BAND, ("band", ("id",))),
        (
            "INSERT INTO band (id, title, town) VALUES ($1, $2, $3)",
            [3, "Spam", "London"],
            BAND,
            ("band", ("title", "town")),
        ),
        ("INSERT INTO band (id, year) VALUES ($1, $2)", [3, 1969], BAND, ("band", ("year",))),
        # Two rows of one statement: only a key that is written can be meant.
        ("INSERT INTO song (id) VALUES ($1), ($2)", [7, 7], SONG, ("song", ("id",))),
        (
            "INSERT INTO band (id, year) VALUES ($1, $2), ($3, $4)",
            [7, 1980, 8, 1980],
            BAND,
            None,
        ),
        (
            "INSERT INTO band (year) SELECT unnest(CAST($1 AS INTEGER[])), 1",
            [[1]],
            BAND,
            None,
        ),
        # A missing row: the value tells which of two keys into one table.
        ("INSERT INTO song (id, band_id) VALUES ($1, $2)", [1, 9], SONG, ("song", ("band_id",))),
        (
            "INSERT INTO gig (id, band_id, support_id) VALUES ($1, $2, $3)",
            [3, 1, 9],
            GIG,
            ("gig", ("support_id",)),
        ),
        (
            "INSERT INTO gig (id, band_id, support_id) VALUES ($1, $2, $3)",
            [3, 9, 9],
            GIG,
            None,
        ),
        ("UPDATE gig SET support_id=$1 WHERE id=$2", [9, 1], GIG, ("gig", ("support_id",))),
        (
            "INSERT INTO gig (id, title, town) VALUES ($1, $2, $3)",
            [3, "Spam", "York"],
            GIG,
            ("gig", ("title", "town")),
        ),
        # A row that is referred to: which table does, the rows tell.
        ("DELETE FROM band WHERE id = $1", [1], BAND, ("gig", ("band_id",))),
        ("DELETE FROM band WHERE id = $1", [2], BAND, ("gig", ("title", "town"))),
        # A rule: the columns that it names, and not those that a text in it names.
        (
            "INSERT INTO band (id, year) VALUES ($1, $2)",
            [3, 1066],
            BAND,
            ("band", ("title", "year")),
        ),
        ("INSERT INTO song (id) VALUES ($1)", ["x"], SONG, None),
    ],
)
async def test_the_key_is_found_where_only_one_can_be_meant(
    connection: AsyncConnection,
    sql: str,
    parameters: list[object],
    table: sa.Table,
    expected: Key | None,
) -> None:
    with pytest.raises(duckdb.Error) as caught:
        await connection.run(sql, parameters)

    assert await explained(connection, caught.value, sql, parameters, table) == expected


@pytest.mark.parametrize(
    ("title", "town"),
    [("x, town: y", "z"), ('" violates unique constraint.', "\n"), ("title: ", ", town: ")],
)
async def test_a_value_that_looks_like_a_key_is_not_taken_for_one(
    connection: AsyncConnection, title: str, town: str
) -> None:
    sql = "INSERT INTO band (id, title, town) VALUES ($1, $2, $3)"
    await connection.run(sql, [3, title, town])

    with pytest.raises(duckdb.ConstraintException) as caught:
        await connection.run(sql, [4, title, town])

    found = await explained(connection, caught.value, sql, [4, title, town], BAND)
    assert found == ("band", ("title", "town"))


async def test_a_constraint_that_nobody_knows_of_is_left_open(connection: AsyncConnection) -> None:
    error = duckdb.ConstraintException("Constraint Error: something new")

    assert await explained(connection, error, "", (), BAND) is None
