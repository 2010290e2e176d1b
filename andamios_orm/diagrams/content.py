"""What a diagram shows, as plain values: entities, their columns, and what refers to what."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from andamios_orm.errors import UsageError

__all__ = ["Column", "Diagram", "Entity", "Relation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of an entity."""

    name: str
    type: str
    """As SQL writes it."""
    nullable: bool = False
    primary_key: bool = False
    foreign_key: bool = False
    unique: bool = False
    default: str | None = None
    rules: tuple[str, ...] = ()
    """Its CHECKs, as SQL writes them, and what else it has to keep to."""
    comment: str | None = None
    field: str | None = None
    """The name of the model's field, where that is another one."""

    @property
    def short_type(self) -> str:
        """The type without what is the same for every column of its kind."""
        plain = self.type.split(" CHARACTER SET ")[0]
        return plain.replace(" WITH TIME ZONE", "TZ").replace(" WITHOUT TIME ZONE", "")

    @property
    def marks(self) -> tuple[str, ...]:
        """`PK`, `FK` and `UK`, as far as they apply; a key that is unique anyway says so once."""
        found = (
            ("PK", self.primary_key),
            ("FK", self.foreign_key),
            ("UK", self.unique and not self.primary_key),
        )
        return tuple(mark for mark, applies in found if applies)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One table."""

    name: str
    """With its schema, where that is not the default one."""
    columns: tuple[Column, ...]
    model: str | None = None
    """The name of the class, None for a table that was read from a database."""
    rules: tuple[str, ...] = ()
    """Constraints and indexes over several columns, as SQL writes them."""
    comment: str | None = None

    def place(self, column: str) -> int:
        """Return which of the columns has that name, counted from 0."""
        return next(i for i, found in enumerate(self.columns) if found.name == column)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A foreign key: rows of the child refer to rows of the parent."""

    child: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    many: bool = True
    """Whether several rows of the child may refer to the same one."""
    optional: bool = False
    """Whether a row of the child may refer to none."""
    on_delete: str | None = None
    enforced: bool = True
    """False where an engine does without the constraint, by its `ddl_if`."""

    def __str__(self) -> str:
        here, there = ", ".join(self.columns), ", ".join(self.parent_columns)
        action = f" ON DELETE {self.on_delete}" if self.on_delete else ""
        return f"{self.child}({here}) -> {self.parent}({there}){action}"


@dataclass(frozen=True, kw_only=True)
class Diagram:
    """All that one picture shows."""

    title: str = "schema"
    engine: str | None = None
    """Whose types the columns have."""
    entities: tuple[Entity, ...] = ()
    relations: tuple[Relation, ...] = ()

    def entity(self, name: str) -> Entity:
        """Return the entity of a table's or class's name. Raises UsageError."""
        for entity in self.entities:
            if name in (entity.name, entity.model):
                return entity
        known = ", ".join(entity.model or entity.name for entity in self.entities) or "none"
        raise UsageError(f"there is no table or model `{name}`", f"name one of: {known}")

    def around(self, names: Iterable[str], *, neighbours: bool = True) -> Diagram:
        """Return the diagram of some tables, and of those that they are directly related to.

        Raises UsageError for a name that is none of them.
        """
        kept = {self.entity(name).name for name in names}
        if neighbours:
            kept |= self._neighbours(kept)
        return replace(
            self,
            entities=tuple(entity for entity in self.entities if entity.name in kept),
            relations=tuple(r for r in self.relations if {r.child, r.parent} <= kept),
        )

    def _neighbours(self, names: Collection[str]) -> set[str]:
        ends = ({relation.child, relation.parent} for relation in self.relations)
        return {name for pair in ends if pair & set(names) for name in pair}
