"""`Repository`: store, find, change and remove the instances of one model."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, cast, overload

from pydantic import BaseModel

from andamios_orm.database.engine import Database
from andamios_orm.database.session import Session
from andamios_orm.database.source import Joined, Source
from andamios_orm.errors import (
    NotFound,
    NotLoaded,
    StaleVersion,
    UniqueViolation,
    UsageError,
    WrongType,
)
from andamios_orm.models.base import Model
from andamios_orm.models.deriving import Variant, variant_of
from andamios_orm.queries import nodes
from andamios_orm.queries.selection import Selection
from andamios_orm.repositories.linking import (
    link_rows,
    linked_relation,
    links_between,
    store_missing,
)
from andamios_orm.repositories.nested import (
    family_of,
    has_related,
    store_families,
    store_family,
)
from andamios_orm.repositories.query import Query, require_marks
from andamios_orm.repositories.shaped import Shaped
from andamios_orm.repositories.statements import ModelStatements, statements_of
from andamios_orm.repositories.tenants import owned, owned_group, require_own_rows, require_tenant
from andamios_orm.repositories.upserting import is_undisturbed, upserter_of
from andamios_orm.repositories.values import Selects
from andamios_orm.repositories.writing import Writer
from andamios_orm.rows.plan import Plan
from andamios_orm.schema.spec import RelationSpec

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
    from typing_extensions import TypeForm

    from andamios_orm.queries.expressions import (
        AnyColumn,
        Assignment,
        Path,
        Predicate,
        SortKey,
        ToMany,
    )

__all__ = ["Repository"]

M = TypeVar("M", bound=Model)
P = TypeVar("P", bound=BaseModel)
R = TypeVar("R", bound=BaseModel)

_NOTHING: Mapping[str, object] = MappingProxyType({})


class Repository(Selects, Generic[M]):
    """The stored instances of one model.

    `Repository(Hero, db)` works on its own connection call by call; `Repository(Hero, session)`
    inside that session's transaction; `Repository(Hero, connection)` inside the transaction of a
    SQLAlchemy `AsyncConnection` or `AsyncSession`. Making one costs nothing.

    A class with methods of its own names the model once:

    ```python
    class Heroes(Repository[Hero]):
        async def grown_ups(self) -> list[Hero]:
            return await self.where(Hero.age >= 18).all()


    assert len(await Heroes(db).grown_ups()) == 2
    ```
    """

    model: type[M]
    """The class whose instances these are."""

    @overload
    def __init__(
        self, model: type[M], source: Database | Session | AsyncConnection | AsyncSession, /
    ) -> None: ...
    @overload
    def __init__(self, source: Database | Session | AsyncConnection | AsyncSession, /) -> None: ...
    def __init__(self, *arguments: object) -> None:
        bound = getattr(type(self), "model", None)
        model = arguments[0] if len(arguments) == 2 else bound
        if not arguments or model is None or (bound is not None and model is not bound):
            raise UsageError(
                f"{type(self).__name__}() needs to know one model and one place to store it",
                "write `Repository(Hero, db)`, or `class Heroes(Repository[Hero])` and"
                " `Heroes(db)`",
            )
        self.model = cast("type[M]", model)
        source = arguments[-1]
        self._source = _source(source)
        self._work_with(statements_of(self.model))
        require_tenant(self._statements, self._source)

    def _work_with(self, statements: ModelStatements[M]) -> None:
        self._statements = statements
        self._writer = Writer(statements)
        self._upserter = upserter_of(statements)

    if not TYPE_CHECKING:
        _bound: ClassVar[dict] = {}

        def __class_getitem__(cls, item):
            # A subscripted alias tells __init__ its parameter too late, so this is a real class.
            if not (isinstance(item, type) and issubclass(item, Model)):
                return super().__class_getitem__(item)
            bound = Repository._bound.get((cls, item))
            if bound is None:
                name = f"{cls.__name__}[{item.__name__}]"
                bound = type(name, (cls,), {"model": item, "__module__": cls.__module__})
                Repository._bound[cls, item] = bound
            return bound

    # -- which

    def where(self, *conditions: Predicate) -> Query[M]:
        """Return the query of the rows for which all conditions hold.

        Raises ConditionMisuse for what is no condition, UsageError for another model's column.
        """
        return self._query().where(*conditions)

    def order_by(self, *keys: SortKey) -> Query[M]:
        """Return the query of all rows, sorted."""
        return self._query().order_by(*keys)

    def load(self, *paths: Path[M, Any]) -> Query[M]:
        """Return the query of all rows that reads related rows too; see `Query.load`."""
        return self._query().load(*paths)

    def into(
        self, shape: TypeForm[P], /, *, computed: Mapping[str, SortKey] | None = None
    ) -> Shaped[P]:
        """Return the query of all rows that reads any Pydantic class; see `Query.into`."""
        return self._query().into(shape, computed=computed)

    def limit(self, limit: int, /) -> Query[M]:
        """Return the query of at most that many rows."""
        return self._query().limit(limit)

    def offset(self, offset: int, /) -> Query[M]:
        """Return the query of all rows but the first ones."""
        return self._query().offset(offset)

    def with_deleted(self) -> Self:
        """Return this repository with the rows that are marked as deleted.

        What it reads, updates, patches and upserts may be such a row; `delete` is still for the
        others. Raises UsageError for a model without the `SoftDelete` mixin.
        """
        require_marks(self._statements.spec, "with_deleted")
        found = copy.copy(self)
        found._work_with(statements_of(self.model, with_deleted=True))  # noqa: SLF001 - its twin
        return found

    def _query(self) -> Query[M]:
        return Query(self._statements, self._source, self._statements.rows)

    def _selected(self) -> tuple[Source, Selection]:
        return self._source, self._statements.rows

    # -- reading

    async def get(self, key: object, /) -> M:
        """Return the row with this primary key; a composite key is a tuple in declared order.

        Raises NotFound if there is none, WrongType for a key of another type, InvalidRow.
        """
        plan = self._statements.by_key(self._source.plans)
        rows = await self._source.fetch(plan, self._key(key))
        if not rows:
            raise self._not_found()
        return rows[0]

    async def find(self, key: object, /) -> M | None:
        """Return the row with this primary key, None if there is none."""
        plan = self._statements.by_key(self._source.plans)
        rows = await self._source.fetch(plan, self._key(key))
        return rows[0] if rows else None

    async def one(self) -> M:
        """Return the only row there is. Raises NotFound, ManyFound."""
        return await self._query().one()

    async def first(self) -> M | None:
        """Return any row, None if there is none; use order_by() to say which."""
        return await self._query().first()

    async def all(self) -> list[M]:
        """Return all rows."""
        return await self._query().all()

    async def count(self) -> int:
        """Return how many rows there are."""
        return await self._query().count()

    async def exists(self) -> bool:
        """Return whether there is any row."""
        return await self._query().exists()

    # -- writing

    async def add(self, instance: M, /, *more: Assignment) -> M:
        """Store an instance and return it as stored, with what the database made.

        `more` are values that the instance does not say, or says otherwise, such as those of fields
        with `read_only=True`: `add(data, Hero.owner_id.set(3))`.

        The instance given is left as it is; of a `Create[Hero]`, or a class with
        `variant="create"`, the fields of the model are stored. Where it has fields named like
        relations, the rows in them are stored too, all or none, and are there in what comes back;
        they can be of any Pydantic class with the fields of their model. Raises InvalidRow if it no
        longer fits its model and NotStorable for a value its column cannot hold, both before any
        SQL; and UniqueViolation, ForeignKeyViolation, CheckViolation.
        """
        statements, source = self._statements, self._source
        if more or type(instance) is not self.model:
            given = self._given(more) if more else _NOTHING
            if type(instance) is not self.model and self._has_related(instance):
                family = family_of(instance, self.model, given=given)
                async with source.unit() as unit:
                    return cast("M", await store_family(family, unit))
            instance = self._own(instance, given)
        names, values = statements.encoder.rendered(instance)
        if statements.tenant is not None:
            names, values = owned(statements, source, (names, values))
        # Without a coroutine of its own for the usual case.
        plan = self._writer.insert_alone(source, names)
        if plan is None:
            return await self._writer.insert(source, names, values)
        return (await source.fetch(plan, values))[0]

    async def add_all(self, instances: Iterable[M], /) -> list[M]:
        """Store many instances, all or none, and return them as stored, in the same order.

        Raises what `add` raises, before any SQL where it can.
        """
        given = list(instances)
        if not given:
            return []
        if set(map(type, given)) != {self.model}:
            if any(map(self._has_related, given)):
                families = [family_of(instance, self.model) for instance in given]
                async with self._source.unit() as unit:
                    return cast("list[M]", await store_families(families, unit))
            given = [self._own(instance) for instance in given]
        groups = [
            owned_group(self._statements, self._source, group)
            for group in self._statements.encoder.rendered_all(given)
        ]
        stored: list[M] = []
        async with self._source.unit() as source:
            for group in groups:
                stored += await self._writer.insert_many(source, group)
        return stored

    async def upsert(
        self,
        instance: M,
        /,
        *,
        on: Sequence[AnyColumn],
        update: Sequence[AnyColumn] | None = None,
    ) -> M:
        """Store an instance, or change the row that has its values of `on`; return it as stored.

        `on` are the columns of the primary key, or of one unique key. An existing row gets the
        fields that were given to the instance or assigned since, and keeps all others, also those
        that have a default; `update=` names other fields, and `update=[]` leaves the row as it
        is. Neither its primary key nor what the database makes is overwritten. Any number of
        tasks can upsert the same key at once: there is one row, and no error.

        Raises UsageError where `on` is no key of the table, or None is a value of it, because None
        equals nothing; NotLoaded for a key without a value; and what `add` raises.

        ```python
        ada = await heroes.upsert(Hero(name="Ada", age=37), on=[Hero.name])
        assert await heroes.upsert(Hero(name="Ada"), on=[Hero.name]) == ada
        ```
        """
        source, upserter = self._source, self._upserter
        if type(instance) is not self.model:
            instance = self._own(instance)
        encoded = self._statements.encoder.rendered(instance)
        if self._statements.tenant is not None:
            encoded = owned(self._statements, source, encoded)
        # Without a coroutine of its own for the usual case, as in add().
        plan = upserter.known(source, instance, encoded, on, update)
        if plan is not None:
            try:
                rows = await source.fetch(plan, encoded[1])
                # Without a row the one in the way is out of sight, and the database says so.
                return rows[0] if rows else await self._writer.insert(source, *encoded)
            except UniqueViolation:
                if is_undisturbed(source):
                    raise
        return await upserter.one(source, instance, encoded, on, update)

    async def upsert_all(
        self,
        instances: Iterable[M],
        /,
        *,
        on: Sequence[AnyColumn],
        update: Sequence[AnyColumn] | None = None,
    ) -> list[M]:
        """Upsert many instances, all or none, and return them as stored, in the same order.

        Each is treated as by `upsert`. Two that have the same values of `on` raise UsageError, and
        nothing is stored: what one of them says would be lost.

        ```python
        stored = await heroes.upsert_all([Hero(name="Ada"), Hero(name="Edith")], on=[Hero.name])
        assert [hero.age for hero in stored] == [37, None]
        ```
        """
        own = map(self._own, instances)
        return await self._upserter.many(self._source, own, on, update)

    async def update(self, instance: M, /) -> M:
        """Write all fields of an instance to its row and return it as stored.

        Raises NotFound if the row is gone, StaleVersion if it was changed since the instance was
        read (see `Versioned`), and what `add` raises.
        """
        version = self._version_of(instance)
        key_parts = self._key_of(instance)
        names, values = self._statements.encoder.rendered(self._own(instance))
        encoded = dict(zip(names, values, strict=True))
        spec = self._statements.spec
        key = [encoded.pop(part.name) for part in spec.primary_key]
        for field in spec.roles.values():
            encoded.pop(field.name, None)
        if not encoded and not self._statements.changes:
            return await self.get(key_parts if len(key) > 1 else key_parts[0])
        stored = await self._writer.update(
            self._source, tuple(encoded), list(encoded.values()), key, version
        )
        if stored is None:
            raise await self._missing(key, version)
        return stored

    async def patch(
        self, key: object, /, *changes: Assignment | BaseModel, if_version: int | None = None
    ) -> M:
        """Set some fields of the row with this primary key and return it as stored.

        A change is an assignment (`Hero.age.set(3)`, `Hero.age.set(Hero.age + 1)`) or a Pydantic
        model, of which the fields that were set are taken. Without any change nothing is
        written. With `if_version` the row must have this version (see `Versioned`).

        Raises NotFound, StaleVersion, UsageError for fields the model does not have or the library
        sets, and what `add` raises.
        """
        if if_version is not None and "version" not in self._statements.spec.roles:
            raise UsageError(
                f"{self.model.__name__} counts no versions", "add the mixin `Versioned`"
            )
        parts = self._key_parts(key)
        assigned: list[Assignment] = []
        for change in changes:
            if isinstance(change, BaseModel):
                assigned += self._assignments(change)
            else:
                assigned.append(change)
        checked = self._statements.checked(assigned)
        if not assigned:
            found = await self.get(key)
            if if_version is not None and self._version_of(found) != if_version:
                raise self._stale(parts)
            return found
        if not checked.is_computed and not self._statements.spec.whole_row_validators:
            stored = await self._writer.patch(self._source, checked, parts, if_version)
            if stored is None:
                raise await self._missing(parts, if_version)
            return stored
        # What the database computes, and what validators say of several fields, is judged when
        # the row comes back: a refusal must still be able to undo the change.
        async with self._source.unit() as source:
            stored = await self._writer.patch(source, checked, parts, if_version)
            missing = await self._missing(parts, if_version, source) if stored is None else None
        if missing is not None:
            raise missing  # out here, as it fails no statement
        return cast("M", stored)

    def _assignments(self, change: BaseModel) -> list[Assignment]:
        found: list[Assignment] = []
        fields = self._statements.spec.by_name
        variant = self._variant(change)
        for name in sorted(change.model_fields_set):
            if variant is not None and name not in fields:
                continue
            if name not in fields:
                import difflib  # noqa: PLC0415 - only for this message

                close = difflib.get_close_matches(name, fields, n=1)
                hint = f"; did you mean `{close[0]}`?" if close else ""
                raise UsageError(
                    f"{self.model.__name__} has no field `{name}`, which"
                    f" {type(change).__name__} sets{hint}",
                    "name the fields of the changes like those of the model",
                )
            found.append(getattr(self.model, name).set(getattr(change, name)))
        return found

    async def delete(self, target: M | object, /) -> None:
        """Remove the row of an instance, or the row with a primary key.

        A model with the `SoftDelete` mixin keeps the row, and marks it. Raises NotFound if it is
        gone already, StaleVersion if it was changed since the instance was read (see
        `Versioned`), ForeignKeyViolation if others refer to it.
        """
        if "deleted_at" in self._statements.spec.roles:
            await self._remove(target, self._statements.mark)
        else:
            await self._remove(target, self._statements.delete_by_key)

    async def purge(self, target: M | object, /) -> None:
        """Remove the row of an instance, or the row with a primary key, for good.

        Also where `delete` only marks it, and whether it is marked or not. Raises what `delete`
        raises.
        """
        statements = statements_of(self.model, with_deleted=True)
        await self._remove(target, statements.delete_by_key)

    async def _remove(self, target: object, plan_of: Callable[..., Plan[None]]) -> None:
        version: object = None
        if isinstance(target, self.model):
            version = self._version_of(target)
            key: Sequence[object] = self._key_of(target)
        else:
            key = self._key_parts(target)
        plan = plan_of(self._source.plans, versioned=version is not None)
        found = [*key, *([] if version is None else [version]), *self._statements.standing]
        if not await self._source.affect(plan, found):
            raise await self._missing(key, version)

    async def restore(self, key: object, /) -> M:
        """Take the mark from the row with this primary key, and return the row.

        Raises NotFound if there is no row that is marked as deleted, UniqueViolation if another one
        has taken its place, UsageError for a model without the `SoftDelete` mixin.
        """
        require_marks(self._statements.spec, "restore")
        parts = self._key_parts(key)
        async with self._source.unit() as source:
            plan = self._statements.unmark(source.plans)
            found = [*parts, *self._statements.standing]
            rows = []
            if await source.affect(plan, found):
                rows = await source.fetch(self._statements.by_key(source.plans), found)
        if not rows:
            # Outside the unit, because no statement has failed, which would end a session's work.
            raise self._not_found()
        return rows[0]

    # -- links

    async def link(self, instance: M, relation: ToMany[M, R], /, *others: R) -> None:
        """Relate a stored row to others through the link table of a relation, all or none.

        What is linked already stays as it is. Raises UsageError for a relation without a link
        table or a row of another tenant, NotLoaded for a row that is not stored, WrongType for
        one of another model, ForeignKeyViolation for one that is gone, and InvalidRow where the
        link has further fields without a default: add() its rows then.

        ```python
        class Tag(Model, table=True):
            id: Col[int] = generated()
            word: Col[str] = field(unique=True)


        class NoteTag(Model, table=True):
            note_id: Col[int] = field(primary_key=True, foreign_key="Note.id")
            tag_id: Col[int] = field(primary_key=True, foreign_key=Tag.id)


        class Note(Model, table=True):
            id: Col[int] = generated()
            text: Col[str]
            tags: RelatedList[Tag] = relation(through=NoteTag)


        await db.create_all()
        notes = Repository(Note, db)
        note = await notes.add(Note(text="Call Grace"))
        urgent = await Repository(Tag, db).add(Tag(word="urgent"))
        await notes.link(note, Note.tags, urgent)
        assert await notes.where(Note.tags.any(Tag.word == "urgent")).count() == 1
        ```
        """
        spec = linked_relation(relation, self.model)
        if not others:
            return
        rows = link_rows(spec, instance, others)
        self._require_own_ends(spec, instance, others)
        await store_missing(spec, rows, self._source)

    async def unlink(self, instance: M, relation: ToMany[M, R], /, *others: R) -> int:
        """Remove the rows of a relation's link table between a row and others; return how many.

        The rows themselves stay. Those of a link with `SoftDelete` go for good as well; `delete` of
        the link's own repository marks them. Raises UsageError, NotLoaded and WrongType, as `link`
        does.
        """
        spec = linked_relation(relation, self.model)
        if not others:
            return 0
        selection = links_between(spec, instance, others)
        self._require_own_ends(spec, instance, others)
        statements = statements_of(cast("type[Model]", spec.link))
        plan = statements.delete(self._source.plans, selection)
        return await self._source.affect(plan, selection.values())

    def _require_own_ends(
        self, spec: RelationSpec, instance: M, others: Sequence[BaseModel]
    ) -> None:
        require_own_rows(self._statements, self._source, [instance])
        require_own_rows(statements_of(cast("type[Model]", spec.target)), self._source, others)

    # -- variants

    def _has_related(self, instance: BaseModel) -> bool:
        """Whether rows related to it are to be stored with it."""
        variant = self._variant(instance)
        return variant is not None and has_related(type(instance), self.model)

    def _given(self, assignments: Sequence[Assignment]) -> Mapping[str, object]:
        """Return the values of assignments. Raises WrongType for what the database computes."""
        checked = self._statements.checked(assignments).assignments
        found = {a.attr.name: a.value for a in checked}
        for name, value in found.items():
            if nodes.is_clause(value):
                raise WrongType(
                    f"add() got an expression for {self.model.__name__}.{name}, and a row that is"
                    " not there yet has no columns to compute with",
                    "pass a value, or give the field a server_default",
                )
        return found

    def _own(self, instance: M, given: Mapping[str, object] = _NOTHING) -> M:
        """Return an instance of the model, with further values, for one of it or of a variant.

        Raises WrongType, InvalidRow.
        """
        if type(instance) is self.model:
            if not given:
                return instance
            values = {**instance.__dict__, **given}
            return cast("M", self._statements.encoder.made_of(values))
        variant = self._variant(instance)
        if variant is None or not isinstance(instance, self.model):
            return instance
        name, fields = type(instance).__name__, self._statements.spec.by_name
        if variant.kind == "public" and variant.left_out:
            raise WrongType(
                f"a {name} has no {', '.join(variant.left_out)}, so it is no whole row",
                f"use the {self.model.__name__} it was made of, or patch() for some fields",
            )
        values = {n: value for n, value in instance.__dict__.items() if n in fields}
        made = self._statements.encoder.made_of({**values, **given})
        made.model_fields_set.intersection_update(instance.model_fields_set)
        return cast("M", made)

    def _variant(self, given: BaseModel) -> Variant | None:
        """Return what the class of an instance was derived from.

        Raises WrongType for a variant of another model.
        """
        variant = variant_of(type(given))
        if variant is not None and variant.model is not self.model:
            raise WrongType(
                f"{type(given).__name__} is a variant of {variant.model.__name__}, not of"
                f" {self.model.__name__}",
                f"use a repository of {variant.model.__name__}",
            )
        return variant

    # -- keys

    def _key(self, key: object) -> Sequence[object]:
        """Return the values by which the row with a key is found. Raises WrongType."""
        statements = self._statements
        if type(key) in statements.key_types:
            return (key, *statements.standing)
        return (*self._key_parts(key), *self._statements.standing)

    def _key_parts(self, key: object) -> tuple[object, ...]:
        """Return the parts of a key. Raises WrongType."""
        if type(key) in self._statements.key_types:
            return (key,)
        attrs = self._statements.key_attrs
        if len(attrs) == 1:
            return (attrs[0].checked(key),)
        if not isinstance(key, tuple) or len(key) != len(attrs):
            names = ", ".join(attr.name for attr in attrs)
            raise WrongType(
                f"the primary key of {self.model.__name__} has the parts ({names})",
                f"pass a tuple of {len(attrs)} values in this order",
            )
        return tuple(attr.checked(part) for attr, part in zip(attrs, key, strict=True))

    def _key_of(self, instance: M) -> tuple[object, ...]:
        values = instance.__dict__
        parts = self._statements.spec.primary_key
        for part in parts:
            if part.name not in values:
                raise NotLoaded(
                    f"this {self.model.__name__} has no {part.name} yet, so it is no stored row",
                    "store it with add(), and go on with the instance that add() returns",
                )
        return tuple(values[part.name] for part in parts)

    def _version_of(self, instance: M) -> object:
        """Return the version of an instance, None for a model without. Raises NotLoaded."""
        field = self._statements.spec.roles.get("version")
        if field is None:
            return None
        return getattr(instance, field.name)

    async def _missing(
        self, key: Sequence[object], version: object, source: Source | None = None
    ) -> NotFound | StaleVersion:
        """Return the error for a row that was not met: it is gone, or has another version."""
        if version is None:
            return self._not_found()
        source = source or self._source
        plan = self._statements.by_key(source.plans)
        rows = await source.fetch(plan, [*key, *self._statements.standing])
        return self._stale(key) if rows else self._not_found()

    def _stale(self, key: Sequence[object]) -> StaleVersion:
        return StaleVersion(
            f"the {self.model.__name__} was changed since it was read",
            "read it again, and make the change to what it is by then",
            model=self.model,
            key=tuple(key),
        )

    def _not_found(self) -> NotFound:
        return NotFound(
            f"no {self.model.__name__} has this primary key",
            "use find() where the row may be absent",
            model=self.model,
        )


def _source(source: object) -> Source:
    if isinstance(source, Database | Session):
        return source
    # Loaded when a source is neither of the two, not when the library is imported.
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession  # noqa: PLC0415 - its first use

    if isinstance(source, AsyncConnection | AsyncSession):
        return Joined(source)
    raise WrongType(
        f"a {type(source).__name__} is no place to store rows",
        "pass a Database, a Session, or SQLAlchemy's AsyncConnection or AsyncSession",
    )
