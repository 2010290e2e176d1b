"""Declare which rows a program needs: `@seed` on a function that gives them."""

from __future__ import annotations

import inspect
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar, cast

from pydantic import ValidationError

from andamios_orm.database.session import Session
from andamios_orm.errors import SeedProblem
from andamios_orm.models.base import Model
from andamios_orm.rows.encode import refusals
from andamios_orm.seeding.problems import Problems

if TYPE_CHECKING:
    from andamios_orm.queries.expressions import AnyColumn

__all__ = ["Key", "Record", "Seed", "environment_names", "key_names", "seed"]

M = TypeVar("M", bound=Model)

Key: TypeAlias = "str | AnyColumn | Sequence[str | AnyColumn]"
"""The fields that tell a model's rows apart: `"email"`, `User.email`, or several of them."""

_Rows: TypeAlias = Iterable[M | Mapping[str, object]]
_Given: TypeAlias = _Rows[M] | AsyncIterable[M | Mapping[str, object]]
_Function: TypeAlias = (
    Callable[[], _Given[M] | Awaitable[_Rows[M]]]
    | Callable[[Session], _Given[M] | Awaitable[_Rows[M]]]
)


@dataclass(frozen=True, slots=True)
class Record:
    """One row that a seed gives, before anything is known of it."""

    values: Model | Mapping[str, object]
    where: str
    """Where it stands: `fixtures/user.csv, line 3`, or `first_users(), row 3`."""
    written_as: Literal["python", "json"] = "python"
    """Whether the values are Python's own, or what JSON writes in place of them."""


@dataclass(frozen=True, slots=True)
class Seed:
    """The rows of one model that its table is to have; made by `@seed` and `fixture()`."""

    model: type[Model]
    name: str
    key: tuple[str, ...] | None
    """The fields that tell its rows apart; None for the model's only unique key."""
    environments: tuple[str, ...]
    """Where it is meant for; `"*"` is everywhere."""
    records: Callable[[Session], AsyncIterator[Record]]
    """Gives the rows, in the transaction in which they are stored."""

    def meant_for(self, environment: str) -> bool:
        """Whether it belongs into the databases of an environment."""
        return "*" in self.environments or environment in self.environments


def seed(
    model: type[M], *, key: Key | None = None, environments: str | Sequence[str] = "*"
) -> Callable[[_Function[M]], Seed]:
    """Make a function's rows those that the table of a model has after `db-seed`.

    The function may be async or a generator, and may take the session in which all is stored. It
    gives instances, or dicts of fields in which a relation, or a foreign key, may be the natural
    key of the other row: `{"title": "Hello", "author": {"email": "ada@example.com"}}`.

    `key` are the fields that tell the rows apart, which must be unique together. A row that has a
    given one's values of them gets the other fields that were given, and keeps the rest. It can be
    left out for a model with one unique key. The seed is for all `environments` but where it names
    some. Raises SeedProblem for a key that is none.

    ```python
    from andamios_orm.seeding import run_seeds, seed


    @seed(Hero, key="name", environments=["development", "test"])
    async def heroes_to_play_with(session: Session):
        team = await Repository(Team, session).first()
        return [Hero(name="Edith", age=22, team_id=team.id)]


    report = await run_seeds(db, [heroes_to_play_with], environment="production")
    assert report.skipped == ("heroes_to_play_with()",)
    ```
    """
    names = key_names(model, key)

    def declared(function: _Function[M]) -> Seed:
        name = f"{getattr(function, '__name__', 'seed')}()"

        async def records(session: Session) -> AsyncIterator[Record]:
            number = 0
            try:
                async for values in _given(function, session):
                    number += 1
                    yield Record(values, f"{name}, row {number}")
            except ValidationError as error:
                # An instance that the function makes: pydantic would show what it was given.
                problems = Problems()
                problems.add(f"{name} makes a {error.title}", refusals(error, model))
                raise problems.error() from None

        return Seed(model, name, names, environment_names(environments), records)

    return declared


async def _given(
    function: _Function[M], session: Session
) -> AsyncIterator[Model | Mapping[str, object]]:
    takes_session = bool(inspect.signature(function).parameters)
    call = cast("Callable[..., object]", function)
    found = call(session) if takes_session else call()
    if inspect.isawaitable(found):
        found = await found
    if isinstance(found, AsyncIterable):
        async for row in found:
            yield row
    else:
        for row in cast("Iterable[Model | Mapping[str, object]]", found):
            yield row


def environment_names(given: str | Sequence[str]) -> tuple[str, ...]:
    """Return the environments that a seed is for, of one name or several."""
    return (given,) if isinstance(given, str) else tuple(given)


def key_names(model: type[Model], key: Key | None) -> tuple[str, ...] | None:
    """Return the names of a key's fields. Raises SeedProblem for one that the model has not."""
    if key is None:
        return None
    parts = (key,) if isinstance(key, str) or not isinstance(key, Sequence) else tuple(key)
    names = tuple(part if isinstance(part, str) else part.name for part in parts)
    for name in names:
        if name not in model.model_fields:
            fields = ", ".join(model.model_fields)
            raise SeedProblem(
                f"key= names `{name}`, which is no field of {model.__name__}",
                f"name one of {fields}",
            )
    return names
