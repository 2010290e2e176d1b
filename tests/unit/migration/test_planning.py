"""Changes become operations in an order in which each finds what it needs."""

from dataclasses import replace

import pytest
import sqlalchemy as sa
from alembic.operations import MigrateOperation
from sqlalchemy.types import TypeEngine

from andamios_orm import NotSupported
from andamios_orm.migration.changes import (
    AddConstraint,
    AddEnum,
    AddIndex,
    AlterColumn,
    AlterComment,
    AlterSequence,
    Change,
    DropConstraint,
    DropIndex,
    RenameConstraint,
    RenameIndex,
    ReplaceConstraint,
    ReplaceIndex,
)
from andamios_orm.migration.diff import compare
from andamios_orm.migration.engines.choice import engine_named
from andamios_orm.migration.items import default_item, index_item
from andamios_orm.migration.operations import SqlType
from andamios_orm.migration.planning import direct, rebuilding
from andamios_orm.migration.state import (
    CheckState,
    ColumnState,
    EnumState,
    ForeignKeyState,
    IndexState,
    KeyState,
    SchemaState,
    SequenceState,
    TableName,
    TableState,
    UniqueState,
)
from andamios_orm.migration.words import in_words

TEAM = TableState(
    name=TableName("team", "s"),
    columns=(
        ColumnState(name="id", type="bigint", nullable=False),
        ColumnState(name="name", type="text", nullable=False),
    ),
    primary_key=KeyState(name="pk_team", columns=("id",)),
)
HERO = TableState(
    name=TableName("hero", "s"),
    columns=(ColumnState(name="team_id", type="bigint"),),
    foreign_keys=(
        ForeignKeyState(
            name="fk_team", columns=("team_id",), target=TEAM.name, target_columns=("id",)
        ),
    ),
)


def column_type(sql: str) -> TypeEngine[object]:
    return SqlType(sql)


def planned(before: SchemaState, after: SchemaState) -> list[MigrateOperation]:
    return direct(compare(before, after).changes, before, after, column_type=column_type)


def state(*tables: TableState, **more: object) -> SchemaState:
    found = SchemaState(engine="postgresql", **more)  # type: ignore[arg-type]  # by name
    for table in tables:
        found = found.with_table(table)
    return found


def test_a_key_that_others_refer_to_is_replaced_without_them() -> None:
    other = replace(TEAM, primary_key=KeyState(name="pk_team", columns=("id", "name")))

    told = [in_words(each) for each in planned(state(TEAM, HERO), state(other, HERO))]

    assert told == [
        "drop constraint fk_team of s.hero",
        "drop constraint pk_team of s.team",
        "add primarykey constraint pk_team of s.team",
        "add foreign key fk_team of hero",
    ]


def test_a_sequence_is_altered_by_its_options() -> None:
    before = SequenceState(name=TableName("ticket"))
    after = replace(before, options="INCREMENT BY 5")
    name = before.name

    (operation,) = planned(state(sequences={name: before}), state(sequences={name: after}))

    assert in_words(operation) == 'run ALTER SEQUENCE "ticket" INCREMENT BY 5'


def test_a_serial_column_of_a_schema_is_counted_there() -> None:
    serial = replace(TEAM.columns[0], identity="serial")
    other = replace(TEAM, columns=(serial, TEAM.columns[1]))

    told = [in_words(each) for each in planned(state(TEAM), state(other))]

    assert told[1] == 'run CREATE SEQUENCE IF NOT EXISTS "s"."team_id_seq"'
    assert 'setval(\'"s"."team_id_seq"\'::regclass' in told[-1]


def test_columns_that_hold_their_labels_themselves_need_no_enum_type() -> None:
    color = AddEnum(EnumState(name=TableName("color"), labels=("red",)))

    found = rebuilding(
        [color], state(), state(), in_place=lambda change: False, column_type=column_type
    )

    assert found == []


def test_how_an_identity_counts_is_read_from_its_text() -> None:
    text = "always INCREMENT BY 5 START WITH 2 CYCLE"

    found = default_item(ColumnState(name="id", type="bigint", identity=text))

    assert isinstance(found, sa.Identity)
    assert (found.always, found.increment, found.start, found.cycle) == (True, 5, 2, True)


def test_an_index_knows_whether_null_is_a_value_like_others() -> None:
    index = IndexState(name="ix", parts=("a",), unique=True, options="NULLS NOT DISTINCT")

    found = index_item(index, "postgresql")

    assert found.dialect_options["postgresql"]["nulls_not_distinct"] is True


IX_A, IX_B = (IndexState(name="ix", parts=(part,)) for part in "ab")
IX_OTHER = replace(IX_A, name="other")
CK_A, CK_B = (CheckState(name="ck", sql=sql) for sql in "ab")
CK_OTHER = replace(CK_A, name="other")
SEQUENCE = SequenceState(name=TableName("x"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (AddIndex(TEAM.name, IX_A), "add index ix of s.team"),
        (DropIndex(TEAM.name, IX_A), "drop index ix of s.team"),
        (ReplaceIndex(TEAM.name, IX_A, IX_B), "change index ix of s.team"),
        (RenameIndex(TEAM.name, IX_A, IX_OTHER), "rename index ix of s.team to other"),
        (
            AddConstraint(TEAM.name, UniqueState(name=None, columns=("a", "b"))),
            "add unique (a, b) of s.team",
        ),
        (
            DropConstraint(TEAM.name, CheckState(name=None, sql="(a > 0)")),
            "drop check (a > 0) of s.team",
        ),
        (ReplaceConstraint(TEAM.name, CK_A, CK_B), "change check ck of s.team"),
        (RenameConstraint(TEAM.name, CK_A, CK_OTHER), "rename check ck of s.team to other"),
        (AlterComment(TEAM.name, None, "c"), "change the comment on s.team"),
        (AlterSequence(SEQUENCE, replace(SEQUENCE, options="CYCLE")), "alter sequence x"),
        (
            AlterColumn(TEAM.name, TEAM.columns[0], replace(TEAM.columns[0], nullable=True)),
            "alter column s.team.id: optional",
        ),
    ],
)
def test_a_change_is_told_in_words(change: Change, told: str) -> None:
    assert str(change) == told


def test_an_engine_that_nobody_knows_has_no_migrations() -> None:
    with pytest.raises(NotSupported, match="oracle has no migrations here"):
        engine_named("oracle")
