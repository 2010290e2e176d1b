"""Store every trap in a database, read it back, and say what came of it."""

import inspect
import math
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError

from andamios_orm import Col, Database, Model, Repository, field, generated
from andamios_orm.errors import InvalidRow, NotStorable, NotSupported
from tests.fidelity.traps import TRAPS, Trap

__all__ = ["ENGINES", "outcome", "page", "prepared"]

ENGINES = {
    "duckdb": "DuckDB",
    "sqlite": "SQLite",
    "postgresql": "PostgreSQL",
    "mariadb": "MariaDB",
}


class Traps(Model, metadata=sa.MetaData()):
    pass


def holder(number: int, trap: Trap) -> type[Any]:
    """Return the table class with one column for the trap's value."""
    options: Any = trap.options
    made = field(**options)

    class Holder(Traps, table=f"trap_{number}"):
        id: Col[int] = generated()
        value: Col[trap.annotation] = made  # type: ignore[name-defined]  # made here

    return Holder


HOLDERS: Mapping[Trap, type[Any]] = {
    trap: holder(number, trap) for number, trap in enumerate(TRAPS)
}


async def prepared(db: Database) -> None:
    """Create the tables of all traps."""
    async with db.session() as session:
        await session.run_sync(Traps.metadata.create_all)


async def outcome(db: Database, trap: Trap) -> str:
    """Return what comes of storing the trap's value: `equal`, or `refused: ` and by what."""
    model = HOLDERS[trap]
    holders = Repository(model, db)
    try:
        given = model(value=trap.value)
    except ValidationError:
        return "refused by the model"
    try:
        added = await holders.add(given)
    except (NotStorable, InvalidRow) as error:
        assert not await holders.exists(), "refused, and stored all the same"
        return f"refused: {type(error).__name__}"
    found = await holders.get(added.id)
    for stored in (added.value, found.value):
        if not is_same(stored, given.value):
            return f"changed: {stored!r}"
    if not await is_found(holders, model.value, given.value):
        return "equal, but not found by it"
    return "equal"


def is_same(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float) and math.isnan(other):
        return math.isnan(one)
    return type(one) is type(other) and one == other


async def is_found(holders: Repository[Any], column: Any, value: object) -> bool:
    """Whether a condition finds the value, where the column's type has conditions at all."""
    try:
        condition = column == value
    except NotSupported:  # JSON
        return True
    return await holders.where(condition).count() == 1


# ---- the page ------------------------------------------------------------------------------------

INTRODUCTION = """\
# What comes back

Each value is stored through a repository, read back by its key, and looked for with `==`. `equal`
means: the same type and an equal value, both times, and found. `refused` means: an error before
any SQL, with nothing stored; `NotStorable` and its subclass `ValueOutOfRange` name the field, what
the column can hold, and the engine. There is no third outcome: {changed} of {cells} cells changed a
value.

Refused by the model are values that the field's own annotation does not take. A few rules hold on
every engine, so that data can move from one to another:

- The sign of zero is not kept: `-0.0` comes back as `0.0`, which equals it.
- The first and the last moment of the calendar are refused, because PostgreSQL's driver makes
  infinities of them.
- `fold` is not kept: an instant has no second reading.
- A `Decimal` comes back with the places of its column: `1E+3` as `1000.00`, which equals it.

[What engines do with difficult values](traps.md) has the same values without this library. This
page is written by `python -m tests.fidelity`, and the tests compare it with what each engine
does.
"""


def page(outcomes: Mapping[str, Mapping[Trap, str]]) -> str:
    """Return the report: one row a trap, one column an engine."""
    cells = [text for column in outcomes.values() for text in column.values()]
    changed = sum(not text.startswith(("equal", "refused")) for text in cells)
    lines = [INTRODUCTION.format(changed=changed, cells=len(cells))]
    lines.append("| Field | Value | " + " | ".join(ENGINES[name] for name in outcomes) + " |")
    lines.append("|---" * (2 + len(outcomes)) + "|")
    for trap in TRAPS:
        row = [f"`{trap.kind}`", trap.says, *(column[trap] for column in outcomes.values())]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
    return inspect.cleandoc(lines[0]) + "\n\n" + "\n".join(lines[1:]) + "\n"
