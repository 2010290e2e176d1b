"""The same file through this library and through duckdb-engine, the older dialect for DuckDB."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import registry

from andamios_orm.backends.duckdb.dialect import DuckDBDialect

# Both claim `duckdb://`. Here each has a name that nothing else has.
registry.register("duckdb.engine", "duckdb_engine", "Dialect")

ROWS = [(1, "Ada"), (2, "Grace")]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "shared.duckdb"


@pytest.fixture
def ours(file: Path) -> Iterator[sa.Engine]:
    engine = sa.create_engine(f"duckdb+andamios:///{file}")
    yield engine
    engine.dispose()


@pytest.fixture
def theirs(file: Path) -> Iterator[sa.Engine]:
    engine = sa.create_engine(f"duckdb+engine:///{file}")
    yield engine
    engine.dispose()


def table_of(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "hero",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
    )


def test_each_url_leads_to_its_own_dialect(ours: sa.Engine, theirs: sa.Engine) -> None:
    assert type(ours.dialect) is DuckDBDialect
    assert type(theirs.dialect).__module__ == "duckdb_engine"


def test_duckdb_engine_reads_and_changes_what_we_wrote(ours: sa.Engine, theirs: sa.Engine) -> None:
    table = table_of(sa.MetaData())
    table.create(ours)
    with ours.begin() as connection:
        connection.execute(table.insert(), [{"name": name} for _, name in ROWS])
    ours.dispose()

    with theirs.begin() as connection:
        found = connection.execute(sa.text("SELECT * FROM hero ORDER BY id")).all()
        # The key comes from our sequence, which is in the file.
        connection.execute(sa.text("INSERT INTO hero (name) VALUES ('Mary')"))
    theirs.dispose()

    assert found == ROWS
    with ours.connect() as connection:
        assert connection.execute(sa.select(table).order_by("id")).all() == [*ROWS, (3, "Mary")]


def test_we_read_and_reflect_what_duckdb_engine_wrote(ours: sa.Engine, theirs: sa.Engine) -> None:
    with theirs.begin() as connection:
        connection.execute(
            sa.text("CREATE TABLE hero (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL)")
        )
        connection.execute(sa.text("INSERT INTO hero VALUES (1, 'Ada'), (2, 'Grace')"))
    theirs.dispose()

    table = sa.Table("hero", sa.MetaData(), autoload_with=ours)
    with ours.connect() as connection:
        assert connection.execute(sa.select(table).order_by(table.c.id)).all() == ROWS
    assert [column.name for column in table.primary_key] == ["id"]
    assert not table.c.name.nullable


# ---- what duckdb-engine cannot do on SQLAlchemy 2.1 ----------------------------------------------
# It is why the library has a dialect of its own. These must fail: a release that has learnt it
# makes them succeed, and then its users have one reason less to come over.


@pytest.mark.xfail(strict=True, raises=sa.exc.ProgrammingError, reason="it writes SERIAL")
def test_duckdb_engine_makes_a_table_with_a_generated_key(theirs: sa.Engine) -> None:
    table_of(sa.MetaData()).create(theirs)


@pytest.mark.xfail(strict=True, raises=sa.exc.ProgrammingError, reason="it asks for pg_collation")
def test_duckdb_engine_reflects_the_columns_of_a_table(ours: sa.Engine, theirs: sa.Engine) -> None:
    table_of(sa.MetaData()).create(ours)
    ours.dispose()

    assert [column["name"] for column in sa.inspect(theirs).get_columns("hero")] == ["id", "name"]


@pytest.mark.xfail(strict=True, raises=sa.exc.OperationalError, reason="it adds to the settings")
def test_duckdb_engine_has_the_file_open_beside_us(ours: sa.Engine, theirs: sa.Engine) -> None:
    with ours.connect(), theirs.connect():
        pass
