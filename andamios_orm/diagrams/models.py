"""What models would be in a database, as the content of a diagram."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.compiler import DDLCompiler

from andamios_orm.diagrams.content import Column, Diagram, Entity, Relation
from andamios_orm.queries.upserting import unique_keys
from andamios_orm.schema.compiler import compile_all, spec_of, table_of
from andamios_orm.schema.registry import declarations
from andamios_orm.schema.spec import FieldSpec, ModelSpec

__all__ = ["checks_of_column", "default_of", "diagram_of_models", "type_of"]


def diagram_of_models(
    metadata: sa.MetaData, dialect: sa.Dialect, *, title: str = "schema"
) -> Diagram:
    """Return what the models of a MetaData are on one engine, in the order of their classes.

    Tables that SQLAlchemy alone knows come last. Raises DeclarationError for models that no table
    can be made of, NotSupported for what the engine cannot store.

    ```python
    from andamios_orm.diagrams import diagram_of_models, dialect_of, to_mermaid

    diagram = diagram_of_models(Hero.metadata, dialect_of("postgresql"))
    assert '"hero" }o--o| "team" : "team_id"' in to_mermaid(diagram)
    ```
    """
    compile_all(metadata)
    specs = {table_of(d.model): spec_of(d.model) for d in declarations(metadata)}
    tables = list(specs)
    tables += [table for table in metadata.tables.values() if table not in specs]
    reading = _Reading(dialect)
    return Diagram(
        title=title,
        engine=dialect.name,
        entities=tuple(reading.entity(table, specs.get(table)) for table in tables),
        relations=tuple(r for table in tables for r in reading.relations(table)),
    )


class _Reading:
    """Tables as one engine would have them."""

    def __init__(self, dialect: sa.Dialect) -> None:
        self._dialect = dialect
        self._ddl: DDLCompiler = dialect.ddl_compiler(dialect, None)  # type: ignore[arg-type]  # it compiles parts only

    def entity(self, table: sa.Table, spec: ModelSpec | None) -> Entity:
        fields = {} if spec is None else {field.column: field for field in spec.fields}
        alone = {
            key.columns[0].name
            for key in self._constraints(table, sa.UniqueConstraint)
            if len(key.columns) == 1
        }
        return Entity(
            name=table.fullname,
            model=None if spec is None else spec.name,
            columns=tuple(
                self._column(column, fields.get(column.name), unique=column.name in alone)
                for column in table.columns
            ),
            rules=tuple(self._rules(table)),
            comment=table.comment or _docstring(spec),
        )

    def _column(self, column: sa.Column[Any], field: FieldSpec | None, *, unique: bool) -> Column:
        return Column(
            name=column.name,
            type=type_of(column, self._dialect),
            nullable=bool(column.nullable),
            primary_key=column.primary_key,
            foreign_key=bool(column.foreign_keys),
            unique=unique,
            default=default_of(column, self._ddl),
            rules=tuple(checks_of_column(column, self._ddl)),
            comment=column.comment,
            field=field.name if field is not None and field.name != column.name else None,
        )

    def _rules(self, table: sa.Table) -> Iterator[str]:
        for key in self._constraints(table, sa.UniqueConstraint):
            if len(key.columns) > 1:
                yield f"UNIQUE ({', '.join(column.name for column in key.columns)})"
        for check in self._constraints(table, sa.CheckConstraint):
            if len(check.columns) != 1:
                yield _check(check, self._ddl)
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            parts = ", ".join(self._part(part) for part in index.expressions)
            yield f"{'UNIQUE ' if index.unique else ''}INDEX ({parts})"

    def _part(self, part: Any) -> str:
        if isinstance(part, sa.Column):
            return part.name
        return str(self._ddl.sql_compiler.process(part, include_table=False, literal_binds=True))

    def _constraints(self, table: sa.Table, kind: type[Any]) -> list[Any]:
        found = [constraint for constraint in table.constraints if isinstance(constraint, kind)]
        applying = [constraint for constraint in found if _applies(constraint, self._ddl)]
        return sorted(applying, key=lambda constraint: str(constraint.name))

    def relations(self, table: sa.Table) -> Iterator[Relation]:
        unique = _unique_keys(table, self._dialect.name)
        for key in sorted(table.foreign_key_constraints, key=lambda key: str(key.name)):
            columns = tuple(column.name for column in key.columns)
            yield Relation(
                child=table.fullname,
                columns=columns,
                parent=key.referred_table.fullname,
                parent_columns=tuple(element.column.name for element in key.elements),
                many=frozenset(columns) not in unique,
                optional=any(column.nullable for column in key.columns),
                on_delete=key.ondelete,
                enforced=_applies(key, self._ddl),
            )


def type_of(column: sa.Column[Any], dialect: sa.Dialect) -> str:
    """Return a column's type as one engine's SQL writes it."""
    compiler = dialect.type_compiler_instance
    return str(compiler.process(column.type, type_expression=column))


def default_of(column: sa.Column[Any], ddl: DDLCompiler) -> str | None:
    """Return what makes a column's value where none is given, as SQL writes it."""
    if column.computed is not None:
        return f"AS ({column.computed.sqltext})"
    if column.identity is not None:
        return "counted by the database"
    return ddl.get_column_default_string(column)


def checks_of_column(column: sa.Column[Any], ddl: DDLCompiler) -> Iterator[str]:
    """Yield the CHECKs of a column alone, those that one engine has."""
    found = [c for c in column.table.constraints if isinstance(c, sa.CheckConstraint)]
    for check in sorted(found, key=lambda check: str(check.name)):
        if list(check.columns) == [column] and _applies(check, ddl):
            yield _check(check, ddl)


def _check(check: sa.CheckConstraint, ddl: DDLCompiler) -> str:
    text = ddl.sql_compiler.process(check.sqltext, include_table=False, literal_binds=True)
    return f"CHECK ({text})"


def _applies(constraint: sa.Constraint, ddl: DDLCompiler) -> bool:
    """Whether the engine gets a constraint, by its `ddl_if`."""
    condition = constraint._ddl_if  # noqa: SLF001 - what ddl_if() was given has no public name
    if condition is None:
        return True
    should = condition._should_execute  # noqa: SLF001 - as above
    return should(constraint, constraint, None, compiler=ddl)  # type: ignore[arg-type]  # SQLAlchemy passes constraints too


def _unique_keys(table: sa.Table, dialect_name: str) -> set[frozenset[str]]:
    """Return the columns that no two rows share."""
    keys = unique_keys(table, dialect_name)
    return {frozenset(key.columns) for key in keys if key.plain and key.where is None}


def _docstring(spec: ModelSpec | None) -> str | None:
    text = None if spec is None else spec.model.__dict__.get("__doc__")
    return text.strip().splitlines()[0] if text and text.strip() else None
