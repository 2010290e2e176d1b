"""What a program does to its rows, as values: drawn, shown as code, and done to any database."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from andamios_orm.errors import ConstraintViolation, InvalidRow, NotFound
from andamios_orm.models.base import Model
from andamios_orm.models.variants import Patch as PatchVariant
from andamios_orm.repositories.repository import Repository
from andamios_orm.repositories.statements import statements_of
from andamios_orm.testing.laws.stored import Key, key_to_get

if TYPE_CHECKING:
    from andamios_orm.database.engine import Database
    from andamios_orm.database.session import Session

__all__ = [
    "REFUSALS",
    "Add",
    "AddAll",
    "Change",
    "Delete",
    "Operation",
    "Patch",
    "PatchBody",
    "Update",
    "UpdateWhere",
    "Upsert",
    "UpsertAll",
]

Source: TypeAlias = "Database | Session"

REFUSALS = (ConstraintViolation, InvalidRow, NotFound)
"""What an operation raises whose values are valid one by one, and whose rows are not."""


class Operation(Protocol):
    """One call of a repository."""

    async def run(self, source: Source) -> object:
        """Return what the repository does. Raises what it raises."""
        ...


@dataclass(frozen=True, slots=True)
class Add:
    """`Repository.add`."""

    row: Model

    async def run(self, source: Source) -> Model:
        """Return what the repository does."""
        return await Repository(type(self.row), source).add(self.row)


@dataclass(frozen=True, slots=True)
class AddAll:
    """`Repository.add_all`."""

    model: type[Model]
    rows: Sequence[Model]

    async def run(self, source: Source) -> list[Model]:
        """Return what the repository does."""
        return await Repository(self.model, source).add_all(self.rows)


@dataclass(frozen=True, slots=True)
class Change(ABC):
    """Something that sets some fields of the row with a key."""

    model: type[Model]
    key: Key
    changes: Mapping[str, object]
    """The new values, by field."""

    @abstractmethod
    async def run(self, source: Source) -> object:
        """Return what the repository does."""

    def _repository(self, source: Source) -> Repository[Model]:
        return Repository(self.model, source)

    def _key(self) -> object:
        return key_to_get(self.model, self.key)

    def _assignments(self) -> list[Any]:
        return [getattr(self.model, name).set(value) for name, value in self.changes.items()]


@dataclass(frozen=True, slots=True)
class Patch(Change):
    """`Repository.patch` with assignments."""

    async def run(self, source: Source) -> Model:
        """Return what the repository does."""
        return await self._repository(source).patch(self._key(), *self._assignments())


@dataclass(frozen=True, slots=True)
class PatchBody(Change):
    """`Repository.patch` with a `Patch[Model]`, as an API does, which has not all fields."""

    async def run(self, source: Source) -> Model:
        """Return what the repository does."""
        body = PatchVariant[self.model].model_validate(  # type: ignore[name-defined] # found when the program runs
            statements_of(self.model).encoder.inputs(self.changes), by_alias=False, by_name=True
        )
        return await self._repository(source).patch(self._key(), body)


@dataclass(frozen=True, slots=True)
class Update(Change):
    """`Repository.update` with the row as it was read and then changed."""

    async def run(self, source: Source) -> Model:
        """Return what the repository does."""
        repository = self._repository(source)
        row = await repository.get(self._key())
        changed = statements_of(self.model).encoder.made_of({**row.__dict__, **self.changes})
        return await repository.update(changed)  # type: ignore[arg-type] # the model's own encoder made it


@dataclass(frozen=True, slots=True)
class UpdateWhere(Change):
    """`Query.update` of all rows that have the key."""

    async def run(self, source: Source) -> int:
        """Return what the repository does."""
        attrs = statements_of(self.model).key_attrs
        found: list[Any] = [attr == part for attr, part in zip(attrs, self.key, strict=True)]
        return await self._repository(source).where(*found).update(*self._assignments())


@dataclass(frozen=True, slots=True)
class Delete:
    """`Repository.delete` of the row with a key."""

    model: type[Model]
    key: Key

    async def run(self, source: Source) -> None:
        """Return what the repository does."""
        await Repository(self.model, source).delete(key_to_get(self.model, self.key))


@dataclass(frozen=True, slots=True)
class Upsert:
    """`Repository.upsert` of an instance that has values for some fields only."""

    model: type[Model]
    values: Mapping[str, object]
    """The values that were given to the instance, by field."""
    on: Sequence[str]
    """The fields of a unique key."""

    async def run(self, source: Source) -> Model:
        """Return what the repository does."""
        on = [getattr(self.model, name) for name in self.on]
        return await Repository(self.model, source).upsert(self.instance(), on=on)

    def instance(self) -> Model:
        """Return the instance; its other fields have their defaults."""
        return statements_of(self.model).encoder.made_of(self.values)  # type: ignore[return-value] # as above


@dataclass(frozen=True, slots=True)
class UpsertAll:
    """`Repository.upsert_all` of what several upserts say, all of one model and key."""

    model: type[Model]
    values: Sequence[Mapping[str, object]]
    on: Sequence[str]

    async def run(self, source: Source) -> list[Model]:
        """Return what the repository does."""
        on = [getattr(self.model, name) for name in self.on]
        rows = [upsert.instance() for upsert in self.singly()]
        return await Repository(self.model, source).upsert_all(rows, on=on)

    def singly(self) -> list[Upsert]:
        """Return the upserts."""
        return [Upsert(self.model, values, self.on) for values in self.values]
