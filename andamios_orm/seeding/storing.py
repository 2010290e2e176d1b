"""Compare the rows of a seed with those of the table, and store what differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from time import perf_counter
from typing import Any, NamedTuple, cast

from pydantic import ValidationError
from pydantic_core import to_json

from andamios_orm.database.session import Session
from andamios_orm.errors import DatabaseError, InvalidRow, NotStorable, SeedProblem
from andamios_orm.models.base import Model
from andamios_orm.repositories.repository import Repository
from andamios_orm.repositories.statements import statements_of
from andamios_orm.repositories.writing import comparable
from andamios_orm.rows.encode import refusals, same_in_column
from andamios_orm.schema.spec import ModelSpec
from andamios_orm.seeding.declaring import Record, Seed
from andamios_orm.seeding.keys import natural_key
from andamios_orm.seeding.problems import Problems
from andamios_orm.seeding.references import References, rows_with
from andamios_orm.seeding.reports import SeedCount

__all__ = ["store"]


class _Row(NamedTuple):
    """A row that is ready to be compared."""

    instance: Model
    values: Mapping[str, object]
    """The values of its columns, by field."""
    given: frozenset[str]
    """The fields that the seed gives."""
    where: str


async def store(seed: Seed, session: Session, references: References) -> SeedCount:
    """Give the table the rows of a seed, and say how many were missing or different.

    Raises SeedProblem for rows that cannot be stored.
    """
    started = perf_counter()
    name = session.plans.dialect.name
    key = natural_key(seed.model, seed.key, seed.name, name)
    storing = _Storing(seed, key, session)
    waiting = [record async for record in seed.records(session)]
    storing.refuse_unknown(waiting, references)
    while waiting:
        waiting = await storing.step(waiting, references)
    count = SeedCount(seed.model, storing.created, storing.updated, storing.unchanged)
    return count + SeedCount(seed.model, seconds=perf_counter() - started)


class _Storing:
    def __init__(self, seed: Seed, key: tuple[str, ...], session: Session) -> None:
        self._seed = seed
        self._key = key
        self._session = session
        self._statements = statements_of(seed.model)
        self._spec: ModelSpec = self._statements.spec
        self._repository: Repository[Any] = Repository(seed.model, session)
        self._seen: dict[tuple[object, ...], str] = {}
        self.created = self.updated = self.unchanged = 0

    def refuse_unknown(self, records: Sequence[Record], references: References) -> None:
        """Raise SeedProblem for fields that the model does not have: a wrong name, most often."""
        problems = Problems()
        known = self._spec.by_name.keys() | references.names(self._seed.model)
        for record in records:
            if isinstance(record.values, Mapping):
                unknown = sorted(map(str, record.values.keys() - known))
                problems.add(record.where, dict.fromkeys(unknown, "no_such_field"))
            elif not isinstance(record.values, self._seed.model):
                kind = type(record.values).__name__
                problems.add(record.where, {f"a {kind}": f"is no {self._spec.name} and no dict"})
        problems.raise_if_any()

    async def step(self, records: Sequence[Record], references: References) -> list[Record]:
        """Store the rows whose references are there; return those that wait for these."""
        problems = Problems()
        ready: list[_Row] = []
        waiting: list[Record] = []
        wrong: list[tuple[str, Mapping[str, str]]] = []
        mappings = [r.values for r in records if isinstance(r.values, Mapping)]
        resolved = iter(await references.resolved(self._seed.model, mappings))
        for record in records:
            if isinstance(record.values, Model):
                ready += self._valid(record, record.values, problems)
                continue
            row = next(resolved)
            if row.waits:
                waiting.append(record)
                wrong.append((record.where, row.problems))
            elif row.problems:
                problems.add(record.where, row.problems)
            else:
                ready += self._validated(record, row.values, problems)
        if not ready:
            for where, fields in wrong:
                problems.add(where, fields)
        self._refuse_twins(ready, problems)
        problems.raise_if_any()
        await self._store(ready)
        return waiting

    def _validated(
        self, record: Record, values: Mapping[str, object], problems: Problems
    ) -> Iterator[_Row]:
        validator = self._seed.model.__pydantic_validator__
        try:
            if record.written_as == "json":
                # JSON's own rules: a text is a date where a date is meant, also in strict models.
                instance = validator.validate_json(to_json(values), by_alias=False, by_name=True)
            else:
                instance = validator.validate_python(dict(values), by_alias=False, by_name=True)
        except ValidationError as error:
            problems.add(record.where, refusals(error, self._seed.model))
        else:
            yield from self._valid(record, cast("Model", instance), problems)

    def _valid(self, record: Record, instance: Model, problems: Problems) -> Iterator[_Row]:
        try:
            names, values = self._statements.encoder.encode(instance)
        except InvalidRow as error:
            problems.add(record.where, error.fields)
            return
        except NotStorable as error:
            field = (error.field or "").rpartition(".")[2] or self._spec.name
            problems.add(record.where, {field: f"cannot hold more than {error.limit}"})
            return
        encoded = dict(zip(names, values, strict=True))
        lacking = [name for name in self._key if encoded.get(name) is None]
        if lacking:
            problems.add(record.where, dict.fromkeys(lacking, "missing, and tells the rows apart"))
            return
        yield _Row(instance, encoded, frozenset(instance.model_fields_set), record.where)

    def _refuse_twins(self, rows: Sequence[_Row], problems: Problems) -> None:
        for row in rows:
            key = self._key_of(row.values)
            if key in self._seen:
                names = " and ".join(self._key)
                problems.add(row.where, {names: f"the same as in {self._seen[key]}"})
            self._seen[key] = row.where

    def _key_of(self, values: Mapping[str, object]) -> tuple[object, ...]:
        return comparable(tuple(values[name] for name in self._key))

    async def _store(self, rows: Sequence[_Row]) -> None:
        repository = self._repository
        if "deleted_at" in self._spec.roles:
            # What somebody has removed since is not brought back.
            repository = repository.with_deleted()
        keys = [tuple(row.values[name] for name in self._key) for row in rows]
        stored = await rows_with(repository, self._key, keys)
        new: list[_Row] = []
        changed: list[_Row] = []
        for row in rows:
            found = stored.get(self._key_of(row.values))
            if not found:
                new.append(row)
            elif self._differs(row, found[0]):
                changed.append(row)
            else:
                self.unchanged += 1
        try:
            await self._write(new)
            await self._upsert(changed)
        except DatabaseError as error:
            raise SeedProblem(
                f"{self._seed.name}: {error.problem}",
                f"{error.fix}; nothing was stored",
            ) from None
        self.created += len(new)
        self.updated += len(changed)

    def _differs(self, row: _Row, stored: Model) -> bool:
        """Whether an upsert would change the stored row."""
        before = dict(zip(*self._statements.encoder.encode(stored), strict=True))
        kept = {f.name for f in self._spec.fields if f.primary_key or f.server_made}
        return any(
            not same_in_column(self._spec.by_name[name], before.get(name), row.values[name])
            for name in row.given & row.values.keys() - kept
        )

    async def _write(self, rows: Sequence[_Row]) -> None:
        """Add rows; keys that a seed counts itself are not given to others later."""
        counted = [f for f in self._spec.fields if f.counted]
        given = [cast("int", r.values[f.name]) for f in counted for r in rows if f.name in r.values]
        columns = [self._statements.table.c[f.column] for f in counted if given]
        for column in columns:
            await self._session.hold_counter(column)
        await self._upsert(rows)
        for column in columns:
            await self._session.move_counter(column, max(given))

    async def _upsert(self, rows: Sequence[_Row]) -> None:
        on = [getattr(self._seed.model, name) for name in self._key]
        await self._repository.upsert_all([row.instance for row in rows], on=on)
