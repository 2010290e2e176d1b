"""Whether an engine can have the names of tables, columns, indexes and constraints as they are.

Names that the library makes (`ck_hero_age_ge`) are shortened where they do not fit; one that a
person chose is never changed, and refused instead. The limits are measured, and told by
PostgreSQL's manual (§4.1.1: 63 bytes) and MariaDB's (Identifier Names: 64 characters, none beyond
U+FFFF, no space at the end of a table's or a column's).
"""

from __future__ import annotations

import string
import sys
from collections.abc import Collection, Iterator
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.sql.elements import conv

from andamios_orm.backends.base import Capabilities
from andamios_orm.errors import NotSupported
from andamios_orm.schema.columns import Stored

__all__ = ["Name", "require_name", "require_names"]


class Name(NamedTuple):
    """A name, and what has it: `the column` of the table `hero`."""

    what: str
    name: str
    table: str | None
    cure: str

    def __str__(self) -> str:
        of = "" if self.table is None else f" of the table `{_shown(self.table)}`"
        return f"{self.what} `{_shown(self.name)}`{of}"


def require_names(metadata: sa.MetaData, capabilities: Capabilities, engine: str) -> None:
    """Raise NotSupported if the engine would cut, refuse or mix up a name that a person chose."""
    tables = metadata.tables.values()
    limits = (capabilities.name_bytes, capabilities.name_characters)
    longest = min((limit for limit in limits if limit is not None), default=sys.maxsize)
    for table in tables:
        # A program has thousands of names, and hardly one of them needs a closer look.
        if _are_simple(table, longest):
            continue
        for name in _chosen(table):
            require_name(name, capabilities, engine)
    _require_distinct(tables, capabilities, engine)


def _are_simple(table: sa.Table, longest: int) -> bool:
    """Whether every engine has a table's names, those that a person chose and others."""
    columns = list(table.columns)
    names = [column.name for column in columns]
    names += (table.name, table.schema or "")
    enums = (_enum(column) for column in columns)
    names += (enum.name for enum in enums if isinstance(enum, sa.Enum) and enum.name)
    named: list[sa.Constraint | sa.Index] = [*table.constraints, *table.indexes]
    names += (item.name for item in named if isinstance(item.name, str))
    text = "".join(names)
    return (
        text.isascii()
        and text.isprintable()
        and " " not in text
        and len(max(names, key=len)) <= longest
    )


def require_name(name: Name, capabilities: Capabilities, engine: str) -> None:
    """Raise NotSupported if the engine would cut or refuse a name."""
    text = name.name
    for unit, size, limit in (
        ("bytes", len(text.encode(errors="surrogatepass")), capabilities.name_bytes),
        ("characters", len(text), capabilities.name_characters),
    ):
        if limit is not None and size > limit:
            raise NotSupported(
                f"a name on {engine} has {limit} {unit} at most, and {name} has {size}",
                f"choose a shorter one: {name.cure}",
            )
    if found := _impossible(text, capabilities):
        raise NotSupported(
            f"a name on {engine} has no {found}, and {name} has one", f"choose another: {name.cure}"
        )


def _impossible(text: str, capabilities: Capabilities) -> str | None:
    if "\0" in text:
        return "NUL character"
    if any("\ud800" <= character <= "\udfff" for character in text):
        return "lone surrogate"
    if capabilities.any_name:
        return None
    if max(text, default="") > "\uffff":
        return "character beyond U+FFFF, such as an emoji"
    return "space at its end" if text.endswith(" ") else None


# ---- what was chosen -----------------------------------------------------------------------------


def _chosen(table: sa.Table) -> Iterator[Name]:
    """Yield the names of a table that a person chose, those of its columns among them."""
    if table.schema is not None:
        yield Name("the schema", table.schema, table.name, 'schema="..."')
    yield Name("the table", table.name, None, 'table="..."')
    for column in table.columns:
        yield Name("the column", column.name, table.name, 'field(column="...")')
        if isinstance(enum := _enum(column), sa.Enum) and enum.native_enum and enum.name:
            yield Name("the enum", enum.name, table.name, 'sa.Enum(..., name="...")')
    for index in table.indexes:
        if _is_chosen(index):
            yield Name("the index", str(index.name), table.name, 'sa.Index("...", ...)')
    for constraint in table.constraints:
        if _is_chosen(constraint):
            what = f"the {_WORDS[constraint.__visit_name__]}"
            yield Name(what, str(constraint.name), table.name, 'name="..."')


_WORDS = {
    "check_constraint": "CHECK",
    "table_or_column_check_constraint": "CHECK",
    "exclude_constraint": "EXCLUDE",
    "foreign_key_constraint": "foreign key",
    "primary_key_constraint": "primary key",
    "unique_constraint": "UNIQUE",
}


def _is_chosen(item: sa.Index | sa.Constraint) -> bool:
    """Whether a person gave it its name; not of one that is made on some engines only."""
    return (
        isinstance(item.name, str)
        and not isinstance(item.name, conv)
        and getattr(item, "_ddl_if", None) is None
    )


def _enum(column: sa.Column[object]) -> object:
    found: object = column.type
    return found.storage.column_type if isinstance(found, Stored) else found


# ---- names that are one to the engine ------------------------------------------------------------


def _require_distinct(
    tables: Collection[sa.Table], capabilities: Capabilities, engine: str
) -> None:
    """Raise NotSupported for two tables or two indexes whose names are one to the engine.

    Two columns are told apart by the class that has them.
    """
    if not _may_meet(tables, capabilities):
        return
    seen: dict[tuple[str, str, str], Name] = {}
    for table in tables:
        schema = table.schema or ""
        for name in _named_once(table, capabilities):
            # DuckDB and SQLite fold these letters and no others.
            folded = (
                [schema, name.name] if capabilities.name_case else map(_lower, (schema, name.name))
            )
            other = seen.setdefault((name.what, *folded), name)
            if other is not name:
                alike = " but for upper and lower case" if other.name != name.name else ""
                raise NotSupported(
                    f"{other} and {name} have one name{alike}, which {engine} cannot tell apart",
                    f"choose another for one of them: {name.cure}",
                )


def _may_meet(tables: Collection[sa.Table], capabilities: Capabilities) -> bool:
    """Whether two of the names might be one, which hardly ever is so."""
    names = [f"{table.schema}.{table.name}".lower() for table in tables]
    if len(set(names)) < len(names):
        return True
    if not capabilities.shared_index_names:
        return False
    names = [f"{t.schema}.{index.name}".lower() for t in tables for index in t.indexes]
    return len(set(names)) < len(names)


def _named_once(table: sa.Table, capabilities: Capabilities) -> Iterator[Name]:
    """Yield the table, and its indexes where no table may have another of that name."""
    yield Name("the table", table.name, None, 'table="..."')
    if capabilities.shared_index_names:
        for index in table.indexes:
            if isinstance(index.name, str) and getattr(index, "_ddl_if", None) is None:
                yield Name("the index", index.name, table.name, 'sa.Index("...", ...)')


_ASCII = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def _lower(name: str) -> str:
    return name.translate(_ASCII)


def _shown(name: str) -> str:
    return name.encode("unicode_escape").decode() if not name.isprintable() else name
