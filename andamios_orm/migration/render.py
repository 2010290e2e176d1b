"""Operations as the Python of a revision file, as a person would write it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, cast

import sqlalchemy as sa
from alembic.operations import MigrateOperation, ops
from sqlalchemy.sql.elements import TextClause
from sqlalchemy.types import TypeEngine

from andamios_orm.migration.operations import (
    UNFINISHED,
    AlterEnumOp,
    BackfillOp,
    CreateEnumOp,
    DropEnumOp,
    MoveTableOp,
    RebuildTableOp,
    RenameConstraintOp,
    RenameIndexOp,
    SqlType,
)
from andamios_orm.migration.sql_names import as_text

__all__ = ["Rendered", "described", "render"]

_WIDTH = 100


class Rendered:
    """The bodies of `upgrade()` and `downgrade()`, and the imports that they need."""

    def __init__(self, upgrade: str, downgrade: str, imports: Sequence[str]) -> None:
        self.upgrade = upgrade
        self.downgrade = downgrade
        self.imports = tuple(imports)


def render(upgrade: Iterable[MigrateOperation], downgrade: Iterable[MigrateOperation]) -> Rendered:
    """Return the two functions' bodies, indented, each with `pass` if there is nothing to do."""
    writer = _Writer()
    bodies = [
        "\n".join(writer.statement(operation) for operation in operations) or "    pass"
        for operations in (upgrade, downgrade)
    ]
    return Rendered(bodies[0], bodies[1], sorted(writer.imports))


def described(operation: MigrateOperation) -> str:
    """Return an operation as the line of a revision file; its class's name for a user's own."""
    try:
        return _Writer().call(operation).text(0, -10_000)
    except TypeError:
        return type(operation).__name__


class Code(str):
    """Python that stands in a call as it is."""

    __slots__ = ()


class _Call:
    """A call, written in one line where it fits."""

    def __init__(self, name: str, /, *args: object, **kwargs: object) -> None:
        self.name, self.args, self.kwargs = name, args, kwargs

    def text(self, indent: int, reserved: int = 0) -> str:
        """Return the call; its first line begins `indent` columns in, `reserved` follow it."""
        parts = [_inline(arg) for arg in self.args]
        parts += [f"{name}={_inline(value)}" for name, value in self.kwargs.items()]
        line = f"{self.name}({', '.join(parts)})"
        if indent + len(line) + reserved <= _WIDTH and "\n" not in line:
            return line
        inner = indent + 4
        lines = [_block(arg, inner, "") for arg in self.args]
        lines += [_block(value, inner, f"{name}=") for name, value in self.kwargs.items()]
        space = " " * inner
        body = "".join(f"{space}{line},\n" for line in lines)
        return f"{self.name}(\n{body}{' ' * indent})"


def _inline(value: object) -> str:
    if isinstance(value, _Call):
        return value.text(0, -10_000)
    if isinstance(value, Code):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(_inline(item) for item in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_inline(k)}: {_inline(v)}' for k, v in value.items())}}}"
    return _literal(value)


def _block(value: object, indent: int, prefix: str) -> str:
    if isinstance(value, _Call):
        return prefix + value.text(indent, len(prefix) + 1)
    line = prefix + _inline(value)
    if indent + len(line) < _WIDTH or not isinstance(value, list | dict):
        return line
    space = " " * (indent + 4)
    if isinstance(value, dict):
        items = [_block(item, indent + 4, f"{_inline(key)}: ") for key, item in value.items()]
    else:
        items = [_block(item, indent + 4, "") for item in value]
    marks = "{}" if isinstance(value, dict) else "[]"
    body = "".join(f"{space}{item},\n" for item in items)
    return f"{prefix}{marks[0]}\n{body}{' ' * indent}{marks[1]}"


def _literal(value: object) -> str:
    """Return a value as Python; texts in double quotes, as formatters write them."""
    if not isinstance(value, str):
        return repr(value)
    # SQLAlchemy's names are texts of a class of their own.
    text = repr(str.__str__(value))
    if text.startswith("'") and '"' not in text:
        return f'"{text[1:-1]}"'
    return text


class _Writer:
    def __init__(self) -> None:
        self.imports: set[str] = set()

    def statement(self, operation: MigrateOperation) -> str:
        return f"    {self.call(operation).text(4)}"

    # -- operations

    def call(self, operation: MigrateOperation) -> _Call:
        match operation:
            case ops.CreateTableOp():
                options = {**operation.kw}
                if operation.comment is not None:
                    options["comment"] = operation.comment
                items = self._items(operation.columns)
                return _Call(
                    "op.create_table",
                    operation.table_name,
                    *items,
                    **_given(schema=operation.schema),
                    **options,
                )
            case ops.DropTableOp():
                return _Call(
                    "op.drop_table", operation.table_name, **_given(schema=operation.schema)
                )
            case ops.RenameTableOp():
                return _Call(
                    "op.rename_table",
                    operation.table_name,
                    operation.new_table_name,
                    **_given(schema=operation.schema),
                )
            case ops.CreateTableCommentOp():
                return _Call(
                    "op.create_table_comment",
                    operation.table_name,
                    operation.comment,
                    **_given(existing_comment=operation.existing_comment, schema=operation.schema),
                )
            case ops.DropTableCommentOp():
                return _Call(
                    "op.drop_table_comment",
                    operation.table_name,
                    **_given(existing_comment=operation.existing_comment, schema=operation.schema),
                )
            case ops.AddColumnOp():
                return _Call(
                    "op.add_column",
                    operation.table_name,
                    self.item(operation.column),
                    **_given(schema=operation.schema),
                )
            case ops.DropColumnOp():
                return _Call(
                    "op.drop_column",
                    operation.table_name,
                    operation.column_name,
                    **_given(schema=operation.schema),
                )
            case ops.AlterColumnOp():
                return self._alter_column(operation)
            case ops.ExecuteSQLOp():
                return _Call("op.execute", str(operation.sqltext))
            case _:
                return self._constraint_call(operation)

    def _constraint_call(self, operation: MigrateOperation) -> _Call:
        match operation:
            case ops.CreateIndexOp():
                return _Call(
                    "op.create_index",
                    operation.index_name,
                    operation.table_name,
                    [self.value(column) for column in operation.columns],
                    **({"unique": True} if operation.unique else {}),
                    **_given(schema=operation.schema),
                    **{name: self.value(value) for name, value in operation.kw.items()},
                )
            case ops.DropIndexOp():
                return _Call(
                    "op.drop_index",
                    operation.index_name,
                    **_given(table_name=operation.table_name, schema=operation.schema),
                )
            case ops.CreatePrimaryKeyOp():
                return _Call(
                    "op.create_primary_key",
                    _name(operation.constraint_name),
                    operation.table_name,
                    list(operation.columns),
                    **_given(schema=operation.schema),
                )
            case ops.CreateUniqueConstraintOp():
                return _Call(
                    "op.create_unique_constraint",
                    _name(operation.constraint_name),
                    operation.table_name,
                    list(operation.columns),
                    **_given(schema=operation.schema),
                    **operation.kw,
                )
            case ops.CreateCheckConstraintOp():
                return _Call(
                    "op.create_check_constraint",
                    _name(operation.constraint_name),
                    operation.table_name,
                    str(operation.condition),
                    **_given(schema=operation.schema),
                )
            case ops.CreateForeignKeyOp():
                return _Call(
                    "op.create_foreign_key",
                    _name(operation.constraint_name),
                    operation.source_table,
                    operation.referent_table,
                    list(operation.local_cols),
                    list(operation.remote_cols),
                    **_given(**operation.kw),
                )
            case ops.DropConstraintOp():
                return _Call(
                    "op.drop_constraint",
                    _name(operation.constraint_name),
                    operation.table_name,
                    **_given(type_=operation.constraint_type, schema=operation.schema),
                )
            case _:
                return self._own_call(operation)

    def _own_call(self, operation: MigrateOperation) -> _Call:
        self.imports.add("import andamios_orm.migration.operations  # puts its operations on `op`")
        match operation:
            case RebuildTableOp():
                items = self._items(operation.items)
                return _Call(
                    "op.rebuild_table",
                    operation.table_name,
                    *items,
                    **_given(copy=_values(operation.copy) or None, schema=operation.schema),
                    **operation.options,
                )
            case BackfillOp():
                return _Call(
                    "op.backfill",
                    operation.table_name,
                    _values(operation.values),
                    **_given(where=operation.where, schema=operation.schema),
                )
            case CreateEnumOp():
                return _Call(
                    "op.create_enum",
                    operation.name,
                    list(operation.labels),
                    **_given(schema=operation.schema),
                )
            case DropEnumOp():
                return _Call("op.drop_enum", operation.name, **_given(schema=operation.schema))
            case AlterEnumOp():
                return _Call(
                    "op.alter_enum",
                    operation.name,
                    before=list(operation.before),
                    after=list(operation.after),
                    **_given(
                        renamed=operation.renamed or None,
                        replaced=operation.replaced or None,
                        schema=operation.schema,
                    ),
                )
            case RenameConstraintOp():
                return _Call(
                    "op.rename_constraint",
                    operation.table_name,
                    operation.old,
                    operation.new,
                    **_given(schema=operation.schema),
                )
            case RenameIndexOp():
                return _Call(
                    "op.rename_index",
                    operation.table_name,
                    operation.old,
                    operation.new,
                    **_given(schema=operation.schema),
                )
            case MoveTableOp():
                return _Call(
                    "op.move_table", operation.table_name, schema=operation.schema, to=operation.to
                )
            case _:
                raise TypeError(f"a {type(operation).__name__} cannot be written to a file")

    def _alter_column(self, operation: ops.AlterColumnOp) -> _Call:
        given: dict[str, object] = {}
        if operation.modify_name is not None:
            given["new_column_name"] = operation.modify_name
        if operation.modify_type is not None:
            given["type_"] = self.type(operation.modify_type)
        if operation.modify_nullable is not None:
            given["nullable"] = operation.modify_nullable
        if operation.modify_server_default is not False:
            given["server_default"] = self.value(operation.modify_server_default)
        if operation.modify_comment is not False:
            given["comment"] = operation.modify_comment
        if operation.kw.get("autoincrement"):
            given["autoincrement"] = True
        if operation.existing_type is not None:
            given["existing_type"] = self.type(operation.existing_type)
        if operation.existing_nullable is not None:
            given["existing_nullable"] = operation.existing_nullable
        if operation.existing_server_default is not False:
            given["existing_server_default"] = self.value(operation.existing_server_default)
        if operation.existing_comment is not None:
            given["existing_comment"] = operation.existing_comment
        return _Call(
            "op.alter_column",
            operation.table_name,
            operation.column_name,
            **given,
            **_given(schema=operation.schema),
        )

    # -- items

    def _items(self, items: Iterable[sa.schema.SchemaItem]) -> list[object]:
        known = list(items)
        keys = [item for item in known if isinstance(item, sa.PrimaryKeyConstraint)]
        in_key = {name for key in keys for name in _columns(key)}
        return [self.item(item, in_key) for item in known]

    def item(self, item: sa.schema.SchemaItem, in_key: Collection[str] = ()) -> object:
        """Return a column, constraint or index as a call."""
        match item:
            case sa.Column():
                return self._column(item, in_key=item.name in in_key)
            case sa.PrimaryKeyConstraint():
                return _Call("sa.PrimaryKeyConstraint", *_columns(item), **_named(item))
            case sa.UniqueConstraint():
                options = {name: self.value(v) for name, v in item.dialect_kwargs.items()}
                return _Call(
                    "sa.UniqueConstraint",
                    *_columns(item),
                    **_named(item),
                    **_given(deferrable=item.deferrable, initially=item.initially),
                    **options,
                )
            case sa.CheckConstraint():
                return _Call("sa.CheckConstraint", _sql(item.sqltext), **_named(item))
            case sa.ForeignKeyConstraint():
                targets = [element.target_fullname for element in item.elements]
                return _Call(
                    "sa.ForeignKeyConstraint",
                    list(item.column_keys),
                    targets,
                    **_named(item),
                    **_given(
                        ondelete=item.ondelete,
                        onupdate=item.onupdate,
                        deferrable=item.deferrable,
                        initially=item.initially,
                        match=item.match,
                    ),
                )
            case sa.Index():
                parts = [self.value(part) for part in item.expressions]
                options = {name: self.value(v) for name, v in item.dialect_kwargs.items()}
                return _Call(
                    "sa.Index",
                    str(item.name),
                    *parts,
                    **({"unique": True} if item.unique else {}),
                    **options,
                )
            case _:
                raise TypeError(f"a {type(item).__name__} cannot be written to a file")

    def _column(self, column: sa.Column[Any], *, in_key: bool) -> _Call:
        args: list[object] = [column.name, self.type(column.type)]
        given: dict[str, object] = {}
        default = column.server_default
        if isinstance(default, sa.Identity | sa.Computed):
            args.append(self.value(default))
        elif isinstance(default, sa.DefaultClause):
            given["server_default"] = self.value(default.arg)
        if column.autoincrement is True:
            given["autoincrement"] = True
        elif column.autoincrement is False and in_key and isinstance(column.type, sa.Integer):
            # Or SQLAlchemy would have the database count it.
            given["autoincrement"] = False
        given["nullable"] = column.nullable
        if column.comment is not None:
            given["comment"] = column.comment
        return _Call("sa.Column", *args, **given)

    def value(self, value: object) -> object:
        """Return an argument: a piece of SQL as `sa.text()`, what makes values as its call."""
        match value:
            case TextClause():
                return _Call("sa.text", _sql(value))
            case sa.DefaultClause():
                return self.value(value.arg)
            case sa.Computed():
                return _Call(
                    "sa.Computed", _sql(value.sqltext), **_given(persisted=value.persisted)
                )
            case sa.Identity():
                names = ("always", "start", "increment", "minvalue", "maxvalue", "cycle", "cache")
                found = {name: getattr(value, name) for name in names}
                return _Call("sa.Identity", **{n: v for n, v in found.items() if v})
            case _:
                return value

    def type(self, column_type: TypeEngine[Any]) -> object:
        """Return a type as Python, noting the import that it needs."""
        if isinstance(column_type, SqlType):
            self.imports.add("from andamios_orm.migration.operations import SqlType")
            return Code(f"SqlType({_literal(column_type.sql)})")
        kind = type(column_type)
        dialect = re.match(r"sqlalchemy\.dialects\.(\w+)", kind.__module__)
        prefix = "sa."
        if dialect is not None:
            self.imports.add(f"from sqlalchemy.dialects import {dialect[1]}")
            prefix = f"{dialect[1]}."
        if isinstance(column_type, sa.ARRAY):
            return _Call(
                f"{prefix}{kind.__name__}",
                self.type(column_type.item_type),
                **_given(dimensions=column_type.dimensions),
            )
        if isinstance(column_type, sa.JSON):
            # Its arguments are about Python, not about the column.
            return Code(f"{prefix}{kind.__name__}()")
        return Code(prefix + _double_quoted(repr(column_type)))


def _double_quoted(text: str) -> str:
    return text if '"' in text or "\\" in text else text.replace("'", '"')


def _sql(clause: object) -> str:
    """Return a piece of SQL as it was given to `text()`."""
    # The parameters that `text()` would find are escaped in what it was given.
    return as_text(cast("TextClause", clause).text)


def _values(values: Mapping[str, str]) -> dict[str, object]:
    """Return SQL by column; what is unfinished as `...` itself, which stands out in the file."""
    return {name: Code(sql) if sql == UNFINISHED else sql for name, sql in values.items()}


def _columns(constraint: sa.schema.ColumnCollectionConstraint) -> list[str]:
    pending = constraint._pending_colargs  # noqa: SLF001 - its columns are known only within a table
    return [str(getattr(column, "name", column)) for column in pending]


def _named(item: sa.Constraint) -> dict[str, object]:
    return {} if item.name is None else {"name": _name(item.name)}


def _name(name: object) -> object:
    """Return a name that no naming convention of a MetaData is applied to again."""
    return None if name is None else Code(f"op.f({_literal(str(name))})")


def _given(**values: object) -> Mapping[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
