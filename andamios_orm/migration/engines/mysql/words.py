"""How MariaDB and MySQL write the same thing in their catalogs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa

from andamios_orm.migration.sql_names import quoted
from andamios_orm.migration.state import ColumnState

__all__ = [
    "CHECKS",
    "MARIADB_CHECKS",
    "Column",
    "Words",
    "chosen_collations",
    "column_state",
    "index_part",
    "with_plain_quotes",
    "words_of",
]

MARIADB_CHECKS = """
SELECT table_name, constraint_name, check_clause
FROM information_schema.check_constraints WHERE constraint_schema = :place {only}
ORDER BY table_name, constraint_name"""
# One that is not enforced is as if it were not there.
CHECKS = """
SELECT t.table_name, c.constraint_name, c.check_clause
FROM information_schema.check_constraints c
JOIN information_schema.table_constraints t
    ON t.constraint_schema = c.constraint_schema AND t.constraint_name = c.constraint_name
    AND t.constraint_type = 'CHECK'
WHERE c.constraint_schema = :place AND t.enforced = 'YES' {only}
ORDER BY t.table_name, c.constraint_name"""


class Column(NamedTuple):
    """A row of information_schema.columns."""

    name: str
    type: str
    is_nullable: str
    default: str | None
    extra: str
    expression: str | None
    collation: str | None
    comment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What one of the two makes of texts in its catalog."""

    default: Callable[[Column], str | None]
    """The default of a column as it is written, None where it has none."""
    unescaped: Callable[[str], str]


def words_of(*, mariadb: bool) -> Words:
    """Return the words of MariaDB's catalog, or of MySQL's."""
    return _MARIADB if mariadb else _MYSQL


def _mariadb_default(column: Column) -> str | None:
    return None if column.default == "NULL" else column.default


def _mysql_default(column: Column) -> str | None:
    """Return the default as MySQL's SHOW CREATE TABLE has it.

    Its catalog shows a literal without its quotes, and an expression without its parentheses.
    """
    if column.default is None:
        return None
    if column.default.upper().startswith("CURRENT_TIMESTAMP"):
        return column.default
    if "DEFAULT_GENERATED" in column.extra.upper():
        return f"({_mysql_unescaped(column.default)})"
    if re.match(r"b'[01]*'\Z", column.default):
        return column.default
    text = column.default.replace("\\", "\\\\")
    return quoted(text, "'")


def _mysql_unescaped(sql: str) -> str:
    r"""Return an expression without the backslash that MySQL's catalog puts before `'` and `\`."""
    return re.sub(r"\\(['\\])", r"\1", sql)


_MARIADB = Words(default=_mariadb_default, unescaped=lambda sql: sql)
_MYSQL = Words(default=_mysql_default, unescaped=_mysql_unescaped)


def with_plain_quotes(sql: str) -> str:
    r"""Return the SQL with `''` in its texts for `\'`, as every engine writes it."""
    return re.sub(r"\\(.)", lambda m: "''" if m[1] == "'" else m[0], sql, flags=re.DOTALL)


def column_state(
    column: Column,
    usual_collation: str,
    words: Words,
    *,
    text: Callable[[str], str],
    is_json: bool,
) -> ColumnState:
    """Return what a row of the catalog says of a column.

    `usual_collation` is its table's. What is set at each UPDATE is a part of the default, as it is
    in SQLAlchemy's `server_default`.
    """
    extra = column.extra.upper()
    computed = column.expression if "GENERATED" in extra.replace("DEFAULT_GENERATED", "") else None
    default = None if computed else words.default(column)
    on_update = re.search(r"on update .*?(?:\(\d*\))?(?= |\Z)", column.extra, re.IGNORECASE)
    if default is not None:
        default = text(default) if words is _MARIADB else with_plain_quotes(default)
    if on_update is not None:
        default = f"{default or 'NULL'} {on_update[0].replace('on update', 'ON UPDATE')}"
    own = column.collation if column.collation != usual_collation and not is_json else None
    return ColumnState(
        name=column.name,
        type="json" if is_json else column.type,
        nullable=column.is_nullable == "YES",
        default=default,
        identity="auto_increment" if "AUTO_INCREMENT" in extra else None,
        computed=None if computed is None else text(computed),
        stored="VIRTUAL" not in extra,
        collation=own,
        comment=column.comment or None,
    )


def index_part(
    column: str | None,
    length: int | None,
    order: str | None,
    expression: str | None,
    dialect: sa.Dialect,
) -> str:
    """Return one part of an index as it is written in CREATE INDEX.

    `expression` is what MySQL indexes in the place of a column.
    """
    if expression is not None:
        found = f"({expression})"
    elif length is not None:
        # In quotes, as a name before a parenthesis would be taken for a function's.
        found = f"{quoted(str(column), '`')}({length})"
    else:
        # A percent sign is doubled for the driver, and whoever runs this will do so again.
        found = dialect.identifier_preparer.quote(str(column)).replace("%%", "%")
    return f"{found} DESC" if order == "D" else found


def chosen_collations(told: str) -> dict[str, str]:
    """Return what `character_set_collations` of MariaDB 11 says, by character set."""
    pairs = (pair.split("=") for pair in told.split(",") if "=" in pair)
    return {charset.strip(): collation.strip() for charset, collation in pairs}
