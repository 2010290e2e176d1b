"""What people do to migrations that nobody has planned for: no data is lost by it."""

from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa

from andamios_orm import (
    Database,
    DestructionRefused,
    NotSupported,
    RevisionProblem,
    RowsInTheWay,
    UsageError,
    WrongEnvironment,
)
from andamios_orm.migration import Event, Migrator
from tests.engines import not_on, only_on
from tests.migration.revising import HERO, write_revision

ANONYMOUS = """
op.create_table("note", sa.Column("text", sa.String(50)), sa.Column("stars", sa.Integer()))
op.execute("INSERT INTO note VALUES ('a', 1), ('b', 2)")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "migrations"


async def migrated(
    db: Database, folder: Path, upgrade: str, downgrade: str = "pass", *, first: str = HERO
) -> Migrator:
    """A migrator whose first revision is applied, and whose second one is pending."""
    write_revision(folder, db.engine_name, "aaa1", first)
    migrator = Migrator(db, folder)
    await migrator.up()
    write_revision(folder, db.engine_name, "bbb2", upgrade, downgrade, down="aaa1")
    return migrator


# ---- put aside -----------------------------------------------------------------------------------


async def test_what_the_way_down_has_no_place_for_stays_beside(db: Database, folder: Path) -> None:
    migrator = await migrated(db, folder, 'op.drop_table("hero")')
    await migrator.up(allow=["hero"])

    await migrator.down()

    assert (await migrator.status()).kept == ("hero",)
    await migrator.purge(allow=["hero"])
    assert (await migrator.status()).kept == ()


async def test_what_was_not_put_aside_is_not_purged(db: Database, folder: Path) -> None:
    migrator = await migrated(db, folder, 'op.drop_table("hero")')
    with pytest.raises(UsageError, match="nothing aside as hero") as caught:
        await migrator.purge(allow=["hero"])
    assert "nothing" in caught.value.fix

    await migrator.up(allow=["hero"])
    with pytest.raises(UsageError, match=r"nothing aside as hero\.nmae, heroes\n") as caught:
        await migrator.purge(allow=["heroes", "hero", "hero.nmae"])
    assert caught.value.fix.endswith("hero")
    assert (await migrator.status()).kept == ("hero",)


async def test_values_of_rows_without_a_key_stay_beside_each_time(
    db: Database, folder: Path
) -> None:
    there = 'op.drop_column("note", "stars")'
    back = 'op.add_column("note", sa.Column("stars", sa.Integer()))'
    migrator = await migrated(db, folder, there, back, first=ANONYMOUS)

    for _ in range(2):
        await migrator.up(allow=["note.stars"])
        await migrator.down()

    assert (await migrator.status()).kept == ("note.stars", "note.stars")
    places = await db.execute(
        sa.text("SELECT place FROM andamios_migration_dropped ORDER BY put_at")
    )
    values = await db.execute(
        sa.text(f"SELECT kept_value FROM {places[0].place} ORDER BY kept_value")
    )
    assert [row.kept_value for row in values] == [1, 2]


@not_on("duckdb")
@pytest.mark.parametrize("keys", [("a",), ("a", "b")])
async def test_values_find_their_rows_by_an_index(
    db: Database, folder: Path, keys: tuple[str, ...]
) -> None:
    first = f"""
    op.create_table(
        "pair",
        sa.Column("a", sa.String(20), nullable=False),
        sa.Column("b", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("c", sa.Integer()),
        sa.PrimaryKeyConstraint{keys},
    )
    op.execute("INSERT INTO pair VALUES ('x', 1, 2)")
    """
    back = 'op.add_column("pair", sa.Column("c", sa.Integer()))'
    migrator = await migrated(db, folder, 'op.drop_column("pair", "c")', back, first=first)
    await migrator.up(allow=["pair.c"])
    (kept,) = await db.execute(sa.text("SELECT place FROM andamios_migration_dropped"))

    async with db.connect() as connection:
        found = await connection.run_sync(lambda sync: sa.inspect(sync).get_indexes(kept.place))

    columns = [f"kept_key_{place}" for place in range(len(keys))]
    assert [index["column_names"] for index in found] == [columns]
    await migrator.down()
    assert [row.c for row in await db.execute(sa.text("SELECT c FROM pair"))] == [2]


TREE = """
op.create_table(
    "tree",
    sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
    sa.Column("parent", sa.Integer()),
    sa.PrimaryKeyConstraint("id", name="pk_tree"),
    sa.ForeignKeyConstraint(["parent"], ["tree.id"], name="fk_tree"),
)
"""


async def test_rows_that_refer_to_others_of_their_table_come_back(
    db: Database, folder: Path
) -> None:
    migrator = await migrated(db, folder, 'op.drop_table("tree")', TREE, first=TREE)
    for row in ("3, NULL", "2, 3", "1, 2"):
        await db.execute(sa.text(f"INSERT INTO tree VALUES ({row})"))
    await migrator.up(allow=["tree"])

    await migrator.down()

    rows = await db.execute(sa.text("SELECT id, parent FROM tree ORDER BY id"))
    assert [tuple(row) for row in rows] == [(1, 2), (2, 3), (3, None)]


# ---- permissions ---------------------------------------------------------------------------------


async def test_a_permission_for_a_table_is_one_for_columns_that_a_statement_drops(
    db: Database, folder: Path
) -> None:
    migrator = await migrated(db, folder, 'op.execute("ALTER TABLE hero DROP COLUMN name")')

    assert len(await migrator.up(allow=["hero"])) == 1


@only_on("duckdb", "sqlite")
@pytest.mark.parametrize("value", ["'no name'", "name(id)", "CAST(id AS name)"])
async def test_a_word_that_is_no_column_takes_no_column_along(
    db: Database, folder: Path, value: str
) -> None:
    upgrade = f"""
    op.rebuild_table(
        "hero",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("title", sa.String(50), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_hero"),
        copy={{"title": "{value}"}},
    )
    """
    migrator = await migrated(db, folder, upgrade)

    with pytest.raises(DestructionRefused) as refused:
        await migrator.up()

    assert refused.value.objects == {"hero.name": 5}


async def test_a_file_that_was_changed_on_the_way_has_no_permission(
    db: Database, folder: Path
) -> None:
    add = 'op.add_column("hero", sa.Column("age", sa.Integer()))'
    migrator = await migrated(db, folder, f'{add}\nop.execute("INSERT INTO nowhere VALUES (1)")')
    with pytest.raises(sa.exc.DBAPIError):
        await migrator.up()
    changed = f'{add}\nop.execute("DROP TABLE hero")'
    write_revision(folder, db.engine_name, "bbb2", changed, down="aaa1")

    with pytest.raises(DestructionRefused) as refused:
        await migrator.resume()

    assert list(refused.value.objects) == ["hero"]
    assert len(await db.execute(sa.text("SELECT name FROM hero"))) == 5
    assert len(await migrator.resume(allow=["hero"])) == 1


async def test_what_was_permitted_is_permitted_when_it_goes_on(db: Database, folder: Path) -> None:
    def report(event: Event) -> None:
        if (event.operation, event.state) == (1, "done"):
            raise KeyError

    upgrade = 'op.execute("DELETE FROM hero WHERE id = 1")\nop.drop_column("hero", "name")'
    migrator = await migrated(db, folder, upgrade)
    with pytest.raises(KeyError):
        await migrator.up(allow=["hero"], report=report)

    assert len(await migrator.resume()) == 1


async def test_what_was_put_aside_in_production_goes_only_when_its_name_is_given(
    db: Database, folder: Path
) -> None:
    await migrated(db, folder, 'op.drop_column("hero", "name")')
    production = Migrator(db, folder, environment="production")
    await production.up(allow=["hero.name"], confirm=db.name)
    migrator = Migrator(db, folder)

    with pytest.raises(WrongEnvironment, match="removes data of the database"):
        await migrator.purge(allow=["hero.name"])
    with pytest.raises(WrongEnvironment, match="this database is production"):
        await Migrator(db, folder, environment="test").purge(allow=["hero.name"], confirm=db.name)

    assert await migrator.purge() == ("hero.name",)
    assert await migrator.purge(allow=["hero.name"], confirm=db.name) == ("hero.name",)
    assert await migrator.purge() == ()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["back`tick", 'dou"ble', "two words", "per%cent"])
async def test_a_table_of_any_name_is_put_aside_and_comes_back(
    db: Database, folder: Path, name: str
) -> None:
    first = f"""
    op.create_table(
        {name!r},
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("ref", sa.Integer()),
        sa.Column("age", sa.Integer()),
        sa.ForeignKeyConstraint(["ref"], [{f"{name}.id"!r}], name={f"fk_{name}"!r}),
    )
    op.bulk_insert(
        sa.table({name!r}, *[sa.column(c, sa.Integer()) for c in ("id", "ref", "age")]),
        [{{"id": 2, "ref": None, "age": 7}}, {{"id": 1, "ref": 2, "age": 8}}],
    )
    """
    there = sa.table(name, *[sa.column(c, sa.Integer()) for c in ("id", "ref", "age")])
    migrator = await migrated(
        db,
        folder,
        f"op.drop_column({name!r}, 'age')",
        f"op.add_column({name!r}, sa.Column('age', sa.Integer()))",
        first=first,
    )

    await migrator.up(allow=[f"{name}.age"])
    await migrator.down()

    found = await db.execute(sa.select(there).order_by(there.c.id))
    assert [tuple(row) for row in found] == [(1, 2, 8), (2, None, 7)]


async def test_rows_of_no_table_are_not_filled(db: Database, folder: Path) -> None:
    migrator = await migrated(db, folder, "op.backfill('heroes', {'age': '0'})")

    with pytest.raises(RevisionProblem, match="no such table"):
        await migrator.up()


# ---- types that hold less ------------------------------------------------------------------------


@only_on("duckdb", "mariadb", "postgresql")
@pytest.mark.parametrize(
    ("old", "value", "new", "whole"),
    [
        ("DateTime()", "'2024-01-02 03:04:05'", "Date()", "'2024-01-02 00:00:00'"),
        ("DateTime()", "'2024-01-02 03:04:05'", "Time()", None),
        ("Integer()", "7", "Boolean()", "1"),
        ("Double()", "0.1", "Float(5)", "0.5"),
        ("BigInteger()", "9007199254740993", "Double()", "9007199254740992"),
    ],
    ids=["date", "time", "boolean", "float", "double"],
)
async def test_values_that_would_not_stay_whole_are_counted(
    db: Database, folder: Path, old: str, value: str, new: str, whole: str | None
) -> None:
    first = f"""
    op.create_table(
        "thing",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("value", sa.{old}),
    )
    op.execute("INSERT INTO thing VALUES (1, {value})")
    """
    change = f'op.alter_column("thing", "value", type_=sa.{new}, existing_type=sa.{old})'
    migrator = await migrated(db, folder, change, first=first)
    if new == "Boolean()" and db.engine_name == "mariadb":
        return  # A boolean is a small integer there, and the 7 stays one.

    with pytest.raises(RowsInTheWay, match=r"1 row\(s\) (would lose digits|are beyond)"):
        await migrator.up()

    await db.execute(sa.text(f"UPDATE thing SET value = {whole or 'NULL'}"))
    assert len(await migrator.up()) == 1


VALUES = """
op.create_table(
    "thing",
    sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("value", sa.{type}),
)
op.execute("INSERT INTO thing VALUES (1, {first}), (2, {second}), (3, NULL)")
"""


@only_on("postgresql")
@pytest.mark.parametrize(
    ("old", "values", "new", "rule", "refused", "cured"),
    [
        ("Text()", ("'5'", "'-3'"), "BigInteger()", "value >= 0", "break", "'3'"),
        ("Text()", ("'5'", "'-3'"), "Numeric(4, 1)", "value >= 0", "break", "'3'"),
        ("Text()", ("'no'", "'yes'"), "Boolean()", "value", "break", "'yes'"),
        ("Text()", ("'5'", "'x'"), "Integer()", "value >= 0", "are no integer", "'6'"),
        ("Integer()", ("5", "123"), "Text()", "length(value) < 3", "break", "12"),
        ("BigInteger()", ("1", "0"), "Boolean()", "value", "break", "1"),
        ("Boolean()", ("true", "false"), "BigInteger()", "value = 1", "break", "true"),
        ("Boolean()", ("true", "false"), "Text()", "value = 'true'", "break", "true"),
    ],
)
async def test_a_rule_is_counted_for_the_type_that_a_column_is_to_have(
    db: Database,
    folder: Path,
    old: str,
    values: tuple[str, str],
    new: str,
    rule: str,
    refused: str,
    cured: str,
) -> None:
    first = VALUES.format(type=old, first=values[0], second=values[1])
    change = f"""
    op.alter_column("thing", "value", type_=sa.{new}, existing_type=sa.{old})
    op.alter_column("thing", "value", new_column_name="given")
    op.create_check_constraint("ck_thing", "thing", "{rule.replace("value", "given")}")
    """
    back = f"""
    op.drop_constraint("ck_thing", "thing", type_="check")
    op.alter_column("thing", "given", new_column_name="value")
    op.alter_column("thing", "value", type_=sa.{old}, existing_type=sa.{new})
    """
    migrator = await migrated(db, folder, change, back, first=first)
    before = await db.execute(sa.text("SELECT * FROM thing ORDER BY id"))

    with pytest.raises(RowsInTheWay, match=rf"1 row\(s\) {refused}"):
        await migrator.up()
    assert await db.execute(sa.text("SELECT * FROM thing ORDER BY id")) == before

    wrong = "value::text IN ('-3', 'no', 'x', '123', '0', 'false')"
    await db.execute(sa.text(f"UPDATE thing SET value = {cured} WHERE {wrong}"))
    fitting = await db.execute(sa.text("SELECT * FROM thing ORDER BY id"))
    assert len(await migrator.up()) == 1
    assert len(await migrator.down()) == 1
    after = await db.execute(sa.text("SELECT * FROM thing ORDER BY id"))
    assert [(row[0], str(row[1]).removesuffix(".0")) for row in after] in (
        [(row[0], str(row[1])) for row in fitting],
        # As the server writes a boolean.
        [(1, "true"), (2, "true"), (3, "None")],
    )


@not_on("sqlite")  # where a revision makes the table anew
async def test_a_rule_over_a_column_of_another_type_is_counted_on_every_engine(
    db: Database, folder: Path
) -> None:
    first = VALUES.format(type="Integer()", first="1", second="-2")
    change = """
    op.alter_column("thing", "value", type_=sa.BigInteger(), existing_type=sa.Integer())
    op.create_check_constraint("ck_thing", "thing", "value > 0")
    """
    migrator = await migrated(db, folder, change, first=first)

    with pytest.raises(RowsInTheWay, match=r"1 row\(s\) .*break"):
        await migrator.up()


@only_on("postgresql")
@pytest.mark.parametrize(
    ("types", "values"),
    [
        (("Text()", "Integer()", "Boolean()"), ("'1'", "'0'")),
        (("Text()", "Integer()", "String(9)"), ("'1'", "'20'")),
        (("Text()", "Boolean()", "String(9)"), ("'true'", "'false'")),
        (("Text()", "Uuid()", "String(36)"), (f"'{UUID(int=7)}'", f"'{UUID(int=8)}'")),
        (("Text()", "Numeric(8, 2)", "Numeric(5, 2)"), ("'1.25'", "'999.50'")),
        (("Text()", "Double()", "Numeric(5, 2)"), ("'1.25'", "'2.5'")),
        (("Text()", "DECIMAL(4, 1)", "Boolean()"), ("'1.0'", "'0'")),
        (("Integer()", "Text()", "BigInteger()"), ("5", "6")),
        (("BigInteger()", "Boolean()", "SmallInteger()"), ("1", "0")),
        (("Numeric(5, 2)", "Boolean()", "Numeric(5, 2)"), ("1", "0")),
        (("Double()", "Boolean()", "Double()"), ("1", "0")),
        (("Text()", "Date()", "Text()"), ("'2024-01-02'", "'2025-01-02'")),
        (("ARRAY(sa.Integer())", "ARRAY(sa.Text())", "Text()"), ("'{1}'", "'{2}'")),
        (("ARRAY(sa.Numeric(5, 2))", "ARRAY(sa.Numeric(6, 2))", "Text()"), ("'{1}'", "'{2}'")),
    ],
    ids=lambda given: "-".join(given),
)
async def test_a_column_can_get_one_type_after_another(
    db: Database, folder: Path, types: tuple[str, str, str], values: tuple[str, str]
) -> None:
    """Both revisions are pending, so that both are looked at before the first."""
    one, two, three = types
    first = VALUES.format(type=one, first=values[0], second=values[1])
    change = "op.alter_column('thing', 'value', type_=sa.{}, existing_type=sa.{})"
    rule = "op.create_check_constraint('ck_thing', 'thing', \"value::text <> 'x'\")"
    migrator = await migrated(db, folder, change.format(two, one), first=first)
    again = f"{change.format(three, two)}\n{rule}"
    write_revision(folder, "postgresql", "ccc3", again, down="bbb2")

    assert len(await migrator.up()) == 2

    found = await db.execute(sa.text("SELECT count(DISTINCT value) FROM thing"))
    assert [tuple(row) for row in found] == [(2,)]


@only_on("postgresql")
@pytest.mark.parametrize(
    ("old", "value", "new", "told"),
    [
        ("Integer()", "123", "String(2)", "are longer than 2"),
        ("Double()", "9223372036854775808", "BigInteger()", "are beyond bigint"),
        ("Text()", f"'{{{UUID(int=7)}'", "Uuid()", "are no uuid"),
    ],
)
async def test_what_a_type_does_not_hold_is_counted_as_that(
    db: Database, folder: Path, old: str, value: str, new: str, told: str
) -> None:
    first = VALUES.format(type=old, first=value, second="NULL")
    change = f"""
    op.alter_column("thing", "value", type_=sa.{new}, existing_type=sa.{old})
    op.create_unique_constraint("uq_thing", "thing", ["value"])
    op.create_check_constraint("ck_thing", "thing", "value::text <> '12'")
    """
    migrator = await migrated(db, folder, change, first=first)

    with pytest.raises(RowsInTheWay) as caught:
        await migrator.up()
    assert list(caught.value.counts) == [f"{told} in thing.value"]


@only_on("postgresql")
@pytest.mark.parametrize(("old", "value"), [("Text()", "'1e999'"), ("Numeric()", "1e400")])
async def test_a_number_that_only_the_server_judges_is_no_part_of_a_rule(
    db: Database, folder: Path, old: str, value: str
) -> None:
    first = VALUES.format(type=old, first=value, second="NULL")
    change = f"""
    op.alter_column("thing", "value", type_=sa.Double(), existing_type=sa.{old})
    op.create_check_constraint("ck_thing", "thing", "value > 0")
    """
    migrator = await migrated(db, folder, change, first=first)

    with pytest.raises(sa.exc.DBAPIError, match="out of range"):
        await migrator.up()


@only_on("postgresql")
async def test_a_value_that_changes_its_type_again_and_again_is_left_to_the_server(
    db: Database, folder: Path
) -> None:
    types = ["Text()", "Integer()", "BigInteger()", "Numeric(9, 1)", "Integer()", "BigInteger()"]
    first = VALUES.format(type=types[0], first="'1'", second="'2'")
    changes = [
        f"op.alter_column('thing', 'value', type_=sa.{new}, existing_type=sa.{old})"
        for old, new in pairwise([*types, "SmallInteger()", "Text()"])
    ]
    rule = "op.create_check_constraint('ck_thing', 'thing', \"value <> '1'\")"
    migrator = await migrated(db, folder, "\n".join([*changes, rule]), first=first)

    with pytest.raises(sa.exc.DBAPIError, match="ck_thing"):
        await migrator.up()


@only_on("postgresql")
@pytest.mark.parametrize(
    "type_",
    [
        "Date(), existing_type=sa.Text()",
        "Date(), existing_type=sa.Text(), postgresql_using='to_date(value, \\'YYYY-MM-DD\\')'",
    ],
)
async def test_a_rule_over_values_that_only_the_server_reads_is_left_to_it(
    db: Database, folder: Path, type_: str
) -> None:
    first = VALUES.format(type="Text()", first="'2024-01-02'", second="'2025-01-02'")
    change = f"""
    op.alter_column("thing", "value", type_=sa.{type_})
    op.alter_column("thing", "value", new_column_name="given")
    op.rename_table("thing", "other")
    op.create_check_constraint("ck_thing", "other", "extract(year from given) > 2000")
    """
    migrator = await migrated(db, folder, change, first=first)

    assert len(await migrator.up()) == 1


@only_on("postgresql")
async def test_a_type_that_the_server_does_not_make_of_another_is_refused_at_once(
    db: Database, folder: Path
) -> None:
    first = VALUES.format(type="BigInteger()", first="60", second="1")
    change = """
    op.add_column("thing", sa.Column("name", sa.Text()))
    op.alter_column(
        "thing", "value", type_=sa.Interval(), existing_type=sa.BigInteger(){using}
    )
    """
    migrator = await migrated(db, folder, change.format(using=""), first=first)

    with pytest.raises(NotSupported, match="makes no interval of bigint") as caught:
        await migrator.up()
    assert "postgresql_using" in caught.value.fix
    assert len((await db.execute(sa.text("SELECT * FROM thing")))[0]) == 2

    using = ", postgresql_using=\"value * interval '1 second'\""
    write_revision(folder, "postgresql", "bbb2", change.format(using=using), down="aaa1")
    assert len(await migrator.up()) == 1
    [[found]] = await db.execute(sa.text("SELECT value FROM thing WHERE id = 1"))
    assert found == timedelta(minutes=1)


@only_on("postgresql")
async def test_equal_values_of_the_type_to_come_are_counted(db: Database, folder: Path) -> None:
    first = VALUES.format(type="Text()", first="'1'", second="'01'")
    change = """
    op.alter_column("thing", "value", type_=sa.Integer(), existing_type=sa.Text())
    op.create_unique_constraint("uq_thing", "thing", ["value"])
    """
    migrator = await migrated(db, folder, change, first=first)

    with pytest.raises(RowsInTheWay, match=r"1 row\(s\) repeat"):
        await migrator.up()


@only_on("postgresql")
async def test_a_rule_in_another_schema_is_left_to_the_server(db: Database, folder: Path) -> None:
    first = VALUES.format(type="Text()", first="'1'", second="'2'").replace("thing", "apart.thing")
    first = 'op.execute("CREATE SCHEMA apart")' + first.replace(
        '"apart.thing",', '"thing",', 1
    ).replace("sa.Text()),\n", 'sa.Text()),\n    schema="apart",\n')
    change = """
    op.alter_column(
        "thing", "value", type_=sa.Integer(), existing_type=sa.Text(), schema="apart"
    )
    op.create_check_constraint("ck_thing", "thing", "value > 0", schema="apart")
    """
    migrator = await migrated(db, folder, change, first=first)

    assert len(await migrator.up()) == 1


# ---- names ---------------------------------------------------------------------------------------


@only_on("postgresql")
async def test_a_percent_sign_in_a_name_is_one(db: Database, folder: Path) -> None:
    upgrade = """
    op.create_table("100%", sa.Column("a %(b)s", sa.Integer()))
    op.alter_column("100%", "a %(b)s", nullable=False, existing_type=sa.Integer())
    """
    migrator = await migrated(db, folder, upgrade)

    assert len(await migrator.up()) == 1


# ---- files ---------------------------------------------------------------------------------------


@only_on("sqlite")
async def test_a_file_that_goes_on_from_a_missing_one_is_told_of(
    db: Database, folder: Path
) -> None:
    write_revision(folder, "sqlite", "bbb2", "pass", down="aaa1")

    with pytest.raises(RevisionProblem, match="goes on from aaa1, which has no file"):
        await Migrator(db, folder).status()
