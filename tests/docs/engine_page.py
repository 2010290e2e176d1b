"""Write the page of what each engine can do: `python -m tests.docs.engine_page`."""

import ast
import inspect
from pathlib import Path

from andamios_orm.backends import base
from andamios_orm.backends.base import Capabilities
from andamios_orm.database.url import backend_named

__all__ = ["PAGE", "page"]

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "engines.md"

NAMES = {
    "duckdb": "DuckDB",
    "sqlite": "SQLite",
    "postgresql": "PostgreSQL",
    "mariadb": "MariaDB",
    "mysql": "MySQL",
}

INTRODUCTION = """\
# What each engine can do

An operation that an engine lacks raises `NotSupported` before any SQL, with what to do instead;
nothing is emulated in silence. `db.capabilities` holds this table for a program to ask.

"""

NOTES = """
## In words

**DuckDB** lives in one process: whoever has the file open to write keeps every other program out,
and the error names the process that has it. Writers of one program take turns (`Database(...,
writers="serial")`, the default), because DuckDB itself lets two transactions undo each other's
work: a row that one deletes and another changes is gone, with success told to both, and a child
can be stored whose parent is deleted at the same time. With `writers="concurrent"` these
anomalies are yours, and so are `TransactionConflict` errors; connections of a SQLAlchemy engine
of your own do not take turns either. A failed statement ends the transaction. Foreign keys are
checked, but a row and those that refer to it cannot go in one transaction, ON DELETE actions do
not exist (the deletion is refused), and unique or indexed columns of a row that others refer to
cannot be changed. The names of constraints are forgotten: errors name the fields where these can
be told from the key that DuckDB shows.

**SQLite** has one writer at a time across all programs; a session that may write takes the lock
with its first statement and waits for others, half a minute at most. Decimals of more than 15
digits are kept as text, exact but without order.

**PostgreSQL** does all of it. Its default isolation level, READ COMMITTED, loses updates of
programs that read, compute and write: lock what is read (`with_for_update()`), ask for
`isolation="serializable"` with `db.run(...)`, or let the database compute.

**MariaDB and MySQL** give back no updated rows, so an update is followed by a read in the same
transaction; MySQL gives back no inserted ones either. Creating tables commits at once: when one
of them fails, those created before it are dropped again. Sessions are READ COMMITTED unless they
ask for more, whatever the server is told, which loses updates as on PostgreSQL. MySQL itself has
not been measured: the tests speak to a MariaDB as one speaks to a MySQL.

This page is written by `python -m tests.docs.engine_page`, and the tests compare it with the
code.
"""


def descriptions() -> dict[str, str]:
    """Return what the docstring under each field of Capabilities says."""
    body = ast.parse(inspect.getsource(base)).body
    [cls] = [
        node for node in body if isinstance(node, ast.ClassDef) and node.name == "Capabilities"
    ]
    found: dict[str, str] = {}
    for field, says in zip(cls.body, cls.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(says, ast.Expr):
            name, text = field.target, says.value
            assert isinstance(name, ast.Name)
            assert isinstance(text, ast.Constant)
            found[name.id] = str(text.value)
    return found


def shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(value)
    if value is None:
        return "no limit"
    return f"{value:,}"


def page() -> str:
    """Return the page."""
    backends = {name: backend for name in NAMES if (backend := backend_named(name)) is not None}
    lines = ["| | " + " | ".join(NAMES[name] for name in backends) + " |"]
    lines.append("|---" * (1 + len(backends)) + "|")
    for field, says in descriptions().items():
        capabilities: list[Capabilities] = [b.capabilities for b in backends.values()]
        cells = " | ".join(shown(getattr(c, field)) for c in capabilities)
        lines.append(f"| `{field}`: {says.rstrip('.')} | {cells} |")
    return INTRODUCTION + "\n".join(lines) + "\n" + NOTES


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
