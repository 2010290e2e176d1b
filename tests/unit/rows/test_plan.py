"""Plans are compiled once per shape, in a cache that does not grow for ever."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import greenlet  # type: ignore[import-untyped] # it has no stubs
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import aiosqlite

from andamios_orm import Col, Database, Model, Repository, ValueOutOfRange, field, generated
from andamios_orm.rows import plan as plan_module
from andamios_orm.rows.decode import nothing, scalar
from andamios_orm.rows.plan import Plan, PlanCache, compile_plan, compile_rows
from andamios_orm.schema.compiler import table_of

METADATA = sa.MetaData()
TABLE = sa.Table("t", sa.MetaData(), sa.Column("a", sa.Integer), sa.Column("b", sa.Boolean))


class Hero(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str]
    age: Col[int] = field(default=0)


def dialect() -> sa.Dialect:
    made: sa.Dialect = aiosqlite.dialect()
    return made


def plan(statement: Any) -> Plan[None]:
    return compile_plan(statement, dialect(), nothing, table=TABLE)


def parameter(number: int, column_type: Any = None) -> Any:
    return sa.bindparam(f"andamios_orm_parameter_{number}", None, type_=column_type)


# ---- the cache ---------------------------------------------------------------------------------


def test_a_shape_is_built_once() -> None:
    cache, built = PlanCache(dialect()), list[str]()

    def build(given: sa.Dialect) -> Plan[None]:
        built.append(given.name)
        return plan(sa.select(TABLE.c.a))

    assert cache.get("shape", build) is cache.get("shape", build)
    assert built == ["sqlite"]


def test_what_has_no_shape_is_never_kept() -> None:
    cache = PlanCache(dialect())

    one = cache.get(None, lambda d: plan(sa.select(TABLE.c.a)))
    two = cache.get(None, lambda d: plan(sa.select(TABLE.c.a)))

    assert one is not two
    assert len(cache) == 0


def test_the_oldest_plan_makes_room() -> None:
    cache = PlanCache(dialect(), size=3)
    plans = {n: cache.get(n, lambda d: plan(sa.select(TABLE.c.a))) for n in range(4)}

    kept = {n: cache.get(n, lambda d: plan(sa.select(TABLE.c.b))) for n in (1, 2, 3)}

    assert len(cache) == 3
    assert all(kept[n] is plans[n] for n in (1, 2, 3))


def test_a_row_decoder_is_shared_by_all_plans_of_a_model() -> None:
    cache = PlanCache(dialect())

    one = cache.decoder(Hero, lambda d: lambda rows: [1])
    two = cache.decoder(Hero, lambda d: lambda rows: [2])

    assert one is two


# ---- filling parameters ------------------------------------------------------------------------


def test_parameters_are_filled_by_their_number() -> None:
    made = plan(sa.select(TABLE.c.a).where(TABLE.c.a > parameter(1), TABLE.c.a < parameter(0)))

    assert made.bind([1, 2]) == [2, 1]


def test_constants_stay_where_they_are() -> None:
    made = plan(sa.select(TABLE.c.a).where(TABLE.c.a.in_([7, 8]), TABLE.c.a < parameter(0)))

    assert made.bind([1]) == [7, 8, 1]


def test_values_and_constants_take_the_form_of_their_column() -> None:
    in_order = plan(sa.select(TABLE.c.a).where(TABLE.c.b == parameter(0, sa.Boolean())))
    mixed = plan(
        sa.select(TABLE.c.a).where(
            TABLE.c.b == sa.literal(True), TABLE.c.b != parameter(0, sa.Boolean())
        )
    )

    assert [type(value) for value in in_order.bind([True])] == [int]
    assert [type(value) for value in mixed.bind([True])] == [int, int]


@pytest.mark.parametrize("column", [TABLE.c.a, TABLE.c.b])
def test_values_of_what_sqlalchemy_left_out_are_left_out(column: Any) -> None:
    compared = column == parameter(0, column.type)
    gone = plan(sa.select(TABLE.c.a).where(compared, sa.false()))
    half = plan(sa.select(TABLE.c.a).where(compared).where(sa.or_(sa.true(), compared)))

    assert gone.bind([1]) == []
    assert half.bind([1, 2]) == [1]


def test_many_slots_are_filled_as_few_are() -> None:
    compared = [TABLE.c.b == parameter(number, sa.Boolean()) for number in range(101)]
    made = plan(sa.select(TABLE.c.a).where(TABLE.c.a.in_([7, 8]), *reversed(compared)))

    assert made.bind([number > 99 for number in range(101)]) == [7, 8, 1, *[0] * 100]


def test_a_list_is_filled_as_its_values_are_one_by_one() -> None:
    age = table_of(Hero).c.age
    listed = age.in_([parameter(n, age.type) for n in range(150)])
    other = age == parameter(150, sa.Boolean())
    made = plan(sa.select(age).where(age != sa.literal(None, sa.Integer()), listed, other))

    assert made.bind([*range(149), None, True]) == [None, *range(149), None, 1]
    with pytest.raises(ValueOutOfRange, match=r"Hero\.age"):
        made.bind([*range(149), 2**70, True])


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_rows_are_given_as_columns(rows: int) -> None:
    def insert(number: int) -> sa.Insert:
        # The table's order is not that of the values.
        columns = (TABLE.c.b, TABLE.c.a)
        return sa.insert(TABLE).values(
            [
                {c.name: parameter(2 * row + n, c.type) for n, c in enumerate(columns)}
                for row in range(number)
            ]
        )

    made = compile_rows(insert, rows, dialect(), nothing, table=TABLE)

    assert made.writes
    assert made.sql == f"INSERT INTO t (a, b) VALUES {', '.join(['(?, ?)'] * rows)}"
    bound = made.bind([[True, False, True, None, False][:rows], [*range(rows)]])
    assert bound == [0, 1, 1, 0, 2, 1, 3, None, 4, 0][: 2 * rows]


def test_a_plan_knows_whether_it_writes() -> None:
    assert not plan(sa.select(TABLE.c.a)).writes
    assert plan(sa.delete(TABLE)).writes


def test_a_scalar_is_the_only_value_or_zero() -> None:
    assert scalar([(3,)]) == 3
    assert scalar([]) == 0
    assert nothing([]) is None  # type: ignore[func-returns-value]  # that is the claim


# ---- warm calls --------------------------------------------------------------------------------


@pytest.fixture
async def heroes(database_url: str) -> AsyncIterator[Repository[Hero]]:
    async with Database(database_url, metadata=METADATA) as database:
        await database.create_all()
        yield Repository(Hero, database)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return the list that every statement is added to which SQLAlchemy compiles for a plan."""
    compiled: list[object] = []

    def counting(statement: Any, dialect: sa.Dialect) -> Any:
        compiled.append(statement)
        return compile_statement(statement, dialect)

    compile_statement = plan_module._compiled
    monkeypatch.setattr(plan_module, "_compiled", counting)
    return compiled


async def every_operation(heroes: Repository[Hero], name: str, age: int) -> None:
    ada = await heroes.add(Hero(name=name, age=age))
    await heroes.add_all([Hero(name=name), Hero(name=name), Hero(name=name)])
    await heroes.get(ada.id)
    await heroes.update(ada)
    await heroes.patch(ada.id, Hero.age.set(age), Hero.name.set(Hero.name + name))
    query = heroes.where((Hero.age >= age) | Hero.name.contains(name)).order_by(Hero.age)
    await query.limit(age + 1).offset(age).all()
    await query.first()
    await query.count()
    await query.limit(age).count()
    await query.exists()
    await heroes.where(Hero.age > age).update(Hero.age.set(age), Hero.name.set(name))
    await heroes.where(Hero.age > age).delete()
    await heroes.delete(ada.id)


async def test_a_warm_call_compiles_nothing(
    heroes: Repository[Hero], monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = counted(monkeypatch)
    await every_operation(heroes, "Ada", 1)
    assert compiled
    compiled.clear()

    await every_operation(heroes, "Bob", 2)

    assert compiled == []


async def test_a_warm_call_enters_no_greenlet(heroes: Repository[Hero]) -> None:
    await every_operation(heroes, "Ada", 1)
    switches: list[object] = []

    greenlet.settrace(lambda event, greenlets: switches.append(event))
    try:
        await every_operation(heroes, "Bob", 2)
    finally:
        greenlet.settrace(None)

    assert switches == []


async def test_concurrent_calls_of_one_shape_compile_once(
    heroes: Repository[Hero], monkeypatch: pytest.MonkeyPatch
) -> None:
    await heroes.add_all([Hero(name=str(n), age=n) for n in range(20)])
    compiled = counted(monkeypatch)

    found = await asyncio.gather(*[heroes.where(Hero.age == n).all() for n in range(20)])

    assert [[hero.age for hero in group] for group in found] == [[n] for n in range(20)]
    assert len(compiled) == 1
