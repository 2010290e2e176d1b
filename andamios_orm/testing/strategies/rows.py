"""What is stored of instances: whole rows, and changes to some fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from andamios_orm.errors import UsageError
from andamios_orm.models.base import Model
from andamios_orm.repositories.statements import statements_of
from andamios_orm.schema.compiler import spec_of
from andamios_orm.schema.spec import FieldSpec
from andamios_orm.seeding.pools import groups_of
from andamios_orm.testing.strategies.instances import fields, models
from andamios_orm.testing.strategies.storable import Storable
from andamios_orm.testing.strategies.uniques import uniques_of

__all__ = ["row_of", "rows", "updates"]

M = TypeVar("M", bound=Model)


def rows(model: type[Model], *, storable: Storable = True) -> SearchStrategy[dict[str, Any]]:
    """Return a strategy of the values of new rows, by column, without what the database makes.

    `sqlalchemy.insert(Hero.__table__).values(row)` takes them. A row refers to others as it
    happens: draw a `graph` where these have to be there, and use `row_of` on its instances.

    ```python
    from hypothesis import given

    from andamios_orm.testing import strategies


    @given(strategies.rows(Hero))
    def test_columns(row: dict[str, object]) -> None:
        assert row.keys() <= {"name", "age", "team_id"}


    test_columns()
    ```
    """
    found = models(model, storable=storable).map(row_of)
    tenant = spec_of(model).roles.get("tenant")
    if tenant is None:
        return found
    # The library fills it in, and the database does not.
    owners = fields(model, tenant.name, storable=storable)
    return st.builds(lambda row, owner: {**row, tenant.column: owner}, found, owners)


def row_of(instance: Model) -> dict[str, Any]:
    """Return the values of an instance by column, as SQLAlchemy's own statements take them.

    Raises what `Repository.add` raises before any SQL.

    >>> from andamios_orm import Col, Model, field
    >>> class Planet(Model, table=True):
    ...     name: Col[str] = field(primary_key=True, column="planet_name")
    >>> row_of(Planet(name="Mars"))
    {'planet_name': 'Mars'}
    """
    statements = statements_of(type(instance))
    names, values = statements.encoder.encode(instance)
    columns = [statements.spec.by_name[name].column for name in names]
    return dict(zip(columns, values, strict=True))


def updates(
    model: type[M],
    *,
    of: M | None = None,
    among: Iterable[M] = (),
    read_only: bool = True,
    storable: Storable = True,
) -> SearchStrategy[dict[str, Any]]:
    """Return a strategy of changes: some fields, at least one, with new values.

    `Repository.patch` takes them: as `getattr(Hero, name).set(value)`, or as
    `Patch[Hero](**changes)` if they are drawn with `read_only=False`, without the fields that no
    client sets. Neither keys, foreign keys nor what the library or the database makes is
    changed.

    With `of` the model takes the changed instance; without it, a model with validators of whole
    rows gets all its other fields. With `among` no row of these gets what another one has and
    must not share.

    Raises UsageError for a model that has nothing to change.

    ```python
    from hypothesis import given

    from andamios_orm.testing import strategies


    @given(strategies.updates(Hero, of=Hero(id=1, name="Ada", age=36)))
    def test_changes(changes: dict[str, object]) -> None:
        assert changes and changes.keys() <= {"name", "age"}


    test_changes()
    ```
    """
    changed = _changeable(model, read_only=read_only)
    if not changed:
        raise UsageError(
            f"{model.__name__} has only keys and fields that the library or the database makes",
            "draw changes of another model",
        )
    found = _updates(model, changed, of, storable)
    return found.filter(_fits(model, of, list(among)))


def _changeable(model: type[Model], *, read_only: bool) -> list[FieldSpec]:
    referring = {name for group in groups_of(model) for name in group.names}
    return [
        f
        for f in spec_of(model).fields
        if not (f.primary_key or f.server_made or f.name in referring)
        and (read_only or not f.read_only)
    ]


@st.composite
def _updates(
    draw: DrawFn,
    model: type[Model],
    changed: list[FieldSpec],
    of: Model | None,
    storable: Storable,
) -> dict[str, Any]:
    names = [f.name for f in changed]
    if not spec_of(model).whole_row_validators:
        chosen = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
        ordered = [name for name in names if name in chosen]
        return {name: draw(fields(model, name, storable=storable)) for name in ordered}
    if of is None:
        instance = draw(models(model, storable=storable))
        return {name: getattr(instance, name) for name in names}
    chosen = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    kept = {
        f.name: st.just(of.__dict__[f.name])
        for f in spec_of(model).fields
        if f.name not in chosen and f.name in of.__dict__ and not f.server_made
    }
    instance = draw(models(model, overrides=kept, storable=storable))
    return {name: getattr(instance, name) for name in names if name in chosen}


def _fits(model: type[Model], of: Model | None, among: list[Any]) -> Any:
    uniques = uniques_of(model)
    others = [row for row in among if row is not of]
    taken = [{unique.of(row.__dict__) for row in others} - {None} for unique in uniques]

    def fits(changes: Mapping[str, object]) -> bool:
        values = {**(of.__dict__ if of is not None else {}), **changes}
        return not any(
            unique.of(values) in seen for unique, seen in zip(uniques, taken, strict=True)
        )

    return fits
