"""Graphs: references that hold, keys that are distinct, an order for storing, small examples."""

from collections.abc import Callable
from datetime import date
from typing import Any, Self
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import Phase, find, given, settings
from hypothesis.errors import UnsatisfiedAssumption
from pydantic import model_validator

from andamios_orm import Col, Database, Model, field, generated
from andamios_orm.errors import CheckViolation, UsageError
from andamios_orm.schema.compiler import spec_of, table_of
from andamios_orm.testing.strategies import Graph, graph
from andamios_orm.testing.strategies.graphs import (
    _SOMEONE,
    _Assembly,
    _count,
    _differs,
    _is_left_out,
    _Plan,
    _references,
    _Seed,
    is_users_own,
)
from andamios_orm.testing.strategies.storable import Storable
from andamios_orm.testing.strategies.uniques import uniques_of
from tests.engines import only_on
from tests.unit.testing.strategies import linked_models as linked
from tests.unit.testing.strategies.drawing import reached
from tests.unit.testing.strategies.drawing import some as many
from tests.unit.testing.strategies.linked_models import (
    Badge,
    Bicycle,
    Bolt,
    City,
    Country,
    Document,
    Folder,
    Friendship,
    Invention,
    Knot,
    Loop,
    Passport,
    Person,
    Remark,
    Ring,
    Seat,
    Street,
    Thread,
    Trip,
    made,
)

FEW = settings(max_examples=40, derandomize=True, database=None)
FAMILIES: list[tuple[type[Model], ...]] = [
    linked.ALL,
    (Trip,),
    (Document,),
    (Loop, Ring),
    (Thread, Knot),
    (Bolt,),
    (Bicycle,),
]


def smallest(models: tuple[type[Model], ...], wanted: Callable[[Graph], bool]) -> Graph:
    found: Graph = find(graph(*models), wanted, settings=settings(FEW, max_examples=500))
    return found


def some(*models: type[Model]) -> list[Graph]:
    """Return what is drawn in an ordinary run."""
    drawn: list[Graph] = []

    @FEW
    @given(graph(*models))
    def collect(found: Graph) -> None:
        drawn.append(found)

    collect()
    return drawn


def shown(found: Graph) -> list[Model]:
    return list(found.instances)


# ---- laws --------------------------------------------------------------------------------------


@pytest.mark.parametrize("models", FAMILIES, ids=lambda models: models[0].__name__)
def test_references_hold_and_keys_are_distinct(models: tuple[type[Model], ...]) -> None:
    @FEW
    @given(graph(*models))
    def check(found: Graph) -> None:
        check_graph(found)

    check()


def check_graph(found: Graph) -> None:
    """Raise AssertionError for a graph that no database could store."""
    there: list[Model] = []
    for row in found.inserts:
        there.append(row)
        for reference in _references(type(row)):
            values = tuple(getattr(row, name) for name in reference.names)
            if None not in values:
                targets = [r for r in there if type(r) is reference.target]
                assert values in [tuple(getattr(t, n) for n in reference.theirs) for t in targets]
    for model in set(map(type, found.instances)):
        for rows in (found.of(model), [r for r in found.inserts if type(r) is model]):
            for unique in uniques_of(model):
                keys = [key for row in rows if (key := unique.of(row.__dict__)) is not None]
                assert len(set(keys)) == len(keys), (model, unique.names)
        for row in found.of(model):
            for field_spec in spec_of(model).fields:
                in_row = field_spec.name in row.__dict__
                wanted = field_spec.primary_key or not field_spec.server_made
                assert in_row == wanted, field_spec.name
    for row, changes in found.updates:
        assert {name: getattr(row, name) for name in changes} == changes


# ---- what shrinks and what is reached ----------------------------------------------------------


def test_the_smallest_graph_is_empty() -> None:
    assert smallest((Passport, Seat), lambda found: True).instances == ()


def test_a_row_brings_what_it_requires_and_nothing_else() -> None:
    found = smallest((Passport, Seat), lambda found: bool(found.of(Passport)))

    assert shown(found) == [made(Person, id=1), *found.of(Passport)]
    assert found.of(Passport)[0].person_id == 1


def test_a_missing_reference_needs_no_row() -> None:
    found = smallest((Seat,), lambda found: bool(found.of(Seat)))

    assert shown(found) == [made(Seat, id=1, row=1)]


def test_a_tree_grows_from_the_rows_before() -> None:
    def is_deep(found: Graph) -> bool:
        return any(p.parent_id == 2 for p in found.of(Person)[2:]) and (
            found.of(Person)[1].parent_id == 1
        )

    deep = reached(graph(Person), is_deep)

    assert all((p.parent_id or 0) < p.id for p in deep.of(Person))


def test_pairs_of_a_link_table_are_distinct_and_many() -> None:
    for found in some(Friendship):
        pairs = [(row.one, row.other) for row in found.of(Friendship)]
        assert len(set(pairs)) == len(pairs)

    unshrunk = settings(FEW, max_examples=5000, phases=[Phase.generate])
    # Raises NoSuchExample if there is none.
    find(graph(Friendship), lambda found: len(found.of(Friendship)) == 5, settings=unshrunk)


def test_a_key_can_be_the_key_of_another_row() -> None:
    found = smallest((Badge,), lambda found: len(found.of(Badge)) == 2)

    assert sorted(row.person_id for row in found.of(Badge)) == [1, 2]


def test_references_of_several_fields_go_together() -> None:
    found = smallest((Street,), lambda found: any(row.twin for row in found.of(Street)))

    city = City(country="", name="0")
    street = made(Street, id=1, country="", city="0", twin="0")
    assert shown(found) == [Country(code=""), city, street]


def test_a_circle_is_closed_after_the_inserts() -> None:
    found = smallest(
        (Loop, Ring),
        lambda found: any(
            loop.ring_id
            and any(ring.id == loop.ring_id and ring.loop_id for ring in found.of(Ring))
            for loop in found.of(Loop)
        ),
    )

    (loop,), (ring,) = found.of(Loop), found.of(Ring)
    assert (loop, ring) == (
        made(Loop, id=1, ring_id=1),
        made(Ring, id=1, loop_id=1, other_id=ring.other_id),
    )
    assert found.inserts == [made(Loop, id=1), ring]
    assert found.updates == [(loop, {"ring_id": 1})]


def test_what_may_be_missing_gives_way_to_what_is_required() -> None:
    found = smallest((Thread,), lambda found: any(knot.last_id for knot in found.of(Knot)))

    assert found.instances == (made(Knot, id=1, last_id=1), made(Thread, id=1, knot_id=1))
    assert found.inserts[0] == made(Knot, id=1)


def test_a_first_row_refers_to_itself_where_it_has_to() -> None:
    found = smallest((Bolt,), lambda found: len(found.of(Bolt)) == 2)

    assert shown(found) == [made(Bolt, id=1, next_id=1), made(Bolt, id=2, next_id=1)]


def test_nobody_refers_to_himself_on_duckdb() -> None:
    @FEW
    @given(graph(Bolt, storable="duckdb"))
    def check(found: Graph) -> None:
        assert found.instances == ()

    check()


def test_a_validator_of_the_row_decides_which_reference_is_there() -> None:
    remarks = [row for found in some(Remark) for row in found.of(Remark)]

    assert {row.person_id is None for row in remarks} == {True, False}
    assert all((row.person_id is None) != (row.invention_id is None) for row in remarks)


def test_the_library_fills_in_tenants_versions_and_times() -> None:
    found = smallest((Document,), lambda found: bool(found.of(Document)))

    assert found.of(Folder)[0].model_dump() == {"id": 1}
    assert found.of(Document)[0].model_dump() == {"id": 1, "folder_id": 1, "name": ""}


def test_names_are_unique_within_a_tenant() -> None:
    @FEW
    @given(graph(Document))
    def check(found: Graph) -> None:
        names = [row.name for row in found.of(Document)]
        assert len(set(names)) == len(names)

    check()


def test_keys_that_the_database_would_make_are_given() -> None:
    found = smallest((Bicycle,), lambda found: bool(found.of(Bicycle)))

    assert found.of(Bicycle)[0].model_dump(mode="json") == {
        "id": "00000000-0000-0000-0000-000000000000"
    }


def test_every_row_can_be_pasted() -> None:
    found = Graph(
        (made(Person, id=1, name="it's"), made(Friendship, one=1, other=1, since=date(2000, 1, 2)))
    )

    names: dict[str, Any] = {"datetime": __import__("datetime"), **vars(linked), "Graph": Graph}
    again = eval(repr(found), names)  # noqa: S307 - what it printed itself
    assert again == found


def test_a_column_of_a_users_own_type_is_unique_whatever_its_collation() -> None:
    @FEW
    @given(graph(Invention))
    def check(found: Graph) -> None:
        names = [row.name.casefold().strip() for row in found.of(Invention)]
        assert len(set(names)) == len(names)

    check()


# ---- circles and mistakes ----------------------------------------------------------------------


def test_rows_that_require_each_other_are_refused() -> None:
    class Base(Model, metadata=sa.MetaData()):
        pass

    class Egg(Base, table=True):
        id: Col[int] = generated()
        hen_id: Col[int] = field(foreign_key="Hen.id")

    class Hen(Base, table=True):
        id: Col[int] = generated()
        egg_id: Col[int] = field(foreign_key=Egg.id)

    table_of(Hen)
    with pytest.raises(UsageError, match=r"none of them can be stored first"):
        graph(Egg)


@pytest.mark.parametrize(("models", "size"), [((), 5), ((Person,), 0)])
def test_a_graph_of_nothing_is_refused(models: tuple[type[Model], ...], size: int) -> None:
    with pytest.raises(UsageError, match="at least one model"):
        graph(*models, size=size)


def test_counted_keys_keep_the_bounds_of_their_field() -> None:
    class Base(Model, metadata=sa.MetaData()):
        pass

    class Ticket(Base, table=True):
        id: Col[int] = field(primary_key=True, ge=1000, multiple_of=7)

    found: Graph = find(graph(Ticket), lambda found: len(found.of(Ticket)) == 2, settings=FEW)
    assert [row.id for row in found.of(Ticket)] == [1001, 1008]


@pytest.mark.parametrize("given_name", [True, False])
def test_a_check_of_the_users_is_told_from_ours(given_name: bool) -> None:
    def told(model: type[Model] | None, constraint: str | None) -> bool:
        return is_users_own(CheckViolation("", "", model=model, fields=(), constraint=constraint))

    assert told(Trip, "ck_trip_in_order" if given_name else None)
    assert not told(Trip, "ck_trip_first_ge")
    assert not told(Person, "ck_person_in_order" if given_name else None)
    assert not told(None, None)


def test_rows_whose_tenant_is_a_row_are_left_to_the_library() -> None:
    class Base(Model, metadata=sa.MetaData()):
        pass

    class Org(Base, table=True):
        id: Col[int] = generated()

    class Page(Base, table=True):
        __table_args__ = (sa.UniqueConstraint("org_id"),)

        id: Col[int] = generated()
        org_id: Col[int] = generated(role="tenant", foreign_key=Org.id)

    found: Graph = find(graph(Page), lambda found: len(found.of(Page)) == 2, settings=FEW)
    assert found.instances == (made(Page, id=1), made(Page, id=2))


def test_a_row_with_validators_may_hold_what_no_column_does() -> None:
    class Base(Model, metadata=sa.MetaData()):
        pass

    class Blob(Base, table=True):
        id: Col[int] = generated()
        anything: Col[Any]

        @model_validator(mode="after")
        def fine(self) -> Self:
            """It is."""
            return self

    found: Graph = find(
        graph(Blob, storable=False),
        lambda found: any(isinstance(b.anything, bytes | float) for b in found.of(Blob)),
        settings=settings(FEW, max_examples=500),
    )
    assert found.of(Blob)


# ---- from chosen seeds -------------------------------------------------------------------------


def assembled(*models: type[Model], storable: Any = True, **rows: list[_Seed]) -> list[Model]:
    """Return the rows of these seeds, which are named by the class."""
    plan = _Plan(models, 5, storable, alone=storable == "duckdb")
    seeds = {part.model: rows.get(part.model.__name__, []) for part in plan.parts}
    return shown(_Assembly(plan).graph(seeds))


def seed(*picks: int, **values: object) -> _Seed:
    return _Seed(values, picks, None, True)


def test_a_row_refers_to_the_one_that_was_picked_or_the_next_that_is_free() -> None:
    found = assembled(
        Passport,
        Person=[seed(0, name=None, parent_id=None), seed(0, name="b", parent_id=_SOMEONE)],
        Passport=[
            seed(1, number=UUID(int=1), person_id=_SOMEONE),
            seed(1, number=UUID(int=2), person_id=_SOMEONE),
            seed(0, number=UUID(int=3), person_id=_SOMEONE),
        ],
    )

    assert found == [
        made(Person, id=1),
        made(Person, id=2, name="b", parent_id=1),
        made(Passport, number=UUID(int=1), person_id=2),
        made(Passport, number=UUID(int=2), person_id=1),
        # The third has nobody left.
    ]


def test_nobody_to_refer_to_is_nobody_where_that_is_allowed() -> None:
    found = assembled(Person, Person=[seed(0, name=None, parent_id=_SOMEONE)])

    assert found == [made(Person, id=1)]


def test_references_that_share_a_field_agree_on_it() -> None:
    cities = [seed(0, country=_SOMEONE, name="a"), seed(1, country=_SOMEONE, name="b")]
    found = assembled(
        Street,
        Country=[seed(code="x"), seed(code="y")],
        City=cities,
        Street=[seed(0, 1, country=_SOMEONE, city=_SOMEONE, twin=_SOMEONE)],
    )

    assert found[-1] == made(Street, id=1, country="x", city="a", twin="a")


def test_a_reference_to_a_later_row_is_set_if_nothing_is_against_it() -> None:
    loops = [seed(0, ring_id=_SOMEONE), seed(0, ring_id=_SOMEONE), seed(0, ring_id=None)]
    found = assembled(Loop, Loop=loops, Ring=[seed(2, 0, loop_id=_SOMEONE, other_id=None)])

    # Rings come later, and `ring_id` is unique: the second loop has none left.
    assert found == [
        made(Loop, id=1, ring_id=1),
        made(Loop, id=2),
        made(Loop, id=3),
        made(Ring, id=1, loop_id=3),
    ]


def test_a_row_that_its_model_refuses_is_left_out() -> None:
    wrong = Remark.model_construct(person_id=None, invention_id=None)
    person = seed(0, name=None, parent_id=None)
    values = {"person_id": _SOMEONE, "invention_id": None}

    assert assembled(Remark, Remark=[_Seed(wrong.__dict__, (0, 0), wrong, True)]) == []
    found = assembled(Remark, Person=[person], Remark=[_Seed(values, (0, 0), wrong, True)])
    assert found == [made(Person, id=1), made(Remark, id=1, person_id=1)]


@pytest.mark.parametrize("storable", [True, "duckdb"])
def test_only_the_first_row_that_has_to_refers_to_itself(storable: Any) -> None:
    bolts = [seed(0, next_id=_SOMEONE), seed(1, next_id=_SOMEONE)]
    found = assembled(Bolt, storable=storable, Bolt=bolts)

    expected = [made(Bolt, id=1, next_id=1), made(Bolt, id=2, next_id=1)]
    assert found == ([] if storable == "duckdb" else expected)


def test_what_is_left_out_or_null_is_not_the_same_as_another() -> None:
    (name,) = [u for u in uniques_of(Person) if "name" in {f.name for f in u.fields}]
    key = _differs(name)

    assert key(seed(name="a")) == key(seed(name="a"))
    assert key(seed(name=None)) != key(seed(name=None))
    left = _Seed({}, (), None, False)
    assert _is_left_out(left) == _is_left_out(left)
    assert _is_left_out(seed()) != _is_left_out(seed())


@pytest.mark.parametrize(
    ("bounds", "keys"),
    [
        ({}, [1, 2]),
        ({"ge": 10}, [10, 11]),
        ({"gt": 10}, [11, 12]),
        ({"ge": -5}, [1, 2]),
        ({"ge": 1000, "multiple_of": 7}, [1001, 1008]),
    ],
)
def test_keys_are_counted_from_the_least_that_is_allowed(
    bounds: dict[str, Any], keys: list[int]
) -> None:
    declared: Any = field

    class Ticket(Model, table=True, metadata=sa.MetaData()):
        id: Col[int] = declared(primary_key=True, **bounds)

    spec = spec_of(Ticket).by_name["id"]
    assert [_count(spec, number) for number in (0, 1)] == keys


def test_rows_that_refer_to_later_ones_are_stored_without_that() -> None:
    found = Graph((made(Loop, id=1, ring_id=1), made(Ring, id=1, loop_id=1)))

    assert found.inserts == [made(Loop, id=1), made(Ring, id=1, loop_id=1)]
    assert found.updates == [(made(Loop, id=1, ring_id=1), {"ring_id": 1})]
    assert Graph((made(Person, id=1), made(Person, id=2, parent_id=1))).updates == []


@only_on("sqlite")
@pytest.mark.filterwarnings("ignore:Can't sort tables for DROP")
async def test_a_graph_is_stored_in_one_go(database_url: str) -> None:
    found = Graph((made(Loop, id=1, ring_id=1), made(Ring, id=1, loop_id=1)))
    wrong = Graph((made(Trip, id=1, first=2, last=1),))
    async with Database(database_url, metadata=linked.Row.metadata) as db:
        await db.create_all()

        assert await found.store(db) == list(found.instances)
        with pytest.raises(CheckViolation):
            await wrong.store(db)


@only_on("sqlite")
@pytest.mark.filterwarnings("ignore:Can't sort tables for DROP")
async def test_hypothesis_tries_another_graph_where_a_users_check_refuses_one(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reject() -> None:
        raise UnsatisfiedAssumption

    monkeypatch.setattr("hypothesis.currently_in_test_context", lambda: True)
    monkeypatch.setattr("hypothesis.reject", reject)
    wrong = Graph((made(Trip, id=1, first=2, last=1),))
    async with Database(database_url, metadata=linked.Row.metadata) as db:
        await db.create_all()
        with pytest.raises(UnsatisfiedAssumption):
            await wrong.store(db)


NAMED = sa.MetaData()


class Named(Model, table=True, metadata=NAMED):
    id: Col[int] = field(primary_key=True)
    name: Col[str | None] = field(unique=True, default=None)
    first: Col[str | None] = field(default=None, foreign_key="Named.name")


def test_none_refers_to_no_row_that_has_none() -> None:
    found = Graph((Named(id=1, name="a"), Named(id=2), Named(id=3, first="a")))

    assert found.updates == []
    assert found.inserts == list(found.instances)


class Titled(Model, table=True, metadata=NAMED):
    id: Col[int] = field(primary_key=True)
    title: Col[str] = field(unique=True, min_length=400)
    first: Col[str | None] = field(default=None, foreign_key="Titled.title")
    second: Col[str | None] = field(default=None, foreign_key="Titled.title")
    __table_args__ = (sa.UniqueConstraint("first", "second"),)


@FEW
@given(graph(Titled, storable="mariadb"))
def test_no_row_refers_to_what_its_column_does_not_hold(found: Graph) -> None:
    # MariaDB's indexes have so many bytes, which two columns share.
    assert {(row.first, row.second) for row in found.of(Titled)} <= {(None, None)}


def test_it_does_where_the_column_holds_it() -> None:
    found = reached(graph(Titled, storable="sqlite"), lambda g: any(r.first for r in g.of(Titled)))

    assert len(found.of(Titled)) > 1


class Own(Model, table=True, metadata=NAMED):
    id: Col[int] = field(primary_key=True)
    code: Col[int] = field(unique=True)
    own: Col[int] = field(foreign_key="Own.code")


class OwnKey(Model, table=True, metadata=NAMED):
    id: Col[int] = field(primary_key=True)
    own: Col[int] = field(foreign_key="OwnKey.id")


@pytest.mark.parametrize(
    ("model", "engine", "there"),
    [
        (Own, "postgresql", True),
        (Own, "mariadb", False),
        (OwnKey, "mariadb", True),
        (OwnKey, "duckdb", False),
    ],
)
def test_a_row_refers_to_itself_where_the_engine_finds_it(
    model: type[Model], engine: Storable, *, there: bool
) -> None:
    drawn = many(graph(model, storable=engine), 40)

    assert any(found.instances for found in drawn) is there
