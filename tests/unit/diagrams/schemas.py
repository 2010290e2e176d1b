"""Schemas to draw: hand-made ones, and large ones that are the same in every run."""

import random

from andamios_orm.diagrams import Column, Diagram, Entity, Relation

KEY = Column(name="id", type="BIGINT", primary_key=True)


def entity(name: str, *columns: Column, comment: str | None = None) -> Entity:
    return Entity(name=name, columns=(KEY, *columns), comment=comment)


def reference(name: str, *, optional: bool = False) -> Column:
    return Column(name=name, type="BIGINT", foreign_key=True, nullable=optional)


def relation(child: str, column: str, parent: str, *, optional: bool = False) -> Relation:
    return Relation(
        child=child,
        columns=(column,),
        parent=parent,
        parent_columns=("id",),
        optional=optional,
    )


def schema(**references: list[str]) -> Diagram:
    """`schema(hero=["team"])`: a table for each name, with a column for each that it refers to."""
    return Diagram(
        entities=tuple(
            entity(name, *(reference(f"{target}_{i}") for i, target in enumerate(targets)))
            for name, targets in references.items()
        ),
        relations=tuple(
            relation(name, f"{target}_{i}", target)
            for name, targets in references.items()
            for i, target in enumerate(targets)
        ),
    )


def generated(count: int, seed: int) -> Diagram:
    """A schema as large as one likes: most tables refer to some, some to themselves or onward."""
    chance = random.Random(seed)  # noqa: S311 - the same schema in every run
    names = [f"table_{number}" for number in range(count)]
    references = {
        name: chance.sample(names[: place + 2], min(place + 1, chance.choice([0, 1, 1, 2, 3])))
        for place, name in enumerate(names)
    }
    return schema(**references)
