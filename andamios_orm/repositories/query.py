"""`Query`: the rows of a model that fit, read, counted, changed or removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from pydantic import BaseModel

from andamios_orm.database.extras import require
from andamios_orm.database.source import Source
from andamios_orm.errors import (
    NotSupported,
    SessionMisuse,
    UsageError,
    WrongType,
)
from andamios_orm.models.base import Model
from andamios_orm.queries import nodes, shapes, to_sql
from andamios_orm.queries.loads import Load, loads_of, merged
from andamios_orm.queries.selection import Lock, Selection
from andamios_orm.queries.standing import standing_conditions
from andamios_orm.repositories.loading import load_related
from andamios_orm.repositories.paging import Placed
from andamios_orm.repositories.reading import Rows
from andamios_orm.repositories.shaped import Shaped
from andamios_orm.repositories.statements import ModelStatements, statements_of
from andamios_orm.repositories.values import Selects
from andamios_orm.repositories.writing import Writer
from andamios_orm.rows.plan import Plan
from andamios_orm.schema.spec import FieldSpec, ModelSpec

if TYPE_CHECKING:
    # Under other names than those of the methods, which hide them inside the class.
    import pandas as pd
    import polars as pl
    import pyarrow as pa
    from typing_extensions import TypeForm

    from andamios_orm.queries.expressions import Assignment, Path, SortKey

__all__ = ["Query", "require_marks"]

M = TypeVar("M", bound=Model)
P = TypeVar("P", bound=BaseModel)


class Query(Rows[M], Selects):
    """Some rows of one model, described step by step; made by a repository.

    A query is immutable: every step returns another one, so a query can be kept and refined in
    several directions. Nothing is read before it is asked for rows, a page, a stream or a number.
    """

    __slots__ = ("_loads",)

    _statements: ModelStatements[M]

    def __init__(
        self,
        statements: ModelStatements[M],
        source: Source,
        selection: Selection,
        loads: tuple[Load, ...] = (),
    ) -> None:
        self._statements = statements
        self._source = source
        self._selection = selection
        self._loads = loads

    def with_for_update(self, *, nowait: bool = False, skip_locked: bool = False) -> Query[M]:
        """Return the query whose rows are locked as they are read, until the session ends.

        A row that another transaction has locked is waited for; with `nowait` it raises
        TransactionConflict, with `skip_locked` it is left out.

        Raises SessionMisuse outside a session, where the lock would be gone at once, and
        NotSupported on engines without row locks.

        <!-- no-run: needs a server -->
        ```python
        async with db.session() as session:
            inside = Repository(Hero, session)
            ada = await inside.where(Hero.name == "Ada").with_for_update().one()
            await inside.patch(ada.id, Hero.age.set(ada.age + 1))
        ```
        """
        if nowait and skip_locked:
            raise UsageError(
                "a locked row cannot both fail and be left out", "choose one of the two"
            )
        if not self._source.capabilities.for_update:
            raise NotSupported(
                "this engine locks no single rows: where writers take turns, a session that may"
                " write keeps all others out until it ends",
                "leave with_for_update() out; with concurrent writers, let db.run() repeat what"
                " meets a conflict",
            )
        if not self._source.in_transaction:
            raise SessionMisuse(
                "a lock ends with its transaction, and outside a session each call is one",
                "use it inside `async with database.session() as session:`, with"
                " `Repository(Model, session)`",
            )
        lock: Lock = "nowait" if nowait else "skip locked" if skip_locked else "wait"
        return self._with(self._selection.locked(lock))

    def load(self, *paths: Path[M, Any]) -> Query[M]:
        """Return the query that reads related rows too, by one more statement a relation.

        They are then there as `hero.team` and `team.heroes`; reading what was not loaded raises
        NotLoaded. `Team.heroes.where(...).order_by(...).limit(3)` loads some of each team's, and
        `.then(...)` what belongs to them in turn. A row that several others belong to is one
        object.

        Raises UsageError for another model's relation, and RelationProblem.

        ```python
        for team in await teams.load(Team.heroes.order_by(Hero.name)).all():
            print(team.name, [hero.name for hero in team.heroes])
        ```
        """
        added = loads_of(paths, self._selection.model)
        loads = merged((*self._loads, *added))
        return type(self)(self._statements, self._source, self._selection, loads)

    def into(
        self, shape: TypeForm[P], /, *, computed: Mapping[str, SortKey] | None = None
    ) -> Shaped[P]:
        """Return the query that reads any Pydantic class instead: only what its fields ask for.

        A field is the column or the relation of its name, nested models and lists of models
        included, or what `From(...)` in its annotation says. `computed` gives fields an expression
        for this query only, such as what depends on who asks; a dotted name is that of a field in
        a nested shape of one row.

        Raises ShapeProblem for a field that the rows do not give, and UsageError after load() or
        with_for_update().

        ```python
        from pydantic import BaseModel


        class TeamName(BaseModel):
            name: str


        class HeroCard(BaseModel):
            name: str
            team: TeamName | None


        cards = await heroes.where(Hero.age > 30).into(HeroCard).all()
        assert cards[0] == HeroCard(name="Ada", team=None)
        ```
        """
        self._alone("into")
        model = self._selection.model
        given = {
            name: shapes.read_computed(f"computed[{name!r}]", expression, model)
            for name, expression in (computed or {}).items()
        }
        spec = shapes.read(cast("type[P]", shape), model, frozenset(given))
        return Shaped(self._statements, self._source, self._selection, spec, given)

    def _selected(self) -> tuple[Source, Selection]:
        self._alone("select")
        return self._source, self._selection

    def _alone(self, verb: str) -> None:
        if self._loads or self._selection.lock is not None:
            raise UsageError(
                f"{verb}() reads what it is asked for, and neither loads nor locks anything else",
                "leave load() and with_for_update() out",
            )

    def _reads_beside(self) -> bool:
        return bool(self._loads)

    async def _completed(self, found: list[M], source: Source) -> list[M]:
        if self._loads and found:
            await load_related(found, self._loads, source)
        return found

    def _with(self, selection: Selection) -> Self:
        return type(self)(self._statements, self._source, selection, self._loads)

    def _plan(self) -> Plan[list[M]]:
        return self._statements.select(self._source.plans, self._selection)

    def _placed_plan(self, terms: Sequence[nodes.Term]) -> Plan[list[Placed[M]]]:
        return self._statements.placed(self._source.plans, self._selection, terms)

    # -- reading

    async def arrow(self, *, secrets: bool = False) -> pa.Table:
        """Return all rows as an Arrow table, with the values that the columns hold.

        There is one column per field, in their order and with the same types on every engine: an
        Enum is its value, a UUID its text, JSON its text. The model does not validate the rows,
        which is what makes this fast. Secret fields are left out, because tables print themselves;
        `secrets=True` takes them too.

        Raises MissingDriver without pyarrow, NotSupported for a field that Arrow has no type for,
        ValueOutOfRange for a value that Arrow cannot hold, InvalidRow for a stored one that
        cannot be read, DatabaseError.

        ```python
        table = await heroes.order_by(Hero.age.desc()).arrow()
        assert table.column("name").to_pylist() == ["Grace", "Ada"]
        ```
        """
        await require("arrow", "pyarrow")
        return await self._read_arrow(secrets=secrets)

    async def polars(self, *, secrets: bool = False) -> pl.DataFrame:
        """Return all rows as a Polars DataFrame: what `arrow` gives, without copying most of it.

        Raises what `arrow` raises, and NotSupported for decimals of more than 38 digits.

        ```python
        frame = await heroes.where(Hero.age > 40).polars()
        assert frame["name"].to_list() == ["Grace"]
        ```
        """
        await require("polars", "polars", "pyarrow")
        from andamios_orm.repositories import frames  # noqa: PLC0415 - an extra's packages

        frames.require_polars_types(self._selection.model, self._shown(secrets=secrets))
        return await frames.to_polars(await self._read_arrow(secrets=secrets))

    async def pandas(self, *, secrets: bool = False) -> pd.DataFrame:
        """Return all rows as a pandas DataFrame whose columns keep their Arrow types.

        pandas' own types would make floats of whole numbers beside a missing one. Raises what
        `arrow` raises.

        ```python
        frame = await heroes.order_by(Hero.name).pandas()
        assert list(frame["age"]) == [36, 85]
        ```
        """
        await require("pandas", "pandas", "pyarrow")
        from andamios_orm.repositories import frames  # noqa: PLC0415 - as above

        return await frames.to_pandas(await self._read_arrow(secrets=secrets))

    async def _read_arrow(self, *, secrets: bool) -> pa.Table:
        from andamios_orm.database.arrow import ArrowReader  # noqa: PLC0415 - needs pyarrow

        selection = self._within_limits()
        reader = ArrowReader(self._source, selection.model, self._shown(secrets=secrets))
        table = await reader.read(
            selection.key(),
            lambda what, dialect_name: to_sql.select(selection, dialect_name, what),
            selection.values(),
        )
        self._refuse_more_than_limits(table.num_rows)
        return table

    def _shown(self, *, secrets: bool) -> tuple[FieldSpec, ...]:
        """Return the fields that become columns. Raises UsageError for none."""
        spec = self._statements.spec
        fields = spec.fields if secrets else self._statements.shown
        if not fields:
            raise UsageError(
                f"every field of {spec.name} is secret, so no column is left",
                "pass secrets=True to read them",
            )
        return fields

    # -- changing

    async def update(self, *assignments: Assignment) -> int:
        """Set columns of all these rows and return how many there were.

        Values are validated like those of an instance; expressions are computed by the database,
        whose constraints then decide: `update(Hero.age.set(Hero.age + 1))`. Where the model has
        validators of its own, the rows are read back, and one they refuse undoes the update.

        Raises what `Repository.patch` raises, but never NotFound, and UsageError without a
        condition, because that would change every row: `where(sqlalchemy.true())` says that you
        mean it.
        """
        self._whole("update")
        if not assignments:
            raise WrongType(
                "update() got nothing to set", "pass assignments, as in `Hero.age.set(3)`"
            )
        changes = self._statements.checked(assignments)
        judged_alone = changes.is_computed and any(
            nodes.is_clause(a.value) and a.attr.field.python_rules for a in changes.assignments
        )
        if not judged_alone and not self._statements.spec.whole_row_validators:
            plan = self._statements.update(self._source.plans, self._selection, changes)
            values = [*changes.values, *self._selection.values()]
            return await self._source.affect(plan, values)
        # What the database computes, and what validators say of several fields, is judged when
        # the rows come back.
        async with self._source.unit() as source:
            writer = Writer(self._statements)
            return len(await writer.update_selected(source, self._selection, changes))

    async def delete(self) -> int:
        """Delete all these rows and return how many there were.

        Rows of a model with the `SoftDelete` mixin are kept, and marked. Raises UsageError without
        a condition, because that would delete every row: `where(sqlalchemy.true())` says that you
        mean it.
        """
        self._whole("delete")
        model, selection = self._selection.model, self._selection
        if "deleted_at" not in self._statements.spec.roles:
            return await self._removed()
        # A row that is marked already keeps its mark.
        missing = [c for c in standing_conditions(model) if c not in selection.conditions]
        selection = selection._replace(conditions=(*selection.conditions, *missing))
        plan = self._statements.mark_selected(self._source.plans, selection)
        return await self._source.affect(plan, selection.values())

    async def purge(self) -> int:
        """Remove all these rows for good, and return how many there were.

        Also where `delete` only marks them; `with_deleted()` includes those that are marked.
        Raises what `delete` raises.

        <!-- no-run: the example's model keeps no deleted rows -->
        ```python
        month = datetime.now(UTC) - timedelta(days=30)
        await letters.with_deleted().where(Letter.deleted_at < month).purge()
        ```
        """
        self._whole("purge")
        return await self._removed()

    async def _removed(self) -> int:
        plan = self._statements.delete(self._source.plans, self._selection)
        return await self._source.affect(plan, self._selection.values())

    def with_deleted(self) -> Query[M]:
        """Return the query with the rows that are marked as deleted.

        Raises UsageError for a model without the `SoftDelete` mixin.
        """
        require_marks(self._statements.spec, "with_deleted")
        model = self._selection.model
        statements = statements_of(cast("type[M]", model), with_deleted=True)
        hidden = set(standing_conditions(model)) - set(statements.rows.conditions)
        kept = tuple(c for c in self._selection.conditions if c not in hidden)
        selection = self._selection._replace(conditions=kept)
        return Query(statements, self._source, selection, self._loads)

    def _whole(self, verb: str) -> None:
        self._refuse_lock(verb)
        selection = self._selection
        if selection.orderings or selection.limit is not None or selection.offset is not None:
            raise UsageError(
                f"{verb}() of a query with order_by(), limit() or offset(): SQL changes sets of"
                " rows, which have no order",
                "select the keys first, then use `.where(Model.id.in_(keys))`",
            )
        if len(selection.conditions) == len(self._statements.rows.conditions):
            raise UsageError(
                f"{verb}() without where() would {verb} every row of {selection.model.__name__}",
                "add a condition; `where(sqlalchemy.true())` says that you mean all of them",
            )


def require_marks(spec: ModelSpec, verb: str) -> None:
    """Raise UsageError if rows of a model are not marked when they are deleted."""
    if "deleted_at" not in spec.roles:
        raise UsageError(
            f"{verb}(): rows of {spec.name} that are deleted are gone",
            "add the mixin `SoftDelete` to the model",
        )
