"""Random changes to the schema of a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Optional, cast

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pydantic import NaiveDatetime

from andamios_orm.migration.diff import Answers, Rename
from andamios_orm.models.base import Model
from andamios_orm.schema.compiler import spec_of, table_of
from andamios_orm.schema.registry import declarations
from andamios_orm.schema.spec import FieldSpec, Kind
from andamios_orm.testing.strategies.class_code import code_of_classes
from andamios_orm.testing.strategies.class_plan import ClassPlan, FieldPlan, KeyPlan, declare
from andamios_orm.testing.strategies.copying import plans_of

__all__ = ["SchemaChange", "schema_change"]


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """A model before and after a change to its schema.

    Both are copies, each in a `MetaData` of its own with copies of all that it refers to.
    """

    before: type[Model]
    after: type[Model]
    told: str
    """What was changed, in words."""
    answers: Answers = field(default_factory=Answers)
    """What a migration has to be told, because two schemas do not tell it."""

    @property
    def code(self) -> str:
        """The classes before and after it, as they are written in a program."""
        return code_of_classes(*(_declared_with(model) for model in (self.before, self.after)))

    def __repr__(self) -> str:
        return f"<{self.before.__name__}: {self.told}>"


def schema_change(model: type[Model]) -> SearchStrategy[SchemaChange]:
    """Return a strategy of changes to a model: one thing is another one after it.

    A column is renamed, added, dropped, has another type, becomes optional or required, unique or
    not, gets a default, an index, or loses it; or the table is renamed. The model itself is not
    changed. What its tables do not know, such as validators, is not part of the copies.

    ```python
    from hypothesis import given

    from andamios_orm.testing import strategies


    @given(strategies.schema_change(Hero))
    def test_a_change_leaves_the_model_alone(change: strategies.SchemaChange) -> None:
        assert change.before is not Hero
        assert change.after is not Hero


    test_a_change_leaves_the_model_alone()
    ```
    """
    plans = plans_of([model])
    (place,) = (n for n, plan in enumerate(plans) if plan.full_name == table_of(model).fullname)
    changing = _Changing(model, plans, place)
    return st.sampled_from(list(changing.changes())).map(lambda change: change.made(plans, place))


def _declared_with(model: type[Model]) -> list[type[Model]]:
    found = declarations(table_of(model).metadata)
    return [cast("type[Model]", declaration.model) for declaration in found]


@dataclass(frozen=True, slots=True)
class _Change:
    """A change, as the class statements after it."""

    plans: Sequence[ClassPlan]
    told: str
    answers: Answers = field(default_factory=Answers)

    def made(self, plans: Sequence[ClassPlan], place: int) -> SchemaChange:
        before = declare(plans, sa.MetaData())[place]
        # So that the code for both can stand in one file.
        after = [replace(plan, name=f"{plan.name}After") for plan in self.plans]
        return SchemaChange(before, declare(after, sa.MetaData())[place], self.told, self.answers)


_KEYED = set(Kind) - {Kind.JSON, Kind.CUSTOM, Kind.INTERVAL}
"""What an index can be over, on every engine."""
_LONGEST = 190
"""Characters of a text that an index takes on every engine, also beside others."""


class _Changing:
    """All changes of one class."""

    def __init__(self, model: type[Model], plans: Sequence[ClassPlan], place: int) -> None:
        self._plans, self._place = plans, place
        self._plan = plans[place]
        self._specs: Mapping[str, FieldSpec] = spec_of(model).by_name
        self._columns = {spec.column for spec in self._specs.values()}
        self._keys = [key for key in self._plan.keys if isinstance(key, KeyPlan)]
        self._opaque = len(self._keys) < len(self._plan.keys)
        """Whether a constraint may speak of any column in words of its own."""
        self._in_keys = {column for key in self._keys for column in key.columns}
        references = [key for key in self._keys if key.kind is sa.ForeignKeyConstraint]
        self._referring = {column for key in references for column in key.columns}
        self._set_null = {
            column
            for key in references
            if key.options.get("ondelete") == "SET NULL"
            for column in key.columns
        }
        targets = {target for plan in plans for target in _targets(plan)}
        self._referred = {c for c in self._columns if f"{self._plan.full_name}.{c}" in targets}

    def changes(self) -> Iterator[_Change]:
        """Yield every change, the simplest first."""
        yield from self._added()
        for name, plan in self._plan.fields.items():
            spec = self._specs[name]
            if not self._opaque:
                yield self._renamed(name, plan)
            if spec.primary_key or spec.role is not None:
                continue
            if spec.column not in self._referred | self._in_keys and not self._opaque:
                yield self._dropped(name, plan)
            refers = "foreign_key" in plan.arguments or spec.column in self._referring
            if not refers and spec.column not in self._referred:
                yield from self._retyped(name, plan, spec)
            yield from self._toggled(name, plan, spec)
        yield self._moved()

    # -- parts

    def _with(
        self, fields: Mapping[str, FieldPlan], told: str, answers: Answers | None = None
    ) -> _Change:
        return self._of(self._plan.with_fields(fields), told, answers)

    def _of(self, plan: ClassPlan, told: str, answers: Answers | None = None) -> _Change:
        plans = [plan if each is self._plan else each for each in self._plans]
        return _Change(plans, told, answers or Answers())

    def _changed(self, name: str, plan: FieldPlan, told: str) -> _Change:
        return self._with({**self._plan.fields, name: plan}, told)

    def _free(self, name: str) -> str:
        while name in self._columns | self._specs.keys():
            name += "_"
        return name

    def _added(self) -> Iterator[_Change]:
        name = self._free("added")
        for plan, told in (
            (FieldPlan(Optional[int], {"default": None}), "an optional number"),  # noqa: UP045 - a value
            (FieldPlan(int, {"default": 0, "server_default": 0}), "a number with a default"),
            (
                FieldPlan(Optional[str], {"default": None, "max_length": 20, "index": True}),  # noqa: UP045 - a value
                "an optional text with an index",
            ),
            (FieldPlan(str, {"server_default": "it's %"}), "a text with a default"),
        ):
            yield self._with({**self._plan.fields, name: plan}, f"{told}, {name}, is added")

    def _renamed(self, name: str, plan: FieldPlan) -> _Change:
        old = plan.column(name)
        new = self._free(f"{old[:25]}_new")
        table = self._plan.full_name
        told = f"{old} is renamed to {new}"
        answers = Answers()
        if plan.generated:
            # `generated()` does not say what a column was called before.
            rename = Rename(f"{table}.{old}", f"{table}.{new}")
            renamed, answers = plan.having(column=new), Answers(renames=frozenset({rename}))
        else:
            renamed = plan.having(column=new, renamed_from=old)
        own = replace(
            self._plan.with_fields({**self._plan.fields, name: renamed}),
            keys=tuple(_with_column(key, old, new) for key in self._keys),
        )
        plans = [own if each is self._plan else each for each in self._plans]
        plans = [_referring(each, f"{table}.{old}", f"{table}.{new}") for each in plans]
        return _Change(plans, told, answers)

    def _dropped(self, name: str, plan: FieldPlan) -> _Change:
        fields = {n: each for n, each in self._plan.fields.items() if n != name}
        return self._with(fields, f"{plan.column(name)} is dropped")

    def _moved(self) -> _Change:
        old = self._plan
        new = replace(old, table=f"{old.table[:25]}_new")
        plans = [new if each is old else each for each in self._plans]
        for column in self._columns:
            before, after = f"{old.full_name}.{column}", f"{new.full_name}.{column}"
            plans = [_referring(each, before, after) for each in plans]
        rename = Rename(old.full_name, new.full_name)
        answers = Answers(renames=frozenset({rename}))
        return _Change(plans, f"the table is renamed to {new.table}", answers)

    def _retyped(self, name: str, plan: FieldPlan, spec: FieldSpec) -> Iterator[_Change]:
        column = plan.column(name)
        given = plan.arguments
        longest, digits = given.get("max_length"), given.get("max_digits")
        keyed = spec.unique or spec.index or column in self._in_keys
        if spec.storage.kind is Kind.TEXT and isinstance(longest, int):
            if not keyed or longest < _LONGEST / 2:
                longer = plan.having(max_length=2 * longest)
                yield self._changed(name, longer, f"{column} takes longer texts")
            if not keyed:
                free = plan.having(max_length=None)
                yield self._changed(name, free, f"{column} takes texts of any length")
        if spec.storage.kind is Kind.DECIMAL and isinstance(digits, int) and digits < 38:
            yield self._changed(
                name, plan.having(max_digits=digits + 1), f"{column} has more digits"
            )
        for old, new, arguments in _RETYPED:
            plain = given.keys() <= {"column", "default", "comment"}
            if plan.annotation in (old, Optional[old]) and plain and not keyed and not plan.marks:  # noqa: UP045 - a value
                annotation = new if plan.annotation is old else Optional[new]  # noqa: UP045 - a value
                kept = {n: v for n, v in given.items() if n != "default" or v is None}
                retyped = replace(plan, annotation=annotation, arguments={**kept, **arguments})
                told = (
                    f"{column} holds {cast('type', new).__name__}, not {cast('type', old).__name__}"
                )
                yield self._changed(name, retyped, told)

    def _toggled(self, name: str, plan: FieldPlan, spec: FieldSpec) -> Iterator[_Change]:
        column = plan.column(name)
        if not plan.generated and spec.nullable:
            required = _required(plan)
            set_null = plan.arguments.get("on_delete") == "SET NULL" or column in self._set_null
            if required is not None and not set_null:
                yield self._changed(name, required, f"{column} is required")
        elif not plan.generated:
            optional = replace(plan, annotation=Optional[plan.annotation])  # noqa: UP045 - a value
            yield self._changed(name, optional, f"{column} is optional")
        for which, told in (("unique", "unique"), ("index", "indexed")):
            if plan.arguments.get(which):
                if which == "index" or column not in self._referred:
                    less = plan.having(**{which: None})
                    yield self._changed(name, less, f"{column} is not {told} any more")
            elif self._can_be_keyed(spec) and not (spec.unique or spec.index):
                yield self._changed(name, plan.having(**{which: True}), f"{column} is {told}")
        if "server_default" not in plan.arguments and not plan.generated and not spec.bounds:
            for annotation, default in ((int, 7), (str, "it's")):
                if plan.annotation in (annotation, Optional[annotation]):  # noqa: UP045 - a value
                    made = plan.having(server_default=default)
                    yield self._changed(name, made, f"{column} has a default of the database")

    def _can_be_keyed(self, spec: FieldSpec) -> bool:
        storage = spec.storage
        return storage.kind in _KEYED and (storage.length or 0) <= _LONGEST


_RETYPED: tuple[tuple[object, object, Mapping[str, object]], ...] = (
    (int, str, {}),
    (int, Decimal, {"max_digits": 25, "decimal_places": 2}),
    (NaiveDatetime, datetime, {}),
)
"""Types that hold all that another one holds, and what the new field is declared with."""


def _required(plan: FieldPlan) -> FieldPlan | None:
    """Return the field that cannot be None; None for one whose type says so in another way."""
    args: tuple[object, ...] = getattr(plan.annotation, "__args__", ())
    if len(args) != 2 or args[1] is not type(None):
        return None
    arguments = {n: v for n, v in plan.arguments.items() if n != "default" or v is not None}
    return replace(plan, annotation=args[0], arguments=arguments)


def _targets(plan: ClassPlan) -> Iterator[str]:
    """Yield the columns that a class's foreign keys refer to."""
    for each in plan.fields.values():
        if "foreign_key" in each.arguments:
            yield cast("str", each.arguments["foreign_key"])
    for key in plan.keys:
        if isinstance(key, KeyPlan):
            yield from key.targets


def _with_column(key: KeyPlan, old: str, new: str) -> KeyPlan:
    return replace(key, columns=tuple(new if column == old else column for column in key.columns))


def _referring(plan: ClassPlan, old: str, new: str) -> ClassPlan:
    """Return the class with its foreign keys to one column referring to another."""
    fields = {
        name: each.having(foreign_key=new) if each.arguments.get("foreign_key") == old else each
        for name, each in plan.fields.items()
    }
    keys = tuple(
        replace(key, targets=tuple(new if target == old else target for target in key.targets))
        if isinstance(key, KeyPlan)
        else key
        for key in plan.keys
    )
    return replace(plan, fields=fields, keys=keys)
