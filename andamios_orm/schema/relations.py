"""Find the foreign keys that a model's relations follow.

A relation is resolved at its first use, because it may name a class that is declared later.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import ForwardRef, Union, cast, get_args, get_origin

import sqlalchemy as sa
from pydantic import BaseModel

from andamios_orm.errors import RelationProblem
from andamios_orm.schema.compiler import compile_all, spec_of, table_of
from andamios_orm.schema.registry import Declaration, declaration_of, declarations
from andamios_orm.schema.spec import (
    FieldSpec,
    Pairs,
    RelatedTo,
    RelationDeclaration,
    RelationSpec,
)

__all__ = ["relation_names", "relation_of"]


def relation_names(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the names of a table class's relations, in the order of their declaration."""
    return tuple(declaration_of(model).relations)


def relation_of(model: type[BaseModel], name: str) -> RelationSpec:
    """Return one relation of a table class, resolved. Raises RelationProblem."""
    declaration = declaration_of(model)
    found = declaration.resolved.get(name)
    if found is None:
        found = _resolved(declaration, name, declaration.relations[name])
        declaration.resolved[name] = found
    return found


def _resolved(declaration: Declaration, name: str, declared: RelationDeclaration) -> RelationSpec:
    model, options = declaration.model, declared.options
    where = f"{model.__name__}.{name}"
    names = _Names(declaration, declared)
    target, many, nullable = _annotation(where, declared.annotation, names)
    compile_all(declaration.metadata)
    table_of(target)
    fk = _field_names(where, options.fk)
    if options.through is not None:
        if not many:
            raise RelationProblem(
                f"{where}: through= on a relation to one row",
                "annotate it `RelatedList[...]`: a link table relates many rows to many",
            )
        link = _class(where, options.through, names)
        pairs, onward = _through(where, model, link, target, fk)
        return RelationSpec(
            name=name,
            owner=model,
            target=target,
            many=True,
            nullable=True,
            forward=False,
            pairs=pairs,
            link=link,
            onward=onward,
            order_by=options.order_by,
        )
    if not many and options.order_by is not None:
        raise RelationProblem(
            f"{where}: order_by= on a relation to one row", "leave it out: it is for lists"
        )
    forward = not many and bool(_keys(model, target, fk))
    if many:
        pairs = _backward(where, model, target, fk)
    else:
        find = _forward if forward else _reverse
        pairs = find(where, model, target, fk)
        required = forward and not any(field.nullable for field, _ in pairs)
        if not required and not nullable:
            raise RelationProblem(
                f"{where}: a row may have no {target.__name__}, but the annotation says it has",
                f"annotate it `Related[{target.__name__} | None]`",
            )
    return RelationSpec(
        name=name,
        owner=model,
        target=target,
        many=many,
        nullable=many or nullable,
        may_be_hidden=forward and not nullable and _may_be_hidden(model, target, pairs),
        forward=forward,
        pairs=pairs,
        order_by=options.order_by,
    )


# ---- the annotation ----------------------------------------------------------------------------


class _Names(dict[str, object]):
    """The names that an annotation may use; a declared class is found wherever it was declared."""

    def __init__(self, declaration: Declaration, declared: RelationDeclaration) -> None:
        module = sys.modules.get(declared.module)
        super().__init__(vars(module) if module else {})
        self.update(declared.local_names() or {})
        self._declaration = declaration

    def __missing__(self, name: str) -> object:
        known = [d.model for d in declarations(self._declaration.metadata)]
        found = [model for model in known if model.__name__ == name]
        if len(found) != 1:
            raise KeyError(name)
        return found[0]


def _evaluated(where: str, text: str, names: _Names) -> object:
    try:
        # The text of an annotation in the user's own class statement, as typing evaluates it.
        return eval(text, {"__builtins__": {"None": None}}, names)  # noqa: S307 - see above
    except Exception:
        raise RelationProblem(
            f"{where}: the annotation `{text}` names no declared class",
            "declare or import the class before the relation's first use; of several classes"
            " with one name, import the one that is meant",
        ) from None


def _annotation(
    where: str, annotation: object, names: _Names
) -> tuple[type[BaseModel], bool, bool]:
    """Return the target, whether there may be many, and whether there may be none."""
    if isinstance(annotation, str):
        annotation = _evaluated(where, annotation, names)
    if not isinstance(annotation, RelatedTo):
        raise RelationProblem(
            f"{where}: relation() on a field that is annotated as something else",
            "annotate it `Related[Team]`, `Related[Team | None]` or `RelatedList[Hero]`",
        )
    item = annotation.item
    if isinstance(item, ForwardRef):
        item = item.__forward_arg__
    if isinstance(item, str):
        item = _evaluated(where, item, names)
    nullable = False
    if get_origin(item) in (Union, UnionType):
        parts = [part for part in get_args(item) if part is not NoneType]
        nullable = len(parts) < len(get_args(item))
        item = parts[0] if len(parts) == 1 else item
    if nullable and annotation.many:
        raise RelationProblem(
            f"{where}: a list of related rows is empty where there are none",
            "leave `| None` out",
        )
    return _class(where, item, names), annotation.many, nullable


def _class(where: str, item: object, names: _Names) -> type[BaseModel]:
    if isinstance(item, ForwardRef):
        item = item.__forward_arg__
    if isinstance(item, str):
        item = _evaluated(where, item, names)
    known = {d.model for d in declarations()}
    if not isinstance(item, type) or item not in known:
        raise RelationProblem(
            f"{where}: {getattr(item, '__name__', 'that')} is no table",
            "relate it to a class that is declared with table=True",
        )
    return item


def _field_names(where: str, fk: object) -> tuple[str, ...] | None:
    """Return the names of the fields that `fk=` names, None where it was left out."""
    if fk is None:
        return None
    given = fk if isinstance(fk, tuple | list) else (fk,)
    found: list[str] = []
    for part in cast("tuple[object, ...]", given):
        name = part.rpartition(".")[2] if isinstance(part, str) else getattr(part, "name", None)
        if not isinstance(name, str):
            raise RelationProblem(
                f"{where}: fk= is a {type(part).__name__}",
                'name the foreign key\'s field: `fk="team_id"`, or several as a tuple',
            )
        found.append(name)
    return tuple(found)


# ---- foreign keys ------------------------------------------------------------------------------


def _through(
    where: str,
    model: type[BaseModel],
    link: type[BaseModel],
    target: type[BaseModel],
    fk: tuple[str, ...] | None,
) -> tuple[Pairs, Pairs]:
    """Return the link's foreign key to `model`, seen from there, and the one to `target`.

    `fk` names the fields of the first one, and may go on with those of the other.
    """
    here, onward = fk, None
    for key in _keys(link, model, None):
        if fk is not None and sorted(fk[: len(key)]) == sorted(field.name for field, _ in key):
            here, onward = fk[: len(key)], fk[len(key) :] or None
    pairs = _backward(where, model, link, here)
    names = tuple(field.name for _, field in pairs)
    found = [key for key in _keys(link, target, onward) if _field_set(key) != set(names)]
    return pairs, _only(where, link, target, found, onward, before=names)


def _field_set(pairs: Pairs) -> set[str]:
    return {field.name for field, _ in pairs}


def _forward(
    where: str, model: type[BaseModel], target: type[BaseModel], fk: tuple[str, ...] | None
) -> Pairs:
    """Return the foreign key of `model` to `target`: its own fields first."""
    return _only(where, model, target, _keys(model, target, fk), fk)


def _backward(
    where: str, model: type[BaseModel], other: type[BaseModel], fk: tuple[str, ...] | None
) -> Pairs:
    """Return the foreign key of `other` to `model`: the fields of `model` first."""
    found = _only(where, other, model, _keys(other, model, fk), fk)
    return tuple((own, theirs) for theirs, own in found)


def _reverse(
    where: str, model: type[BaseModel], other: type[BaseModel], fk: tuple[str, ...] | None
) -> Pairs:
    """Return the foreign key of `other` to `model`, of which no two rows may have the same."""
    pairs = _backward(where, model, other, fk)
    columns = {theirs.column for _, theirs in pairs}
    if not any(columns >= unique for unique in _unique(table_of(other))):
        names = ", ".join(theirs.name for _, theirs in pairs)
        raise RelationProblem(
            f"{where}: several {other.__name__} may belong to one {model.__name__}, as"
            f" {other.__name__}.{names} is not unique",
            f"annotate it `RelatedList[{other.__name__}]`, or make the foreign key unique=True",
        )
    return pairs


def _unique(table: sa.Table) -> Iterator[set[str]]:
    for constraint in table.constraints:
        if isinstance(constraint, sa.UniqueConstraint | sa.PrimaryKeyConstraint):
            yield {column.name for column in constraint.columns}


def _keys(
    model: type[BaseModel], target: type[BaseModel], fk: tuple[str, ...] | None
) -> list[Pairs]:
    """Return the foreign keys of `model` to `target`, those with the named fields if any are."""
    return [
        pairs
        for _, pairs in _constraints(model, target)
        if fk is None or sorted(fk) == sorted(field.name for field, _ in pairs)
    ]


def _constraints(
    model: type[BaseModel], target: type[BaseModel]
) -> Iterator[tuple[sa.ForeignKeyConstraint, Pairs]]:
    own, theirs = _by_column(model), _by_column(target)
    table = table_of(target)
    for constraint in table_of(model).foreign_key_constraints:
        if constraint.referred_table is table:
            yield (
                constraint,
                tuple((own[k.parent.name], theirs[k.column.name]) for k in constraint.elements),
            )


def _may_be_hidden(model: type[BaseModel], target: type[BaseModel], pairs: Pairs) -> bool:
    """Whether a row that a key refers to may be out of sight.

    It may be another tenant's, unless the key says whose it is; and where an engine does without
    the key (`ddl_if`), it may be missing.
    """
    own, theirs = (spec_of(one).roles.get("tenant") for one in (model, target))
    same_tenant = theirs is None or any(a is own and b is theirs for a, b in pairs)
    return not same_tenant or any(
        getattr(constraint, "_ddl_if", None) is not None
        for constraint, found in _constraints(model, target)
        if _field_set(found) == _field_set(pairs)
    )


def _by_column(model: type[BaseModel]) -> Mapping[str, FieldSpec]:
    return {field.column: field for field in spec_of(model).fields}


def _only(
    where: str,
    model: type[BaseModel],
    target: type[BaseModel],
    found: list[Pairs],
    fk: tuple[str, ...] | None,
    *,
    before: tuple[str, ...] = (),
) -> Pairs:
    """Return the only key that was found. Raises RelationProblem, which names the candidates.

    `before` are the fields that `fk=` has to name before those of this key.
    """
    if len(found) == 1:
        return found[0]
    others = [key for key in _keys(model, target, None) if _field_set(key) != set(before)]
    candidates = found or others
    shown = " or ".join(sorted(_shown(before, pairs) for pairs in candidates))
    if not candidates:
        beside = f" beside {', '.join(before)}" if before else ""
        raise RelationProblem(
            f"{where}: {model.__name__} has no foreign key to {target.__name__}{beside}",
            f"add one with field(foreign_key=...) to {model.__name__}; for many to many name the"
            " link's class with relation(through=...)",
        )
    if fk is not None:
        raise RelationProblem(
            f"{where}: no foreign key of {model.__name__} to {target.__name__} has the fields"
            f" {', '.join(fk)}",
            f"choose fk={shown}",
        )
    raise RelationProblem(
        f"{where}: {model.__name__} has several foreign keys to {target.__name__}",
        f"say which one with relation(fk=...): {shown}",
    )


def _shown(before: tuple[str, ...], pairs: Pairs) -> str:
    names = [f'"{name}"' for name in (*before, *(field.name for field, _ in pairs))]
    return names[0] if len(names) == 1 else f"({', '.join(names)})"
