"""The SQL that statements and tables become, and what is refused while they do."""

from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable, DropTable

from andamios_orm.backends.duckdb.compilers import DuckDBCompiler
from andamios_orm.backends.duckdb.dialect import DuckDBDialect
from andamios_orm.backends.duckdb.identifiers import DuckDBIdentifierPreparer

DIALECT = DuckDBDialect()
metadata = sa.MetaData()
T = sa.Table(
    "t", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String)
)


def sql(element: Any) -> str:
    return str(element.compile(dialect=DIALECT, compile_kwargs={"literal_binds": True}))


def answer(expression: Any) -> object:
    """What DuckDB makes of the expression: text alone would not show that it is understood."""
    with duckdb.connect() as connection:
        [(value,)] = connection.execute(sql(sa.select(expression))).fetchall()
        return value


# ---- refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clause", "word"),
    [({}, "UPDATE"), ({"nowait": True}, "UPDATE"), ({"read": True}, "SHARE")],
)
def test_locking_rows_is_refused_with_what_to_do_instead(clause: Any, word: str) -> None:
    with pytest.raises(sa.exc.CompileError, match=f"FOR {word}.*run the transaction again"):
        sql(sa.select(T).with_for_update(**clause))


def test_a_savepoint_is_refused() -> None:
    engine = sa.create_engine("duckdb+andamios://")
    refused = pytest.raises(sa.exc.CompileError, match="no savepoints")
    with engine.connect() as connection, refused:
        connection.begin_nested()
    engine.dispose()


@pytest.mark.parametrize("option", ["postgresql_where", "sqlite_where"])
def test_a_partial_index_is_refused_whichever_engine_it_was_written_for(option: str) -> None:
    condition: dict[str, Any] = {option: sa.text("id > 1")}
    index = sa.Index(
        "i", sa.Table("p", sa.MetaData(), sa.Column("id", sa.Integer)).c.id, **condition
    )

    with pytest.raises(sa.exc.CompileError, match=f"index i has {option}="):
        sql(CreateIndex(index))


def test_a_stored_computed_column_is_refused() -> None:
    table = sa.Table(
        "c", sa.MetaData(), sa.Column("x", sa.Integer, sa.Computed("1 + 1", persisted=True))
    )

    with pytest.raises(sa.exc.CompileError, match="cannot store it"):
        sql(CreateTable(table))


def test_full_text_search_is_refused() -> None:
    with pytest.raises(sa.exc.CompileError, match="no full text search"):
        sql(sa.select(T).where(T.c.name.match("x")))


# ---- expressions ---------------------------------------------------------------------------------

TEXT = sa.literal("Abc", sa.String)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (TEXT.regexp_match("b"), True),  # anywhere in it
        (TEXT.regexp_match("^b"), False),
        (~TEXT.regexp_match("B"), True),
        (TEXT.regexp_match("B", flags="i"), True),
        (TEXT.regexp_replace("[a-z]", "_"), "A_c"),
        (TEXT.regexp_replace("[a-z]", "_", flags="g"), "A__"),
        (TEXT.ilike("aB%"), True),
        (TEXT.like("A\\b%", escape="\\"), True),
        (sa.literal(6, sa.Integer).bitwise_xor(3), 5),
        (sa.cast(sa.literal("7"), sa.Integer) % 4, 3),
        (sa.func.char_length(sa.literal("back\\slash")), 10),
        (sa.literal([5, 6], sa.ARRAY(sa.Integer))[1], 5),
        (postgresql.array([1, 2])[2], 2),
        (sa.func.aggregate_strings(TEXT, ","), "Abc"),
    ],
)
def test_an_expression_means_what_it_says(expression: Any, value: object) -> None:
    assert answer(expression) == value


def test_a_cast_may_fail_in_peace() -> None:
    # Asked directly: duckdb-engine, once it was imported, answers in the dialect's place.
    written = DuckDBCompiler(DIALECT, None).visit_try_cast(sa.try_cast(sa.column("x"), sa.Integer))

    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT {written} FROM (VALUES ('1'), ('Abc')) AS v(x)")
        assert found.fetchall() == [(1,), (None,)]


def test_an_arrow_is_kept_from_its_neighbours() -> None:
    document = sa.cast(sa.literal('{"a": 1}'), sa.JSON)

    assert answer(document["a"].as_integer() == 1) is True


def test_an_upsert_is_written_with_postgresqls_insert() -> None:
    insert = postgresql.insert(T).values(id=1, name="x")
    upsert = insert.on_conflict_do_update(
        index_elements=[T.c.id], set_={"name": insert.excluded.name}
    )

    assert "ON CONFLICT (id) DO UPDATE SET name = excluded.name" in sql(upsert)


# ---- tables --------------------------------------------------------------------------------------


def lines(element: Any) -> list[str]:
    return [line.strip() for line in sql(element).strip().splitlines()]


def test_a_generated_key_has_a_sequence_that_comes_and_goes_with_the_table() -> None:
    table = sa.Table("my table", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True))

    assert lines(CreateTable(table))[:3] == [
        'CREATE SEQUENCE IF NOT EXISTS "my table_id_seq";',
        'CREATE TABLE "my table" (',
        "id INTEGER DEFAULT nextval('\"my table_id_seq\"') NOT NULL,",
    ]
    assert lines(DropTable(table)) == [
        'DROP TABLE "my table";',
        'DROP SEQUENCE IF EXISTS "my table_id_seq"',
    ]


def test_an_identity_may_begin_anywhere_and_is_no_key_by_itself() -> None:
    table = sa.Table(
        "t",
        sa.MetaData(),
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("number", sa.BigInteger, sa.Identity(start=10, increment=5, cache=3)),
        schema="s",
    )

    assert "CREATE SEQUENCE IF NOT EXISTS s.t_number_seq INCREMENT BY 5 START WITH 10;" in lines(
        CreateTable(table)
    )
    assert "number BIGINT DEFAULT nextval('s.t_number_seq') NOT NULL," in lines(CreateTable(table))


@pytest.mark.parametrize(
    "column",
    [
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("id", sa.Integer, sa.Sequence("own"), primary_key=True),
        sa.Column("id", sa.Integer, primary_key=True, server_default="1"),
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("id", sa.Integer),
    ],
)
def test_a_column_with_values_of_its_own_has_no_sequence(column: sa.Column[Any]) -> None:
    table = sa.Table("t", sa.MetaData(), column)

    assert "SEQUENCE" not in sql(CreateTable(table)) + sql(DropTable(table))


def test_a_temporary_table_has_a_temporary_sequence() -> None:
    engine = sa.create_engine("duckdb+andamios://")
    table = sa.Table(
        "t", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), prefixes=["TEMP"]
    )
    with engine.connect() as connection:
        table.create(connection)
        key = connection.execute(table.insert()).inserted_primary_key
        table.drop(connection)
        left = connection.exec_driver_sql("SELECT sequence_name FROM duckdb_sequences()").all()

    assert key == (1,)
    assert left == []
    engine.dispose()


@pytest.mark.parametrize(
    "options",
    [
        {"ondelete": "CASCADE", "onupdate": "SET NULL"},
        {"ondelete": "SET DEFAULT"},
        {"deferrable": True, "initially": "DEFERRED"},
        {"match": "FULL"},
    ],
)
def test_a_foreign_key_is_declared_without_what_duckdb_cannot_do(options: dict[str, Any]) -> None:
    child = sa.Table(
        "child", metadata, sa.Column("t_id", sa.ForeignKey("t.id", **options)), extend_existing=True
    )

    assert "FOREIGN KEY(t_id) REFERENCES t (id)" in lines(CreateTable(child))


# ---- names ---------------------------------------------------------------------------------------


def test_every_word_that_duckdb_reserves_is_quoted() -> None:
    with duckdb.connect() as connection:
        reserved = connection.execute(
            "SELECT keyword_name FROM duckdb_keywords()"
            " WHERE keyword_category IN ('reserved', 'type_function')"
        ).fetchall()

    assert {word for (word,) in reserved} <= DuckDBIdentifierPreparer.reserved_words


@pytest.mark.parametrize("name", ["pivot", "anti", "lambda", "UPPER", "ü", "a b", 'a"b', "1st"])
def test_a_table_may_have_any_name(tmp_path: Path, name: str) -> None:
    engine = sa.create_engine(f"duckdb+andamios:///{tmp_path / 't.duckdb'}")
    table = sa.Table(
        name, sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column(name)
    )
    table.c[name].type = sa.String()
    with engine.begin() as connection:
        table.create(connection)
        connection.execute(table.insert(), {name: "x"})
        assert connection.execute(sa.select(table)).all() == [(1, "x")]
    assert [column["name"] for column in sa.inspect(engine).get_columns(name)] == ["id", name]
    engine.dispose()
