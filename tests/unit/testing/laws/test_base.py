"""How a law is checked, and what is told when it is broken: on SQLite in memory."""

import asyncio
import pickle
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.errors import FailedHealthCheck

from andamios_orm import Col, Model, Repository, field, generated
from andamios_orm.errors import NotFound, UsageError
from andamios_orm.testing import laws
from andamios_orm.testing.laws import Broken, Law, LawBroken, Playground
from andamios_orm.testing.strategies import Filter, Graph
from andamios_orm.testing.strategies.class_plan import ClassPlan, FieldPlan, declare
from andamios_orm.testing.strategies.problems import MostlyRefused

FEW = settings(max_examples=20, database=None, derandomize=True)
SQLITE = "sqlite://"
AGES = st.integers(0, 100)


class Crew(Model, table=True):
    id: Col[int] = generated()
    name: Col[str]


class Pilot(Model, table=True):
    id: Col[int] = generated()
    name: Col[str]
    age: Col[int]
    crew_id: Col[int | None] = field(default=None, foreign_key=Crew.id)


class Narrow(Model, table="law_narrow", metadata=sa.MetaData()):
    """A rule that only the table knows."""

    id: Col[int] = generated()
    width: Col[int]
    __table_args__ = (sa.CheckConstraint("width BETWEEN 41 AND 43", name="narrow"),)


class Ship(Model, table=True):
    id: Col[int] = generated()


def pilot(age: int, number: int = 1) -> Pilot:
    return Pilot.model_validate({"id": number, "name": "Amy", "age": age})


def law(
    holds: Callable[..., Awaitable[None]],
    examples: st.SearchStrategy[Any] = AGES,
    **more: Any,
) -> Law:
    """A law about one pilot whose age is made up."""
    return Law(
        name="young",
        statement="pilots are young",
        examples=lambda playground: examples.map(lambda age: ([pilot(age)],)),
        holds=holds,
        **more,
    )


async def stored(playground: Playground, rows: list[Pilot]) -> Pilot:
    repository = Repository(Pilot, playground.db)
    assert await repository.count() == 0
    (row,) = rows
    return await repository.add(row)


async def are_young(playground: Playground, rows: list[Pilot]) -> None:
    row = await stored(playground, rows)
    if row.age > 17:
        raise Broken("Pilot.age", expected=17, found=row.age)


async def are_found(playground: Playground, rows: list[Pilot]) -> None:
    row = await stored(playground, rows)
    if row.age > 17:
        await Repository(Pilot, playground.db).get(4711)


def broken(young: Law, *models: type[Model]) -> LawBroken:
    with Playground(SQLITE, *models or (Pilot,)) as playground, pytest.raises(LawBroken) as caught:
        young.check(playground, using=FEW)
    return caught.value


def test_a_law_that_holds_says_nothing() -> None:
    law(are_young, st.integers(0, 17))(SQLITE, Pilot)


def test_a_broken_law_tells_the_smallest_example_as_code() -> None:
    error = broken(law(are_young))

    assert str(error) == (
        "young does not hold on sqlite for Crew, Pilot\n"
        "\n"
        "  law: pilots are young\n"
        "  Pilot.age\n"
        "    expected: 17\n"
        "    found:    18\n"
        "\n"
        "The smallest example, as code for a test:\n"
        "\n"
        "from andamios_orm.testing import laws\n"
        f"from {__name__} import Pilot\n"
        "\n"
        'laws.young.replay("sqlite://", [Pilot(id=1, name="Amy", age=18)])\n'
    )
    assert (error.law, error.engine) == ("young", "sqlite")
    assert str(error).endswith(error.code)
    assert error.__cause__ is None
    assert error.__suppress_context__


def test_the_code_breaks_the_law_again(monkeypatch: pytest.MonkeyPatch) -> None:
    young = law(are_young)
    monkeypatch.setattr(laws, "young", young, raising=False)
    first = broken(young)

    with pytest.raises(LawBroken) as again:
        exec(first.code)  # noqa: S102 - the code is what is tested

    assert str(again.value) == str(first)


def test_another_exception_is_told_and_kept_without_how_hypothesis_came_to_it() -> None:
    error = broken(law(are_found))

    assert "  NotFound: no Pilot has this primary key" in str(error)
    assert isinstance(error.__cause__, NotFound)
    assert error.__cause__.__traceback__ is not None
    assert error.__cause__.__traceback__.tb_frame.f_code.co_name == "_try"


def test_models_that_are_not_in_the_example_are_named_in_the_code() -> None:
    error = broken(law(are_young), Pilot, Ship)

    models = "models=(Crew, Pilot, Ship)"
    call = f'laws.young.replay("sqlite://", [Pilot(id=1, name="Amy", age=18)], {models})'
    assert error.code.endswith(f"{call}\n")
    assert error.code.startswith("from andamios_orm.testing import laws\n")


async def fail(playground: Playground, *example: object) -> None:
    raise ValueError("something else")


async def assert_nothing(playground: Playground, *example: object) -> None:
    raise AssertionError


def test_classes_that_were_made_up_stand_before_the_example(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    beds = {"id": FieldPlan(int, generated=True), "beds": FieldPlan(int)}
    [cabin] = declare([ClassPlan(name="Cabin", table="cabin", fields=beds)], sa.MetaData())

    async def are_small(playground: Playground, row: Model) -> None:
        if row.__dict__["beds"] > 3:
            raise Broken("Cabin.beds")

    small = Law(
        name="roundtrip",
        statement="cabins are small",
        examples=lambda playground: AGES.map(lambda n: (cabin.model_validate({"beds": n}),)),
        holds=are_small,
    )
    code = broken(small, cabin).code
    monkeypatch.setattr(laws, "roundtrip", small)

    assert "class Cabin(Model, table='cabin', metadata=METADATA):" in code
    with pytest.raises(LawBroken) as again:
        exec(code, {"__name__": "pasted"})  # noqa: S102 - what is tested
    assert "Cabin(beds=4)" in again.value.code


def test_exceptions_that_are_not_the_librarys_are_told_by_their_class() -> None:
    assert "  ValueError: something else\n" in str(broken(law(fail)))
    assert "  AssertionError: \n" in str(broken(law(assert_nothing)))


def test_it_can_be_sent_to_another_process() -> None:
    error = broken(law(are_young))

    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own

    assert (str(copy), copy.law, copy.engine, copy.code) == (
        str(error),
        "young",
        "sqlite",
        error.code,
    )


def test_each_example_begins_with_empty_tables_also_after_a_failure() -> None:
    counts: list[int] = []

    async def count(playground: Playground, rows: list[Pilot]) -> None:
        counts.append(await Repository(Pilot, playground.db).count())
        await are_young(playground, rows)

    broken(law(count))

    assert len(counts) > 2
    assert set(counts) == {0}


def test_the_settings_and_the_seed_say_which_examples() -> None:
    def ages(seed: int) -> list[int]:
        seen: list[int] = []

        async def note(playground: Playground, rows: list[Pilot]) -> None:
            seen.append(rows[0].age)

        with Playground(SQLITE, Pilot) as playground:
            using = settings(max_examples=7, database=None)
            law(note).check(playground, using=using, seed=seed)
        return seen

    assert len(ages(1)) == 7
    assert ages(1) == ages(1) != ages(2)


def test_the_current_profile_says_how_many_examples() -> None:
    seen: list[int] = []

    async def note(playground: Playground, rows: list[Pilot]) -> None:
        seen.append(rows[0].age)

    settings.register_profile("three", settings.get_profile("default"), max_examples=3)
    before = settings.get_current_profile_name()
    settings.load_profile("three")
    try:
        law(note)(SQLITE, Pilot)
    finally:
        settings.load_profile(before)

    assert len(seen) == 3


def test_fewer_examples_are_made_up_for_a_law_that_takes_longer() -> None:
    seen: list[int] = []

    async def note(playground: Playground, rows: list[Pilot]) -> None:
        seen.append(rows[0].age)

    with Playground(SQLITE, Pilot) as playground:
        law(note, effort=5).check(playground, using=FEW)
        law(note, effort=50).check(playground, using=FEW)

    assert len(seen) == 4 + 1


def test_a_law_that_is_spared_is_not_checked() -> None:
    spared = law(fail, spared=lambda playground: f"not on {playground.engine}")

    spared(SQLITE, Pilot)


def test_what_hypothesis_says_of_the_examples_passes() -> None:
    nothing = law(are_young, st.integers().filter(lambda age: False))

    with Playground(SQLITE, Pilot) as playground, pytest.raises(FailedHealthCheck):
        nothing.check(playground, using=FEW)


def narrow(width: int) -> Narrow:
    return Narrow.model_validate({"id": 1, "width": width})


async def are_narrow(playground: Playground, rows: list[Narrow]) -> None:
    await Graph(tuple(rows)).store(playground.db)


@pytest.mark.parametrize("checks", [(), list(HealthCheck)], ids=["health", "no health"])
def test_a_check_of_the_table_that_refuses_nearly_all_rows_is_named(checks: Any) -> None:
    wide = st.integers(100, 10**9).map(narrow)
    law = Law(
        name="narrow",
        statement="ships are narrow",
        examples=lambda playground: st.tuples(st.tuples(wide).map(list)),
        holds=are_narrow,
    )

    told = "the constraint ck_law_narrow_narrow of Narrow refuses nearly all"
    with Playground(SQLITE, Narrow) as playground, pytest.raises(MostlyRefused, match=told):
        law.check(playground, using=settings(FEW, suppress_health_check=checks))


def test_a_row_that_a_check_of_the_table_refuses_breaks_no_round_trip() -> None:
    laws.roundtrip.replay(SQLITE, [narrow(100)])
    laws.roundtrip.replay(SQLITE, [narrow(42)])


def test_an_example_that_the_law_rejects_breaks_nothing() -> None:
    async def old_only(playground: Playground, rows: list[Pilot]) -> None:
        assume(rows[0].age > 17)

    law(old_only)(SQLITE, Pilot)


def test_an_exception_while_an_example_is_made_up_passes() -> None:
    def fail_on_old(age: int) -> int:
        if age > 17:
            raise UsageError("no such age", "none")
        return age

    with Playground(SQLITE, Pilot) as playground, pytest.raises(UsageError, match="no such age"):
        law(are_young, st.integers(0, 100).map(fail_on_old)).check(playground, using=FEW)


def test_a_law_that_is_broken_only_once_is_told_as_such() -> None:
    failed: list[bool] = []

    async def fail_once(playground: Playground, rows: list[Pilot]) -> None:
        if not failed:
            failed.append(True)
            raise Broken("it fails")

    assert "held when the same example was tried again" in str(broken(law(fail_once)))


def test_an_interruption_ends_the_check() -> None:
    async def interrupt(playground: Playground, rows: list[Pilot]) -> None:
        raise KeyboardInterrupt

    with Playground(SQLITE, Pilot) as playground:
        with pytest.raises(KeyboardInterrupt):
            law(interrupt).check(playground, using=FEW)
        law(are_young, st.integers(0, 17)).check(playground, using=FEW)


def test_replay_finds_the_models_in_rows_classes_and_conditions() -> None:
    seen: list[tuple[type[Model], ...]] = []

    async def note(playground: Playground, *example: object) -> None:
        seen.append(playground.models)

    condition: Filter[Crew] = Filter(Crew.id == 1, lambda crew: True, "Crew.id == 1")
    examples: list[object] = [pilot(1), [pilot(1)], {"a": (pilot(1),)}, Pilot, Pilot.age > 3]
    examples += [condition, Crew, [Crew]]
    for example in examples:
        law(note).replay(SQLITE, example)
    law(note).replay(SQLITE, 5, str, models=(Crew,))

    assert seen == [(Crew, Pilot)] * 5 + [(Crew,)] * 4


def test_replay_of_an_example_without_models_asks_for_them() -> None:
    with pytest.raises(UsageError, match="nobody knows its models") as caught:
        law(are_young).replay(SQLITE, [])

    assert "laws.young.replay(url, ..., models=(Hero,))" in caught.value.fix


def test_replay_of_what_is_no_example_says_what_one_is() -> None:
    with pytest.raises(UsageError, match="example of young is rows; 2 value") as caught:
        law(are_young).replay(SQLITE, [pilot(1)], 3)

    assert "laws.young.replay(url, ...)" in caught.value.fix


def test_a_model_is_needed() -> None:
    with pytest.raises(UsageError, match="a law needs a model"):
        law(are_young)(SQLITE)


@pytest.mark.parametrize("wrong", [SQLITE, pilot(3)], ids=["url", "instance"])
def test_a_model_is_a_class(wrong: Any) -> None:
    with pytest.raises(UsageError, match=f"was given a {type(wrong).__name__} for a model"):
        law(are_young)(SQLITE, wrong)


async def test_where_an_event_loop_runs_it_is_refused_with_the_reason() -> None:
    await asyncio.sleep(0)

    with pytest.raises(UsageError, match="an event loop runs here"):
        law(are_young)(SQLITE, Pilot)
