"""Table classes as the Python source of their class statements."""

from __future__ import annotations

import dataclasses
import re
import sys
import types
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from typing import Annotated, Literal, TypeVar, Union, cast, get_args, get_origin

import sqlalchemy as sa
from pydantic import BaseModel, Json
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from andamios_orm.models.base import Model
from andamios_orm.schema.compiler import table_of
from andamios_orm.schema.registry import declarations
from andamios_orm.testing.strategies.class_plan import (
    ClassPlan,
    FieldPlan,
    KeyPlan,
    RelationPlan,
    arguments_of,
    plan_of,
    relations_of,
)
from andamios_orm.testing.strategies.importable import is_importable

__all__ = ["ClassCode", "code_of_classes", "groups_of"]


def code_of_classes(*groups: Iterable[type[Model]]) -> str:
    """Return the class statements of table classes, with their imports, ready to be pasted.

    Each group gets a `MetaData` of its own: `METADATA`, and `METADATA_2` for the second. What
    cannot be written, such as a lambda, stands there as `...`.

    ```python
    from andamios_orm.testing.strategies.class_code import code_of_classes

    assert "class Team(Model, table='team', metadata=METADATA):" in code_of_classes([Team])
    ```
    """
    return ClassCode(groups).text


def groups_of(models: Iterable[type[Model]]) -> list[list[type[Model]]]:
    """Return all classes of the models' `MetaData`, those of each together."""
    found = dict.fromkeys(table_of(model).metadata for model in models)
    return [[cast("type[Model]", d.model) for d in declarations(metadata)] for metadata in found]


class ClassCode:
    """The class statements of tables, and what each class is called in them."""

    def __init__(self, groups: Iterable[Iterable[type[Model]]]) -> None:
        writer = _Writer()
        self.names: dict[type, str] = {}
        for number, group in enumerate(groups, start=1):
            models = list(group)
            metadata = "METADATA" if number == 1 else f"METADATA_{number}"
            writer.group(metadata, (_with_relations(model, models) for model in models))
            self.names |= {model: model.__name__ for model in models}
        self.names |= writer.written
        self.text = writer.text()


def _with_relations(model: type[Model], group: Collection[type[Model]]) -> ClassPlan:
    """Return the class statement with the relations to classes of its own group."""
    names = {each.__name__ for each in group}
    found = {
        name: plan for name, plan in relations_of(model).items() if names.issuperset(plan.classes)
    }
    return replace(plan_of(model), relations=found)


class _Writer:
    """Collects imports and statements; a name stands for one thing only."""

    def __init__(self) -> None:
        self._imports: dict[str, set[str]] = {}
        self._statements: list[str] = []
        self._names: dict[str, type] = {}

    @property
    def written(self) -> dict[type, str]:
        """The classes that could not be imported, and what they are called."""
        return {cls: name for name, cls in self._names.items()}

    def text(self) -> str:
        lines = ["import sqlalchemy as sa"]
        lines += [
            f"from {module} import {', '.join(sorted(names))}"
            for module, names in sorted(self._imports.items())
        ]
        return "\n".join(lines) + "\n\n\n" + "\n\n\n".join(self._statements) + "\n"

    def group(self, metadata: str, plans: Iterable[ClassPlan]) -> None:
        statements = [self._table(plan, metadata) for plan in plans]
        self._statements += [f"{metadata} = sa.MetaData()", *statements]

    def _import(self, module: str, name: str) -> str:
        self._imports.setdefault(module, set()).add(name)
        return name

    # -- classes

    def _table(self, plan: ClassPlan, metadata: str) -> str:
        bases = [self._class(base) for base in plan.bases] or [
            self._import("andamios_orm", "Model")
        ]
        keywords = [f"table={plan.table!r}", f"metadata={metadata}"]
        if plan.schema is not None:
            keywords.insert(1, f"schema={plan.schema!r}")
        body = [self._field(name, each) for name, each in plan.fields.items()]
        body += [self._relation(name, each) for name, each in plan.relations.items()]
        if plan.keys or plan.options:
            items = [self._key(key) for key in plan.keys]
            items += [self.value(dict(plan.options))] if plan.options else []
            body.append(f"__table_args__ = ({', '.join(items)},)")
        if plan.config:
            body.insert(0, f"model_config = {self.value(dict(plan.config))}")
        return _statement(plan.name, [*bases, *keywords], body)

    def _field(self, name: str, plan: FieldPlan) -> str:
        annotation = self.annotation(plan.annotation)
        if plan.marks:
            annotation = self._marked(annotation, plan.marks)
        declared = f"{name}: {self._import('andamios_orm', 'Col')}[{annotation}]"
        if not plan.arguments and not plan.generated:
            return declared
        call = self._import("andamios_orm", "generated" if plan.generated else "field")
        return f"{declared} = {call}({self._keywords(plan.arguments)})"

    def _relation(self, name: str, plan: RelationPlan) -> str:
        # As text, because the class may stand further down.
        kind = self._import("andamios_orm", "RelatedList" if plan.many else "Related")
        call = f"{self._import('andamios_orm', 'relation')}({self._keywords(plan.arguments)})"
        return f"{name}: {kind}[{plan.item!r}] = {call}"

    def _keywords(self, arguments: Mapping[str, object]) -> str:
        return ", ".join(f"{name}={self.value(value)}" for name, value in arguments.items())

    def _key(self, key: KeyPlan | sa.schema.SchemaItem) -> str:
        if not isinstance(key, KeyPlan):
            return self._item(key)
        parts = [repr(column) for column in key.columns]
        options = dict(key.options)
        if key.kind is sa.Index:
            parts.insert(0, repr(options.pop("name", None)))
        elif key.kind is sa.ForeignKeyConstraint:
            parts = [repr(list(key.columns)), repr(list(key.targets))]
        keywords = [f"{name}={self.value(value)}" for name, value in options.items()]
        return f"sa.{key.kind.__name__}({', '.join([*parts, *keywords])})"

    def _item(self, item: sa.schema.SchemaItem) -> str:
        if type(item) is sa.CheckConstraint and isinstance(item.sqltext, sa.TextClause):
            name = f", name={str(item.name)!r}" if isinstance(item.name, str) else ""
            return f"sa.CheckConstraint({item.sqltext.text!r}{name})"
        return "..."

    def _class(self, cls: type) -> str:
        """Return the name of a class, which is imported or written out."""
        if cls.__module__ == "builtins":
            return cls.__name__
        if is_importable(cls):
            return self._imported(cls.__module__, cls.__qualname__)
        return self._written(cls)

    def _imported(self, module: str, path: str) -> str:
        name, _, rest = path.partition(".")
        package = module.partition(".")[0]
        if getattr(sys.modules.get(package), name, None) is getattr(sys.modules[module], name):
            module = package
        return self._import(module, name) + (f".{rest}" if rest else "")

    def _written(self, cls: type) -> str:
        name, number = cls.__name__, 1
        while self._names.get(name, cls) is not cls:
            number += 1
            name = f"{cls.__name__}{number}"
        if name not in self._names:
            self._names[name] = cls
            self._statements.append(self._class_statement(name, cls))
        return name

    def _class_statement(self, name: str, cls: type) -> str:
        base = self._class(cls.__bases__[0])
        if issubclass(cls, Enum):
            body = [f"{member.name} = {self.value(member.value)}" for member in cls]
        elif issubclass(cls, BaseModel):
            body = [self._plain_field(n, info) for n, info in cls.__pydantic_fields__.items()]
        else:
            body = ["..."]
        return _statement(name, [base], body)

    def _plain_field(self, name: str, info: FieldInfo) -> str:
        declared = f"{name}: {self.annotation(info.annotation)}"
        arguments: dict[str, object] = {}
        for mark in info.metadata:
            arguments |= arguments_of(mark) or {}
        if info.default is not PydanticUndefined:
            arguments["default"] = info.default
        if not arguments:
            return declared
        return f"{declared} = {self._import('pydantic', 'Field')}({self._keywords(arguments)})"

    # -- annotations and values

    def annotation(self, annotation: object) -> str:
        origin, args = get_origin(annotation), get_args(annotation)
        if annotation in (None, types.NoneType):
            return "None"
        if annotation is Ellipsis:
            return "..."
        if origin is Annotated:
            inner, *marks = args
            return self._marked(self.annotation(inner), marks)
        if origin in (Union, types.UnionType):
            return " | ".join(map(self.annotation, args))
        if origin is Literal:
            literal = self._import("typing", "Literal")
            return f"{literal}[{', '.join(map(self.value, args))}]"
        if origin is not None:
            return f"{self.annotation(origin)}[{', '.join(map(self.annotation, args))}]"
        if isinstance(annotation, type):
            return self._class(annotation)
        if isinstance(annotation, TypeVar) or not hasattr(annotation, "__name__"):
            return self._import("typing", "Any")
        return self._function(annotation)

    def _marked(self, written: str, marks: Sequence[object]) -> str:
        if [type(mark) for mark in marks] == [Json]:
            # An instance of the class, which has no expression of its own.
            return f"{self._import('pydantic', 'Json')}[{written}]"
        parts = ", ".join([written, *map(self.value, marks)])
        return f"{self._import('typing', 'Annotated')}[{parts}]"

    def value(self, value: object) -> str:
        """Return an expression for a value."""
        if isinstance(value, Enum):
            return f"{self._class(type(value))}.{value.name}"
        if isinstance(value, type):
            return self._class(value)
        if type(value) in (list, tuple, dict):
            return self._container(cast("list[object]", value))
        if isinstance(value, sa.TextClause):
            return f"sa.text({value.text!r})"
        if isinstance(value, type(sa.func.now()) | sa.sql.functions.FunctionElement):
            return f"sa.func.{value.name}()" if hasattr(value, "name") else "..."
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self._dataclass(value)
        if isinstance(value, BaseModel):
            return f"{self._class(type(value))}({self._keywords(value.__dict__)})"
        if callable(value):
            return self._function(value)
        return self._plain(value)

    def _container(self, value: list[object] | tuple[object, ...] | dict[object, object]) -> str:
        if isinstance(value, dict):
            items = [f"{self.value(k)}: {self.value(v)}" for k, v in value.items()]
            return f"{{{', '.join(items)}}}"
        written = ", ".join(map(self.value, value))
        if isinstance(value, list):
            return f"[{written}]"
        return f"({written},)" if len(value) == 1 else f"({written})"

    def _dataclass(self, value: object) -> str:
        fields = [f for f in dataclasses.fields(cast("type", value)) if f.init]
        given = ", ".join(f"{f.name}={self.value(getattr(value, f.name))}" for f in fields)
        return f"{self._class(type(value))}({given})"

    def _function(self, value: object) -> str:
        if not is_importable(value):
            return "..."
        named = cast("type", value)
        if named.__module__ == "builtins":
            return named.__qualname__
        return self._imported(named.__module__, named.__qualname__)

    def _plain(self, value: object) -> str:
        """Return what `repr` says, which names the modules of dates and times."""
        written = repr(value).replace("datetime.timezone.utc", "UTC")
        written = re.sub(r"\bdatetime\.(?=\w+\()", "", written)
        for name in re.findall(r"\b(UTC|datetime|date|time|timedelta|timezone)\b(?=\W|$)", written):
            if type(value).__module__ == "datetime":
                self._import("datetime", name)
        cls = type(value)
        if written == cls.__name__ or written.startswith(f"{cls.__name__}("):
            self._class(cls)
        # What is written as <...> is no expression.
        return "..." if written.startswith("<") else written


def _statement(name: str, arguments: Iterable[str], body: Iterable[str]) -> str:
    lines = "".join(f"\n    {line}" for line in body) or "\n    pass"
    return f"class {name}({', '.join(arguments)}):{lines}"
