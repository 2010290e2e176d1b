"""Make up rows of one model, with values of their own and those that somebody else gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from types import MappingProxyType
from typing import TypeAlias, cast

from andamios_orm.errors import InvalidRow, SeedProblem
from andamios_orm.models.base import Model
from andamios_orm.queries.upserting import unique_keys
from andamios_orm.repositories.statements import statements_of
from andamios_orm.schema.compiler import spec_of, table_of
from andamios_orm.schema.spec import FieldSpec
from andamios_orm.seeding.pools import groups_of
from andamios_orm.seeding.values import Values

__all__ = ["ABSENT", "Make", "RowMaker"]

Make: TypeAlias = Callable[[Random], object]

ABSENT = 0.2
"""How often a value that may be missing is."""
_TRIES = 100
_NOTHING: Mapping[str, object] = MappingProxyType({})


class RowMaker:
    """Makes up rows that the model takes, and that differ in what must be unique.

    The fields of foreign keys are left to who knows the other rows, but for those in `make`.
    """

    def __init__(self, model: type[Model], seed: int, make: Mapping[str, Make]) -> None:
        self._spec = spec_of(model)
        self._encoder = statements_of(model).encoder
        # By the table alone, so that a model's rows do not depend on which others are made.
        self.random = Random(f"{seed} {table_of(model).fullname}")  # noqa: S311 - no secret
        self._values = Values(self.random)
        self._make = make
        referring = {name for group in groups_of(model) for name in group.names}
        self.keys = self._unique()
        """The fields that no two rows may share, of those that the database does not make."""
        keyed = {name for key in self.keys for name in key}
        self._seen: list[set[tuple[object, ...]]] = [set() for _ in self.keys]
        self._makers = {
            f.name: self._maker(f, f.name in keyed)
            for f in self._spec.fields
            if not f.server_made and (f.name in make or f.name not in referring)
        }
        self.made = 0
        """How many rows there are already."""

    def row(
        self,
        referring: Callable[[], Mapping[str, object]],
        given: Mapping[str, object] = _NOTHING,
    ) -> Model | None:
        """Return a row, None if there is no other that differs from those before.

        `referring` gives the fields of foreign keys, again for each attempt; `given` are values
        that are no attempt. Raises SeedProblem if the model refuses whatever is made up, and
        InvalidRow if it refuses what was given.
        """
        refused: Mapping[str, str] = {}
        makers = {name: maker for name, maker in self._makers.items() if name not in given}
        for _ in range(_TRIES):
            values = dict(referring())
            values |= {name: maker() for name, maker in makers.items()}
            values |= given
            try:
                row = self._encoder.instance(values)
            except InvalidRow as error:
                if given.keys() & error.fields.keys():
                    raise
                refused = error.fields
                continue
            if self._is_new(row.__dict__, given):
                self.made += 1
                return cast("Model", row)
        if refused and not self.made:
            shown = ", ".join(f"{name} ({kind})" for name, kind in refused.items())
            model = self._spec.name
            first = next(iter(refused))
            raise SeedProblem(
                f"{model} refuses each of {_TRIES} rows that were made up for it: {shown}",
                f"say how to make such values: `make={{{model}.{first}: lambda random: ...}}`",
            )
        return None

    def value(self, name: str) -> object:
        """Return what a field may hold, also one of a foreign key, which then leads nowhere."""
        field = self._spec.by_name[name]
        return self._maker(field, unique=False)()

    def _maker(self, field: FieldSpec, unique: bool) -> Callable[[], object]:
        own = self._make.get(field.name)
        if own is not None:
            return lambda: own(self.random)
        from andamios_orm.seeding.factories import maker_of  # noqa: PLC0415 - needs an extra

        maker = maker_of(self._spec, field, self._values)

        def make() -> object:
            if field.nullable and self.random.random() < ABSENT:
                return None
            self._values.unique = unique
            return maker()

        return make

    def _unique(self) -> list[tuple[str, ...]]:
        names = {f.column: f.name for f in self._spec.fields if not f.server_made}
        keys = unique_keys(table_of(cast("type[Model]", self._spec.model)), "")
        found = [tuple(names.get(column, "") for column in key.columns) for key in keys]
        return sorted({key for key in found if key and all(key)})

    def _is_new(self, values: Mapping[str, object], given: Mapping[str, object]) -> bool:
        keys = [tuple(_folded(values[name]) for name in key) for key in self.keys]
        for names, key, seen in zip(self.keys, keys, self._seen, strict=True):
            # What was given as a whole is judged by the database.
            if None not in key and key in seen and not given.keys() >= set(names):
                return False
        for key, seen in zip(keys, self._seen, strict=True):
            seen.add(key)
        return True


def _folded(value: object) -> object:
    """Return what is the same of texts that a database may find equal."""
    return value.casefold() if isinstance(value, str) else value
