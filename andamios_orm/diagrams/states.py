"""What is in a live database, as the content of a diagram."""

from __future__ import annotations

from typing import TYPE_CHECKING

from andamios_orm.diagrams.content import Column, Diagram, Entity, Relation

if TYPE_CHECKING:
    from andamios_orm.migration.state import ColumnState, SchemaState, TableState

__all__ = ["diagram_of_state"]


def diagram_of_state(state: SchemaState, *, title: str = "schema") -> Diagram:
    """Return what the catalog of a database says, in the order of the tables' names."""
    tables = [state.tables[name] for name in sorted(state.tables, key=str)]
    return Diagram(
        title=title,
        engine=state.engine,
        entities=tuple(_entity(table) for table in tables),
        relations=tuple(relation for table in tables for relation in _relations(table)),
    )


def _entity(table: TableState) -> Entity:
    rules = [f"UNIQUE ({', '.join(key.columns)})" for key in table.uniques if len(key.columns) > 1]
    rules += [f"{check.kind} {_in_brackets(check.sql)}" for check in table.checks]
    rules += [
        f"{'UNIQUE ' if index.unique else ''}INDEX ({', '.join(index.parts)})"
        + (f" WHERE {index.where}" if index.where else "")
        for index in table.indexes
    ]
    return Entity(
        name=str(table.name),
        columns=tuple(_column(table, column) for column in table.columns),
        rules=tuple(rules),
        comment=table.comment,
    )


def _in_brackets(sql: str) -> str:
    return sql if sql.startswith("(") else f"({sql})"


def _column(table: TableState, column: ColumnState) -> Column:
    key = table.primary_key.columns if table.primary_key is not None else ()
    default = column.default
    if column.computed is not None:
        default = f"AS ({column.computed})"
    elif column.identity is not None:
        default = "counted by the database"
    return Column(
        name=column.name,
        type=column.type,
        nullable=column.nullable,
        primary_key=column.name in key,
        foreign_key=any(column.name in found.columns for found in table.foreign_keys),
        unique=any(found.columns == (column.name,) for found in table.uniques),
        default=default,
        comment=column.comment,
    )


def _relations(table: TableState) -> list[Relation]:
    keys = [set(key.columns) for key in table.uniques]
    if table.primary_key is not None:
        keys.append(set(table.primary_key.columns))
    return [
        Relation(
            child=str(table.name),
            columns=key.columns,
            parent=str(key.target),
            parent_columns=key.target_columns,
            many=set(key.columns) not in keys,
            optional=any(table.column(name).nullable for name in key.columns),
            on_delete=key.on_delete,
        )
        for key in table.foreign_keys
    ]
