"""Two states are compared: what follows is made, what does not is asked."""

from dataclasses import replace

import pytest

from andamios_orm import UsageError
from andamios_orm.migration.changes import (
    AddConstraint,
    AddIndex,
    AddSequence,
    AlterEnum,
    AlterOptions,
    AlterSequence,
    Change,
    DropConstraint,
    DropEnum,
    DropSequence,
    RenameColumn,
    RenameConstraint,
    RenameIndex,
    RenameTable,
    ReplaceConstraint,
)
from andamios_orm.migration.diff import Answers, Comparison, Rename, compare
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

HERO = TableState(
    name=TableName("hero"),
    columns=(
        ColumnState(name="id", type="bigint", nullable=False),
        ColumnState(name="name", type="text", nullable=False),
        ColumnState(name="age", type="bigint"),
        ColumnState(name="boss_id", type="bigint"),
        ColumnState(name="loud", type="text", computed="upper(name)"),
    ),
    primary_key=KeyState(name="pk_hero", columns=("id",)),
    uniques=(UniqueState(name="uq_hero_name", columns=("name",)),),
    checks=(CheckState(name="ck_hero_age", sql="(age >= 0)"),),
    foreign_keys=(
        ForeignKeyState(
            name="fk_hero_boss",
            columns=("boss_id",),
            target=TableName("hero"),
            target_columns=("id",),
        ),
    ),
    indexes=(IndexState(name="ix_hero_age", parts=("age",), include=("name",), where="age > 1"),),
)
TEAM = TableState(
    name=TableName("team"),
    columns=(ColumnState(name="hero_id", type="bigint"),),
    foreign_keys=(
        ForeignKeyState(
            name="fk_team", columns=("hero_id",), target=TableName("hero"), target_columns=("id",)
        ),
    ),
)


def state(*tables: TableState, **more: object) -> SchemaState:
    found = SchemaState(engine="postgresql", **more)  # type: ignore[arg-type]  # by name
    for table in tables:
        found = found.with_table(table)
    return found


def differences(before: SchemaState, after: SchemaState, *answers: str) -> list[Change]:
    given = Answers(renames=frozenset(map(Rename.parse, answers)))
    comparison = compare(before, after, given)
    assert not comparison.questions
    return list(comparison.changes)


def renamed_column(old: str, new: str) -> TableState:
    columns = [replace(c, name=new if c.name == old else c.name) for c in HERO.columns]
    return replace(HERO, columns=tuple(columns))


def test_equal_states_differ_in_nothing() -> None:
    comparison = compare(state(HERO, TEAM), state(HERO, TEAM))

    assert not comparison
    assert comparison.changes == ()


def test_a_table_that_may_have_been_renamed_is_asked_about() -> None:
    person = replace(HERO, name=TableName("person"), foreign_keys=())

    comparison = compare(state(HERO), state(person))

    assert comparison.questions == (Rename("hero", "person"),)


def test_a_renamed_table_takes_along_the_keys_that_refer_to_it() -> None:
    person = replace(HERO, name=TableName("person"), foreign_keys=())
    there = replace(TEAM.foreign_keys[0], target=TableName("person"))
    before = state(replace(HERO, foreign_keys=()), TEAM)
    after = state(person, replace(TEAM, foreign_keys=(there,)))

    assert differences(before, after, "hero:person") == [
        RenameTable(TableName("hero"), TableName("person"))
    ]


def test_a_table_unlike_any_other_is_no_question() -> None:
    other = TableState(name=TableName("x"), columns=(ColumnState(name="y", type="text"),))

    comparison = compare(state(HERO), state(other))

    assert comparison.questions == ()
    assert [str(change) for change in comparison.changes] == ["add table x", "drop table hero"]


def test_an_unlike_table_is_renamed_when_a_person_says_so() -> None:
    other = TableState(name=TableName("x"), columns=(ColumnState(name="id", type="text"),))

    first, *_ = differences(state(TEAM), state(other), "team:x", "x.hero_id:id")

    assert first == RenameTable(TableName("team"), TableName("x"))


def test_one_old_table_becomes_one_new_one_at_most() -> None:
    a, b, c = (replace(TEAM, name=TableName(name), foreign_keys=()) for name in "abc")

    comparison = compare(state(a, b), state(c), Answers(renames=frozenset({Rename("a", "c")})))

    assert [str(change) for change in comparison.changes] == ["rename table a to c", "drop table b"]
    assert comparison.questions == ()


def test_a_column_that_may_have_been_renamed_is_asked_about() -> None:
    comparison = compare(state(HERO), state(renamed_column("age", "years")))

    assert comparison.questions == (Rename("hero.age", "hero.years"),)
    assert bool(comparison)


def test_a_renamed_column_takes_along_all_that_speaks_of_it() -> None:
    hero = renamed_column("id", "number")
    hero = replace(
        hero,
        primary_key=KeyState(name="pk_hero", columns=("number",)),
        foreign_keys=(replace(HERO.foreign_keys[0], target_columns=("number",)),),
    )
    team = replace(TEAM, foreign_keys=(replace(TEAM.foreign_keys[0], target_columns=("number",)),))

    assert differences(state(HERO, TEAM), state(hero, team), "hero.id:number") == [
        RenameColumn(TableName("hero"), "id", "number")
    ]


def test_texts_follow_a_renamed_column() -> None:
    hero = replace(
        renamed_column("age", "years"),
        checks=(CheckState(name="ck_hero_age", sql="(years >= 0)"),),
        indexes=(replace(HERO.indexes[0], parts=("years",), where="years > 1"),),
    )

    assert differences(state(HERO), state(hero), "hero.age:years") == [
        RenameColumn(TableName("hero"), "age", "years")
    ]


def test_one_old_column_becomes_one_new_one_at_most() -> None:
    before = replace(TEAM, columns=tuple(ColumnState(name=n, type="text") for n in "ab"))
    after = replace(TEAM, columns=tuple(ColumnState(name=n, type="text") for n in "cd"))

    changes = differences(state(before), state(after), "team.a:c", "team.b:d")

    assert [str(change) for change in changes] == [
        "rename column team.a to c",
        "rename column team.b to d",
    ]


def test_a_column_of_another_type_is_no_question() -> None:
    hero = replace(HERO, columns=(*HERO.columns[:-1], ColumnState(name="x", type="bytea")))

    comparison = compare(state(HERO), state(hero))

    assert comparison.questions == ()
    assert [str(change) for change in comparison.changes] == [
        "add column hero.x",
        "drop column hero.loud",
    ]


def test_an_answer_that_nothing_was_renamed_is_no_question_any_more() -> None:
    answers = Answers(dropped=frozenset({"hero.age"}))

    comparison = compare(state(HERO), state(renamed_column("age", "years")), answers)

    assert comparison.questions == ()
    assert "add column hero.years" in map(str, comparison.changes)


def test_an_answer_about_what_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match=r"`hero\.agge:hero\.years`") as caught:
        differences(state(HERO), state(HERO), "hero.agge:years")

    assert "schema diff" in caught.value.fix


@pytest.mark.parametrize("text", ["hero", "hero:", ":hero", "a:b:c"])
def test_what_is_no_rename_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no rename"):
        Rename.parse(text)


def test_constraints_are_told_apart_by_name_and_meaning() -> None:
    other = UniqueState(name="uq_other", columns=("name",))
    older = CheckState(name="ck_hero_age", sql="(age >= 18)")
    key = replace(HERO.foreign_keys[0], name="fk_new", on_delete="CASCADE")
    primary = KeyState(name="pk_new", columns=("name",))
    hero = replace(
        HERO, uniques=(other,), checks=(older,), foreign_keys=(key,), primary_key=primary
    )

    assert differences(state(HERO), state(hero)) == [
        RenameConstraint(TableName("hero"), HERO.uniques[0], other),
        ReplaceConstraint(TableName("hero"), KeyState(name="pk_hero", columns=("id",)), primary),
        ReplaceConstraint(TableName("hero"), HERO.checks[0], older),
        ReplaceConstraint(TableName("hero"), HERO.foreign_keys[0], key),
    ]


def test_constraints_without_names_are_what_they_say() -> None:
    before = replace(HERO, checks=(CheckState(name=None, sql="a"), CheckState(name=None, sql="b")))
    after = replace(HERO, checks=(CheckState(name=None, sql="b"), CheckState(name=None, sql="c")))

    assert differences(state(before), state(after)) == [
        DropConstraint(TableName("hero"), CheckState(name=None, sql="a")),
        AddConstraint(TableName("hero"), CheckState(name=None, sql="c")),
    ]


def test_equal_constraints_without_names_count_one_by_one() -> None:
    twice = CheckState(name=None, sql="a")
    before = replace(HERO, checks=(twice, twice))

    assert differences(state(before), state(replace(HERO, checks=(twice,)))) == [
        DropConstraint(TableName("hero"), twice)
    ]


def test_an_index_under_another_name_is_renamed() -> None:
    renamed = replace(HERO.indexes[0], name="ix_other")
    more = IndexState(name="ix_more", parts=("name",))

    assert differences(state(HERO), state(replace(HERO, indexes=(renamed, more)))) == [
        RenameIndex(TableName("hero"), HERO.indexes[0], renamed),
        AddIndex(TableName("hero"), more),
    ]


def test_labels_of_an_enum_may_have_been_renamed() -> None:
    color = TableName("color")
    before = EnumState(name=color, labels=("red", "blue", "white"))
    after = EnumState(name=color, labels=("crimson", "blue"))

    asked = compare(state(enums={color: before}), state(enums={color: after}))
    known = differences(
        state(enums={color: before}), state(enums={color: after}), "color.red:crimson"
    )

    assert asked.questions == (
        Rename("color.red", "color.crimson"),
        Rename("color.white", "color.crimson"),
    )
    (change,) = known
    assert isinstance(change, AlterEnum)
    assert (change.renamed, change.removed, change.added) == (
        (("red", "crimson"),),
        ("white",),
        (),
    )
    assert str(change) == "alter enum color: rename red to crimson, remove white"


def test_the_order_of_labels_is_a_change_too() -> None:
    color = TableName("color")
    before, after = (EnumState(name=color, labels=tuple(labels)) for labels in ("ab", "ba"))

    (change,) = differences(state(enums={color: before}), state(enums={color: after}))

    assert str(change) == "alter enum color: order of labels"


def test_enums_come_first_and_go_last() -> None:
    color = EnumState(name=TableName("color"), labels=("red",))
    size = EnumState(name=TableName("size"), labels=("big",))

    changes = differences(state(TEAM, enums={size.name: size}), state(enums={color.name: color}))

    assert [str(change) for change in changes] == [
        "add enum color",
        "drop table team",
        "drop enum size",
    ]
    assert isinstance(changes[-1], DropEnum)


def test_sequences_are_compared_by_their_options() -> None:
    a, b, c = (SequenceState(name=TableName(name)) for name in "abc")
    faster = replace(b, options="INCREMENT BY 10")

    changes = differences(
        state(sequences={a.name: a, b.name: b}), state(sequences={b.name: faster, c.name: c})
    )

    assert changes == [DropSequence(a), AlterSequence(b, faster), AddSequence(c)]


def test_options_of_a_table_are_compared_without_their_order() -> None:
    one, other = ("x_strict", "True"), ("x_engine", "y")
    before = replace(TEAM, options=(one, other))

    assert differences(state(before), state(replace(TEAM, options=(other, one)))) == []
    (change,) = differences(state(before), state(replace(TEAM, options=(("x_engine", "z"),))))
    assert isinstance(change, AlterOptions)
    assert str(change) == "change team: x_engine=z, no x_engine=y, no x_strict=True"


def test_a_change_of_a_column_is_told_in_words() -> None:
    changed = ColumnState(name="age", type="text", nullable=False, default="1", comment="years")
    kept = replace(HERO.columns[-1], stored=False)
    columns = tuple({"age": changed, "loud": kept}.get(c.name, c) for c in HERO.columns)
    hero = replace(HERO, columns=columns, comment="who")

    told = [str(change) for change in differences(state(HERO), state(hero))]

    assert told == [
        "alter column hero.age: type bigint -> text, required, default none -> 1, comment",
        "alter column hero.loud: computed upper(name) -> upper(name)",
        "change the comment on hero",
    ]


def test_what_refers_to_a_table_is_found() -> None:
    assert [table.name for table, _ in state(HERO, TEAM).references(TableName("hero"))] == [
        TableName("team")
    ]


def test_a_column_that_is_not_there_is_missed() -> None:
    with pytest.raises(KeyError):
        HERO.column("x")


def test_a_comparison_tells_whether_there_is_anything_to_do() -> None:
    nothing = Comparison(before=state(), after=state(), changes=())

    assert not nothing
