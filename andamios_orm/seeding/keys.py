"""Find the fields that tell the rows of a model apart without the keys that a database counts."""

from __future__ import annotations

from andamios_orm.errors import SeedProblem
from andamios_orm.models.base import Model
from andamios_orm.queries.upserting import unique_keys
from andamios_orm.repositories.statements import statements_of

__all__ = ["natural_key"]


def natural_key(
    model: type[Model], names: tuple[str, ...] | None, where: str, dialect_name: str
) -> tuple[str, ...]:
    """Return the fields of a seed's key: those it names, or those of the only key there is.

    Raises SeedProblem where the table has no such key, or several and none is named.
    """
    statements = statements_of(model)
    spec = statements.spec
    fields = {f.column: f.name for f in spec.fields}
    usable = [
        tuple(fields[column] for column in key.columns)
        for key in unique_keys(statements.table, dialect_name)
        if key.exact and key.where is None and fields.keys() >= set(key.columns)
    ]
    if names is not None:
        if sorted(names) in map(sorted, usable):
            return names
        raise SeedProblem(
            f"{where}: the rows of {spec.name} are to be told apart by {' and '.join(names)},"
            " which several of them may share",
            f"declare {' and '.join(names)} unique in {spec.name}, or name another key",
        )
    counted = {f.name for f in spec.fields if f.counted}
    natural = sorted({key for key in usable if not counted.intersection(key)})
    if len(natural) == 1:
        return natural[0]
    shown = " or ".join(f"({', '.join(key)})" for key in natural)
    raise SeedProblem(
        f"{where}: nothing says by which fields the rows of {spec.name} are told apart"
        + (f"; it could be {shown}" if natural else ", and it has no unique key to do it by"),
        f'say it with `key=`, as in `@seed({spec.name}, key="...")` or'
        f' `fixture({spec.name}, "...", key="...")`'
        if natural
        else f"declare a field of {spec.name} unique=True and name it as `key=`",
    )
