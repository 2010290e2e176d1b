"""What SQLAlchemy's generic types and a driver make of the same values, without this library."""

import inspect
from collections.abc import Mapping
from datetime import date, time, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.ext.asyncio import create_async_engine

from tests.fidelity.report import ENGINES, is_same
from tests.fidelity.traps import TRAPS, Trap

__all__ = ["alone", "page"]

registry.register("duckdb.engine", "duckdb_engine", "Dialect")

DRIVERS = {
    "duckdb": "duckdb+engine",
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "mariadb": "mariadb+asyncmy",
}

TYPES: Mapping[str, sa.types.TypeEngine[Any]] = {
    "float": sa.Float(),
    "float with allow_inf_nan": sa.Double(),
    "Decimal": sa.Numeric(),
    "Decimal(10, 2)": sa.Numeric(10, 2),
    "Decimal(38, 18)": sa.Numeric(38, 18),
    "int": sa.Integer(),
    "bool": sa.Boolean(),
    "str": sa.Text(),
    "str(5)": sa.String(5),
    "bytes": sa.LargeBinary(),
    "bytes(3)": sa.LargeBinary(3),
    "date": sa.Date(),
    "time": sa.Time(),
    "datetime": sa.DateTime(timezone=True),
    "NaiveDatetime": sa.DateTime(),
    "timedelta": sa.Interval(),
    "UUID": sa.Uuid(),
    "JSON": sa.JSON(),
}
"""What `Mapped[...]` makes of each kind, and the type that says more where the kind does."""


async def alone(url: str) -> dict[Trap, str]:
    """Return what comes of each value in a database whose URL this library would take."""
    name, rest = url.split(":", 1)
    driver_url = f"{DRIVERS[name]}:{rest}"
    found = {}
    if name == "duckdb":
        engine = sa.create_engine(driver_url)
        for trap in TRAPS:
            with engine.connect() as connection:
                found[trap] = outcome(connection, trap)
        engine.dispose()
        return found
    asynchronous = create_async_engine(driver_url)
    for trap in TRAPS:
        async with asynchronous.connect() as connection:
            found[trap] = await connection.run_sync(outcome, trap)
    await asynchronous.dispose()
    return found


def outcome(connection: sa.Connection, trap: Trap) -> str:
    """Return `equal`, what came back instead, or the error's class."""
    value = sa.Column("value", TYPES[trap.kind])
    table = sa.Table(f"alone_{TRAPS.index(trap)}", sa.MetaData(), value)
    table.drop(connection, checkfirst=True)
    table.create(connection)
    try:
        connection.execute(table.insert(), {"value": trap.value})
        found = connection.execute(sa.select(value)).scalar_one()
    except Exception as error:
        connection.rollback()
        return f"error: {type(error).__name__}"
    connection.rollback()
    return "equal" if is_same(found, trap.value) else f"**{told(found, trap.value)}**"


def told(found: object, given: object) -> str:
    """Return a value that is not the one that was given, in a few characters."""
    if type(found) is not type(given) and found == given:
        return f"`{type(found).__module__.partition('.')[0]}.{type(found).__name__}`, equal"
    text = str(found) if isinstance(found, date | time | timedelta | str) else repr(found)
    return f"`{text}`"


# ---- the page ------------------------------------------------------------------------------------

INTRODUCTION = """\
# What engines do with difficult values

Each value is stored through SQLAlchemy with the type that it gives a column of that kind, and the
driver that it names first, without this library; on DuckDB through duckdb-engine. `equal` is the
same type and an equal value. **Bold** is what came back instead, in silence: {changed} of {cells}
cells. The last column is what this library does on each of the four: nothing comes back changed,
and [What comes back](fidelity.md) has the details.

The engines differ in what they find as well:

|  | SQLite | DuckDB | PostgreSQL | MariaDB | andamios_orm |
|---|---|---|---|---|---|
| unique: `Ann` and `ann`, `é` and `e` | two | two | two | one, with its usual collation | two |
| unique: `a` and `a` with a space behind it | two | two | two | one | two |
| `LIKE 'abc'` finds `Abc` | yes | no | no | yes | no; `ilike` does |
| `LIKE 'a%'` finds `a😀` by an index | yes | yes | yes | not with each collation | yes |
| rows without a value, sorted upwards | first | last | last | first | last, and `.nulls_first()` |
| order of text | code points | code points | the server's locale | the collation | code points |
| `'abc'` in a column of numbers | stored | error | error | error | error, tables are STRICT |
| a foreign key to nothing | stored | error | error | error | error |
| `SUM` of whole numbers | `int` | `int` | `int` | `Decimal` | `int` |

This page is written by `python -m tests.fidelity`.
"""


def page(
    alones: Mapping[str, Mapping[Trap, str]], answers: Mapping[str, Mapping[Trap, str]]
) -> str:
    """Return the page: one row a trap, one column an engine, and what the library does."""
    cells = [text for column in alones.values() for text in column.values()]
    changed = sum(text.startswith("**") for text in cells)
    head = "| Field | Value | " + " | ".join(ENGINES[name] for name in alones)
    lines = [f"{head} | andamios_orm |", "|---" * (3 + len(alones)) + "|"]
    for trap in TRAPS:
        own = dict.fromkeys(answers[name][trap].partition(":")[0] for name in ENGINES)
        row = [f"`{trap.kind}`", trap.says, *(column[trap] for column in alones.values())]
        row.append(" or ".join(own))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
    introduction = INTRODUCTION.format(changed=changed, cells=len(cells))
    return inspect.cleandoc(introduction) + "\n\n" + "\n".join(lines) + "\n"
