"""How tables, fields and differences look at a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from andamios_orm.diagrams import Column, Diagram, Entity, Relation

if TYPE_CHECKING:
    from andamios_orm.diagrams.fields import StoredField
    from andamios_orm.migration import Comparison
    from andamios_orm.migration.changes import Change

__all__ = ["changes_of", "difference", "overview", "stored", "table_in_full"]


def overview(diagram: Diagram) -> Table:
    """Return a line for each table."""
    found = _table("table", "model", "columns", "refers to", "")
    for entity in diagram.entities:
        targets = dict.fromkeys(r.parent for r in diagram.relations if r.child == entity.name)
        found.add_row(
            Text(entity.name, style="bold"),
            Text(entity.model or ""),
            Text(str(len(entity.columns))),
            Text(", ".join(targets)),
            Text(entity.comment or "", style="dim"),
        )
    return found


def table_in_full(entity: Entity, diagram: Diagram) -> Group:
    """Return a table with its columns, constraints and relations."""
    title = Text.assemble((entity.name, "bold"))
    if entity.model:
        title.append(f"  model {entity.model}", style="dim")
    parts: list[Text | Table | Tree] = [title]
    if entity.comment:
        parts.append(Text(entity.comment, style="dim"))
    columns = _table("column", "type", "", "rules")
    for column in entity.columns:
        columns.add_row(
            Text(column.name, style="bold" if column.primary_key else ""),
            Text(column.type, style="cyan"),
            _marks(column),
            Text("\n".join(_rules(column))),
        )
    parts.append(columns)
    tree = Tree(Text("relations", style="dim"), guide_style="dim")
    for relation in diagram.relations:
        if entity.name in (relation.child, relation.parent):
            tree.add(_relation(relation, entity.name))
    parts.extend(Text(f"  {rule}") for rule in entity.rules)
    if tree.children:
        parts.append(tree)
    return Group(*parts, Text(""))


def _rules(column: Column) -> Iterator[str]:
    if not column.nullable:
        yield "NOT NULL"
    if column.default:
        yield f"DEFAULT {column.default}"
    yield from column.rules
    if column.field:
        yield f"field {column.field}"
    if column.comment:
        yield f"-- {column.comment}"


_COLORS = {"PK": "yellow", "FK": "blue", "UK": "green"}


def _marks(column: Column) -> Text:
    return Text(" ").join(Text(mark, style=_COLORS[mark]) for mark in column.marks)


def _relation(relation: Relation, name: str) -> Text:
    arrow = "→" if relation.child == name else "←"
    some = "many" if relation.many else "one"
    other = relation.parent if relation.child == name else relation.child
    told = Text.assemble(f"{arrow} ", (other, "bold"), f"  {relation}", style="")
    told.append(f"  {some} to {'none or one' if relation.optional else 'one'}", style="dim")
    if not relation.enforced:
        told.append(", without a constraint", style="yellow")
    return told


def stored(name: str, found: Sequence[StoredField]) -> Tree:
    """Return how a field is stored, a branch for each engine."""
    tree = Tree(Text(name, style="bold"), guide_style="dim")
    for one in found:
        if one.problem is not None:
            branch = tree.add(Text.assemble((one.engine, "bold"), "  ", ("not possible", "red")))
            branch.add(Text(one.problem))
            continue
        null = "" if one.nullable else " NOT NULL"
        branch = tree.add(Text.assemble((one.engine, "bold"), "  ", (one.type + null, "cyan")))
        branch.add(Text(one.why))
        if one.default:
            branch.add(Text(f"DEFAULT {one.default}"))
        for rule in one.rules:
            branch.add(Text(rule, style="green"))
    return tree


def difference(comparison: Comparison) -> Tree:
    """Return what a database would have to change to have what the models say."""
    from andamios_orm.migration.changes import AddTable  # noqa: PLC0415 - brings alembic

    tree = Tree(Text("What the database would have to change", style="bold"), guide_style="dim")
    for table, changes in changes_of(comparison).items():
        branch = tree.add(Text(table, style=_whole(changes) or "bold"))
        for change in changes:
            branch.add(Text(f"{_sign(change)} {change}", style=_color(change)))
            if isinstance(change, AddTable):
                for column in change.state.columns:
                    null = "" if column.nullable else " NOT NULL"
                    branch.add(Text(f"    {column.name} {column.type}{null}", style="green"))
    for question in comparison.questions:
        told = f"? {question.old} may have become {question.new}: --rename {question}"
        tree.add(Text(f"{told}, or --drop {question.old}", style="yellow"))
    return tree


def changes_of(comparison: Comparison) -> dict[str, list[Change]]:
    """Return the changes by the name of their table, or of what else they are about."""
    found: dict[str, list[Change]] = {}
    for change in comparison.changes:
        found.setdefault(_place(change), []).append(change)
    return found


def _place(change: Change) -> str:
    table = getattr(change, "table", None)
    if table is None:
        state = getattr(change, "state", None) or getattr(change, "after", None)
        table = getattr(state, "name", "")
    return str(table)


def _sign(change: Change) -> str:
    return {"green": "+", "red": "-"}.get(_color(change), "~")


def _color(change: Change) -> str:
    name = type(change).__name__
    if name.startswith("Add"):
        return "green"
    return "red" if name.startswith("Drop") else "yellow"


def _whole(changes: Sequence[Change]) -> str | None:
    """Return the color of a table that is new or gone as a whole."""
    kinds = {type(change).__name__ for change in changes}
    if "AddTable" in kinds:
        return "bold green"
    return "bold red" if "DropTable" in kinds else None


def _table(*columns: str) -> Table:
    found = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        found.add_column(column, overflow="fold")
    return found
