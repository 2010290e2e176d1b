"""The plans of one model: which statement each operation runs, keyed by its shape."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.expression import ClauseElement

from andamios_orm.database.inserting import refers_to_itself
from andamios_orm.errors import UsageError, WrongType
from andamios_orm.models.base import Model
from andamios_orm.queries import nodes, terms, to_sql
from andamios_orm.queries.keyset import place_reader
from andamios_orm.queries.selection import Selection
from andamios_orm.queries.standing import standing_conditions
from andamios_orm.queries.upserting import Conflict, insert_or
from andamios_orm.repositories.changes import Changes
from andamios_orm.repositories.paging import Placed, placed
from andamios_orm.rows.decode import model_decoder, nothing, scalar
from andamios_orm.rows.encode import Encoder
from andamios_orm.rows.plan import Plan, PlanCache, Row, compile_plan, compile_rows
from andamios_orm.schema.columns import text_json_dialects
from andamios_orm.schema.compiler import compile_all, spec_of, table_of
from andamios_orm.schema.secrets import is_secret
from andamios_orm.schema.spec import FieldSpec, ModelSpec, Role
from andamios_orm.schema.tables import current

if TYPE_CHECKING:
    from andamios_orm.queries.expressions import Assignment

__all__ = ["ModelStatements", "statements_of"]

M = TypeVar("M", bound=Model)
R = TypeVar("R")


class ModelStatements(Generic[M]):
    """Builds and finds the plans of one model.

    They meet no row that is marked as deleted, unless they are made `with_deleted`.
    """

    def __init__(self, model: type[M], *, with_deleted: bool = False) -> None:
        self.model = model
        self.spec: ModelSpec = spec_of(model)
        self.encoder = Encoder(self.spec)
        self.rows = Selection(model, standing_conditions(model, with_deleted=with_deleted))
        """All rows that there are for a query."""
        self.standing: tuple[object, ...] = tuple(self.rows.values())
        """The values at the end of a statement that finds a row by its key."""
        self._with_deleted = with_deleted
        # Part of the shape of every statement that finds rows by their keys, or may change them.
        self._marked: Hashable = (model, "with deleted") if with_deleted else model
        self._by_key = ("get", self._marked)
        # Asked again whenever a table was added since.
        self._referred_to = (0, False)

    @cached_property
    def table(self) -> sa.Table:
        """The model's table, compiled at the first statement."""
        return table_of(self.model)

    @cached_property
    def changes(self) -> bool:
        """Whether every change of a row sets more than what was asked for."""
        return bool(to_sql.changes_of(self.spec, self.table))

    @cached_property
    def tenant(self) -> terms.Attr | None:
        """The column that says whose a row is."""
        field = self.spec.roles.get("tenant")
        return None if field is None else cast("terms.Attr", getattr(self.model, field.name))

    @cached_property
    def key_attrs(self) -> tuple[terms.Attr, ...]:
        """The columns of the primary key."""
        return tuple(getattr(self.model, f.name) for f in self.spec.primary_key)

    @cached_property
    def key_types(self) -> tuple[type, ...]:
        """The types of keys that need no closer look: those of a primary key of one column."""
        attrs = self.key_attrs
        return attrs[0].storage.python_types if len(attrs) == 1 else ()

    @cached_property
    def shown(self) -> tuple[FieldSpec, ...]:
        """The fields that are not secret."""
        return tuple(f for f in self.spec.fields if not is_secret(f))

    @cached_property
    def indexed(self) -> frozenset[str]:
        """The fields, other than the key's, that an index or a key of the table holds."""
        columns = {c for index in self.table.indexes for c in index.columns} | {
            c
            for constraint in self.table.constraints
            if isinstance(constraint, sa.UniqueConstraint | sa.ForeignKeyConstraint)
            for c in constraint.columns
        }
        names = {column.name for column in columns}
        return frozenset(f.name for f in self.spec.fields if f.column in names)

    @cached_property
    def refers_to_itself(self) -> bool:
        """Whether rows of the table can refer to others of the same table."""
        return refers_to_itself(self.table)

    def is_referred_to(self) -> bool:
        """Whether rows of a table can refer to those of this one, as far as models say so."""
        tables = compile_all(self.table.metadata).tables
        if self._referred_to[0] != len(tables):
            found = any(
                key.column.table is self.table
                for table in tables.values()
                for key in table.foreign_keys
            )
            self._referred_to = (len(tables), found)
        return self._referred_to[1]

    # -- reading

    def by_key(self, plans: PlanCache) -> Plan[list[M]]:
        """SELECT ... WHERE key."""
        found = plans.find(self._by_key)
        return found or self._rows(plans, self._by_key, lambda d: to_sql.by_key(self.rows, d.name))

    def select(self, plans: PlanCache, selection: Selection) -> Plan[list[M]]:
        """SELECT of the selection."""
        key = self._key("select", selection.key())
        found = plans.find(key)
        return found or self._rows(plans, key, lambda d: to_sql.select(selection, d.name))

    def placed(
        self, plans: PlanCache, selection: Selection, of: Sequence[nodes.Term]
    ) -> Plan[list[Placed[M]]]:
        """SELECT of the selection, with the places that rows have by the values of terms."""
        keys = nodes.combined(*[term.key() for term in of], selection.key())
        key = self._key("placed", keys)
        found = plans.find(key)
        return found or plans.get(key, lambda d: self._placed(plans, selection, of, d))

    def _placed(
        self, plans: PlanCache, selection: Selection, of: Sequence[nodes.Term], dialect: Dialect
    ) -> Plan[list[Placed[M]]]:
        columns = {field.name: number for number, field in enumerate(self.spec.fields)}
        cells: list[int] = []
        more: list[nodes.Term] = []
        for term in of:
            if isinstance(term, terms.Attr) and term.model is self.model:
                cells.append(columns[term.name])
            else:
                cells.append(len(columns) + len(more))
                more.append(term)
        what = None
        if more:
            what = [
                *to_sql.read_columns(self.table, self.spec.fields, dialect.name),
                *to_sql.place_columns(selection, more, dialect.name),
            ]
        decode = placed(
            cast("Callable[[Sequence[Row]], list[M]]", self._decoder(plans)),
            place_reader(of, dialect, cells),
            len(columns) if more else None,
        )
        statement = to_sql.select(selection, dialect.name, what)
        return compile_plan(statement, dialect, decode, table=self.table, many=True)

    def count(self, plans: PlanCache, selection: Selection) -> Plan[int]:
        """SELECT count(*)."""
        key = self._key("count", selection.key())
        return self._plan(plans, key, scalar, lambda d: to_sql.count(selection, d.name))

    def exists(self, plans: PlanCache, selection: Selection) -> Plan[int]:
        """SELECT 1 ... LIMIT 1."""
        key = self._key("exists", selection.key())
        return self._plan(plans, key, scalar, lambda d: to_sql.exists(selection, d.name))

    # -- writing

    def insert(
        self, plans: PlanCache, names: tuple[str, ...], conflict: Conflict | None = None
    ) -> Plan[list[M]]:
        """INSERT of one row with the fields `names`, changing the row it is in conflict with."""
        key = ("insert", self._marked, names, conflict)
        return plans.find(key) or self._rows(
            plans,
            key,
            lambda d: to_sql.insert(
                self.model, self._fields(names), d.name, into=self._into(conflict, d)
            ),
        )

    def insert_rows(
        self,
        plans: PlanCache,
        names: tuple[str, ...],
        rows: int,
        conflict: Conflict | None = None,
    ) -> Plan[list[M]]:
        """INSERT of `rows` rows at once, given as one list per field."""
        fields = self._fields(names)
        return plans.get(
            ("insert rows", self._marked, names, rows, conflict),
            lambda dialect: compile_rows(
                lambda number: to_sql.bulk_insert(
                    self.model, fields, number, dialect.name, into=self._into(conflict, dialect)
                ),
                rows,
                dialect,
                self._decoder(plans),
                table=self.table,
            ),
        )

    def takes_arrays(self, plans: PlanCache, names: tuple[str, ...]) -> bool:
        """Whether `insert_arrays` works with these fields, on an engine that has it."""
        return to_sql.takes_arrays(self._fields(names), plans.dialect.name)

    def insert_arrays(
        self, plans: PlanCache, names: tuple[str, ...], conflict: Conflict | None = None
    ) -> Plan[list[M]]:
        """INSERT of any number of rows, given as one list per field."""
        return self._rows(
            plans,
            ("insert arrays", self._marked, names, conflict),
            lambda d: to_sql.insert_arrays(
                self.model, self._fields(names), d.name, into=self._into(conflict, d)
            ),
        )

    def insert_only(
        self, plans: PlanCache, names: tuple[str, ...], conflict: Conflict | None = None
    ) -> Plan[None]:
        """INSERT of one row, for engines that do not give it back."""
        return self._plan(
            plans,
            ("insert only", self._marked, names, conflict),
            nothing,
            lambda d: to_sql.insert(
                self.model,
                self._fields(names),
                d.name,
                returning=False,
                into=self._into(conflict, d),
            ),
        )

    def _into(self, conflict: Conflict | None, dialect: Dialect) -> sa.Insert | None:
        if conflict is None:
            return None
        return insert_or(self.model, conflict, dialect.name, with_deleted=self._with_deleted)

    def last_inserted(self, plans: PlanCache) -> Plan[list[M]]:
        """SELECT of the row whose counted key this connection made last."""
        return self._rows(
            plans, ("last inserted", self.model), lambda d: to_sql.last_inserted(self.model)
        )

    def update_by_key(
        self, plans: PlanCache, names: tuple[str, ...], *, versioned: bool
    ) -> Plan[list[M]]:
        """UPDATE of one row's fields `names`."""
        return self._rows(
            plans,
            ("update", self._marked, names, versioned),
            lambda d: to_sql.update_by_key(
                self.rows, self._fields(names), d.name, versioned=versioned
            ),
        )

    def update_only_by_key(
        self, plans: PlanCache, names: tuple[str, ...], *, versioned: bool
    ) -> Plan[None]:
        """UPDATE of one row's fields `names`, for engines that do not give it back."""
        return self._plan(
            plans,
            ("update only", self._marked, names, versioned),
            nothing,
            lambda d: to_sql.update_by_key(
                self.rows, self._fields(names), d.name, versioned=versioned, returning=False
            ),
        )

    def patch_only(self, plans: PlanCache, changes: Changes, *, versioned: bool) -> Plan[None]:
        """UPDATE of one row with assignments, for engines that do not give it back."""
        key = self._patch_key("patch only", changes, versioned=versioned)
        return self._plan(
            plans,
            key,
            nothing,
            lambda d: _update(self.rows, changes.assignments, d, key=True, versioned=versioned),
        )

    def patch(self, plans: PlanCache, changes: Changes, *, versioned: bool) -> Plan[list[M]]:
        """UPDATE of one row with assignments."""
        key = self._patch_key("patch", changes, versioned=versioned)
        if (found := plans.find(key)) is not None:
            return found
        return self._rows(
            plans,
            key,
            lambda d: _update(
                self.rows, changes.assignments, d, key=True, versioned=versioned, returning=True
            ),
        )

    def _patch_key(self, operation: str, changes: Changes, *, versioned: bool) -> Hashable:
        shape = changes.shape
        return None if shape is None else (operation, self._marked, shape, versioned)

    def mark(self, plans: PlanCache, *, versioned: bool) -> Plan[None]:
        """UPDATE that marks one row as deleted."""
        return self._plan(
            plans,
            ("mark", self.model, versioned),
            nothing,
            lambda d: _update(
                Selection(self.model, standing_conditions(self.model)),
                [self._deleted_now],
                d,
                key=True,
                versioned=versioned,
            ),
        )

    def mark_selected(self, plans: PlanCache, selection: Selection) -> Plan[None]:
        """UPDATE that marks the selected rows as deleted."""
        key = self._key("mark selected", selection.key())
        return self._plan(plans, key, nothing, lambda d: _update(selection, [self._deleted_now], d))

    def unmark(self, plans: PlanCache) -> Plan[None]:
        """UPDATE that takes the mark from one row that has it."""
        deleted = self._deleted
        rows = Selection(self.model, standing_conditions(self.model, with_deleted=True))
        rows = rows.where(deleted.is_not_null())
        made = [terms.Assignment(deleted, sa.null())]
        return self._plan(
            plans, ("unmark", self.model), nothing, lambda d: _update(rows, made, d, key=True)
        )

    @cached_property
    def _deleted(self) -> terms.Attr:
        return cast("terms.Attr", getattr(self.model, self.spec.roles["deleted_at"].name))

    @cached_property
    def _deleted_now(self) -> terms.Assignment:
        return terms.Assignment(self._deleted, current(self._deleted.storage.kind))

    def update(self, plans: PlanCache, selection: Selection, changes: Changes) -> Plan[None]:
        """UPDATE of the selected rows."""
        key = self._update_key("set", selection, changes)
        return self._plan(plans, key, nothing, lambda d: _update(selection, changes.assignments, d))

    def update_returning(
        self, plans: PlanCache, selection: Selection, changes: Changes
    ) -> Plan[list[M]]:
        """UPDATE of the selected rows that gives them back."""
        key = self._update_key("set returning", selection, changes)
        return self._rows(
            plans, key, lambda d: _update(selection, changes.assignments, d, returning=True)
        )

    def _update_key(self, operation: str, selection: Selection, changes: Changes) -> Hashable:
        shape, rows = changes.shape, selection.key()
        return self._key(operation, None if shape is None or rows is None else (shape, rows))

    def delete_by_key(self, plans: PlanCache, *, versioned: bool = False) -> Plan[None]:
        """DELETE ... WHERE key."""
        key = ("delete", self._marked, versioned)
        return self._plan(
            plans,
            key,
            nothing,
            lambda d: to_sql.delete_by_key(self.rows, d.name, versioned=versioned),
        )

    def delete(self, plans: PlanCache, selection: Selection) -> Plan[None]:
        """DELETE of the selected rows."""
        key = self._key("remove", selection.key())
        return self._plan(plans, key, nothing, lambda d: to_sql.delete(selection, d.name))

    # -- checking what is written

    def checked(self, assignments: Sequence[Assignment]) -> Changes:
        """Return the assignments with their values validated.

        Raises UsageError for another model's column, a column set twice, and InvalidRow for a
        value that the field refuses.
        """
        found: dict[str, terms.Assignment] = {}
        given: Sequence[Any] = assignments
        for assignment in given:
            if not isinstance(assignment, terms.Assignment):
                raise WrongType(
                    f"a {type(assignment).__name__} is not an assignment",
                    "write `Hero.age.set(3)`; `==` compares",
                )
            attr = assignment.attr
            if attr.model is not self.model:
                raise UsageError(
                    f"{attr!r} is not a column of {self.model.__name__}",
                    f"use the columns read on {self.model.__name__} itself",
                )
            field = attr.field
            if field.role is not None:
                raise UsageError(
                    f"{attr!r} is set by the library", _INSTEAD.get(field.role, "leave it out")
                )
            if field.name in found:
                raise UsageError(f"{attr!r} is set twice", "set each column once")
            value = self._checked_value(assignment)
            found[field.name] = (
                assignment if value is assignment.value else terms.Assignment(attr, value)
            )
        return Changes(list(found.values()))

    def _checked_value(self, assignment: terms.Assignment) -> object:
        value = assignment.value
        if not nodes.is_clause(value):
            return self.encoder.assigned(assignment.attr.field, value)
        if isinstance(value, terms.Expression):
            other = nodes.foreign_model([value], self.model)
            if other is not None:
                raise UsageError(
                    f"{assignment.attr!r} is set to a column of {other.__name__}",
                    "use a subquery: `sqlalchemy.select(...).scalar_subquery()`",
                )
            assignment.attr.require_assignable(value)
        return value

    # -- building

    def _fields(self, names: tuple[str, ...]) -> list[FieldSpec]:
        return [self.spec.by_name[name] for name in names]

    def _key(self, operation: str, shape: nodes.Key) -> Hashable:
        return None if shape is None else (operation, self.model, shape)

    def _rows(
        self, plans: PlanCache, key: Hashable, build: Callable[[Dialect], ClauseElement]
    ) -> Plan[list[M]]:
        def compiled(dialect: Dialect) -> Plan[list[M]]:
            decode = cast("Callable[[Sequence[Row]], list[M]]", self._decoder(plans))
            return compile_plan(build(dialect), dialect, decode, table=self.table, many=True)

        return plans.get(key, compiled)

    def _decoder(self, plans: PlanCache) -> Callable[[Sequence[Row]], list[Any]]:
        return plans.decoder(self.model, lambda d: model_decoder(self.spec, self.table, d))

    def _plan(
        self,
        plans: PlanCache,
        key: Hashable,
        decode: Callable[[Sequence[Row]], R],
        build: Callable[[Dialect], ClauseElement],
    ) -> Plan[R]:
        return plans.get(
            key,
            lambda dialect: compile_plan(build(dialect), dialect, decode, table=self.table),
        )


_INSTEAD: Mapping[Role, str] = {
    "deleted_at": "use delete() and restore()",
    "version": "say which version is meant with `patch(key, ..., if_version=...)`",
}


def _update(
    selection: Selection,
    assignments: Sequence[terms.Assignment],
    dialect: Dialect,
    *,
    key: bool = False,
    versioned: bool = False,
    returning: bool = False,
) -> sa.Update:
    # A MariaDB assigns all at once where the session is told to, as our own connections are.
    sequential = dialect.name == "mysql" or (
        dialect.name == "mariadb" and dialect not in text_json_dialects
    )
    return to_sql.update(
        selection,
        assignments,
        dialect.name,
        sequential=sequential,
        key=key,
        versioned=versioned,
        returning=returning,
    )


_by_model: dict[tuple[type[Model], bool], ModelStatements[Any]] = {}


def statements_of(model: type[M], *, with_deleted: bool = False) -> ModelStatements[M]:
    """Return the statements of a model, made once. Raises DeclarationError."""
    found = _by_model.get((model, with_deleted))
    if found is None:
        made = ModelStatements(model, with_deleted=with_deleted)
        found = _by_model[model, with_deleted] = made
    return found
