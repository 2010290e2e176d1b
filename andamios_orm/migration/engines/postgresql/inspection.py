"""Read from PostgreSQL's catalog what a database holds, in the catalog's own texts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from andamios_orm.migration.engines.postgresql.names import quoted, settled
from andamios_orm.migration.engines.postgresql.sequences import SETTINGS, SequenceSettings
from andamios_orm.migration.state import (
    OURS,
    CheckState,
    ColumnState,
    EnumState,
    ForeignKeyState,
    IndexState,
    KeyState,
    SchemaState,
    SequenceState,
    TableName,
    TableState,
    UniqueState,
)

__all__ = ["Places", "current_schema", "inspect", "read"]

Places: TypeAlias = Mapping[str, str | None]
"""The schemas to read, by their names in the database, and what each is called in the state."""


def current_schema(connection: sa.Connection) -> str:
    """Return the schema where names without one are created."""
    found: str | None = connection.scalar(sa.text("SELECT current_schema()"))
    return found or "public"


def inspect(connection: sa.Connection, schemas: Sequence[str | None]) -> SchemaState:
    """Return what is in these schemas; None is the one where names without a schema are found."""
    default = current_schema(connection)
    places = {schema or default: schema for schema in schemas}
    return read(connection, {name: None if name == default else name for name in places})


def read(
    connection: sa.Connection, places: Places, text: Callable[[str], str] = lambda text: text
) -> SchemaState:
    """Return what is in the schemas `places`, with each text of the catalog passed to `text`."""
    catalog = _Catalog(connection, places, text)
    return SchemaState(
        engine="postgresql",
        tables=catalog.tables(),
        enums=catalog.enums(),
        sequences=catalog.sequences(),
    )


class _Catalog:
    """The rows that each table of the catalog has about some schemas."""

    def __init__(
        self, connection: sa.Connection, places: Places, text: Callable[[str], str]
    ) -> None:
        self._connection = connection
        self._places = places
        self._text = text

    def tables(self) -> dict[TableName, TableState]:
        """Return every table."""
        columns = self._grouped(_COLUMNS, _column)
        constraints = self._grouped(_CONSTRAINTS, self._constraint)
        indexes = self._grouped(_indexes(self._has_nulls_not_distinct), _index)
        found = {}
        for row in self._rows(_TABLES):
            kept = constraints[row["oid"]]
            keys = [one for one in kept if isinstance(one, KeyState)]
            table = TableState(
                name=self._name(row["schema"], row["name"]),
                columns=tuple(columns[row["oid"]]),
                primary_key=keys[0] if keys else None,
                uniques=tuple(one for one in kept if isinstance(one, UniqueState)),
                checks=tuple(one for one in kept if isinstance(one, CheckState)),
                foreign_keys=tuple(one for one in kept if isinstance(one, ForeignKeyState)),
                indexes=tuple(indexes[row["oid"]]),
                comment=row["comment"],
                options=(
                    (("postgresql_partition_by", row["partition"]),) if row["partition"] else ()
                ),
            )
            found[table.name] = table
        return found

    def enums(self) -> dict[TableName, EnumState]:
        """Return every enum type."""
        found = [
            EnumState(name=self._name(row["schema"], row["name"]), labels=tuple(row["labels"]))
            for row in self._rows(_ENUMS)
        ]
        return {one.name: one for one in found}

    def sequences(self) -> dict[TableName, SequenceState]:
        """Return every sequence that no column owns."""
        found = [
            SequenceState(
                name=self._name(row["schema"], row["name"]),
                options=_standing_options(SequenceSettings.of(row)),
            )
            for row in self._rows(_SEQUENCES)
        ]
        return {one.name: one for one in found}

    @property
    def _has_nulls_not_distinct(self) -> bool:
        version = self._connection.dialect.server_version_info
        return version is not None and version >= (15,)

    def _rows(self, sql: str) -> list[dict[str, Any]]:
        names = sa.bindparam("schemas", list(self._places), type_=postgresql.ARRAY(sa.Text()))
        rows = self._connection.execute(sa.text(sql).bindparams(names)).mappings()
        return [{key: self._told(value) for key, value in row.items()} for row in rows]

    def _told(self, value: object) -> object:
        if isinstance(value, str):
            return settled(self._text(value))
        if isinstance(value, list):
            return [self._told(one) for one in value]
        return value

    def _grouped(self, sql: str, make: Callable[[dict[str, Any]], Any]) -> dict[int, list[Any]]:
        """Return what `make` makes of each row, by the number of its table."""
        found: dict[int, list[Any]] = defaultdict(list)
        for row in self._rows(sql):
            found[row["table"]].append(make(row))
        return found

    def _name(self, schema: str, name: str) -> TableName:
        return TableName(name, self._places.get(schema, schema))

    def _constraint(
        self, row: dict[str, Any]
    ) -> KeyState | UniqueState | CheckState | ForeignKeyState:
        name, columns, kind = row["name"], tuple(row["columns"]), row["kind"]
        if kind == "p":
            return KeyState(name=name, columns=columns)
        if kind == "u":
            # After the list of columns: NULLS NOT DISTINCT stands before it.
            words = ["NULLS NOT DISTINCT"] if " NULLS NOT DISTINCT " in row["sql"] else []
            words += [f"INCLUDE ({', '.join(map(quoted, row['include']))})"] * bool(row["include"])
            return UniqueState(name=name, columns=columns, options=_options(row, words))
        if kind == "f":
            return ForeignKeyState(
                name=name,
                columns=columns,
                target=self._name(row["target_schema"], row["target"]),
                target_columns=tuple(row["target_columns"]),
                on_delete=_on_delete(row),
                on_update=_ACTIONS[row["on_update"]],
                options=_options(row, ["MATCH FULL"] if row["match"] == "f" else []),
            )
        if kind == "x":
            return CheckState(name=name, sql=row["sql"].removeprefix("EXCLUDE "), kind="EXCLUDE")
        return CheckState(name=name, sql=row["condition"])


def _options(row: dict[str, Any], words: list[str]) -> str | None:
    if row["deferrable"]:
        words = [*words, "DEFERRABLE"]
    if row["deferred"]:
        words = [*words, "INITIALLY DEFERRED"]
    return " ".join(words) or None


_ACTIONS = {
    "a": None,
    "r": "RESTRICT",
    "c": "CASCADE",
    "n": "SET NULL",
    "d": "SET DEFAULT",
}


def _on_delete(row: dict[str, Any]) -> str | None:
    action = _ACTIONS[row["on_delete"]]
    # Since version 15 the columns that are set can be chosen; the catalog shows them at the end.
    _, set_some, rest = row["sql"].partition(f" ON DELETE {action} (")
    return f"{action} ({rest.partition(')')[0]})" if set_some else action


def _standing_options(sequence: SequenceSettings) -> str:
    words = [] if sequence.type == "bigint" else [f"AS {sequence.type}"]
    return " ".join([*words, *sequence.options(sequence.type)])


_IDENTITIES = {"a": "always", "d": "by default"}


def _column(row: dict[str, Any]) -> ColumnState:
    identity, default = _IDENTITIES.get(row["identity"]), row["default"]
    if identity is None and row["seqname"] and default == row["seqdefault"]:
        identity, default = "serial", None
    if identity is not None:
        identity = " ".join([identity, *SequenceSettings.of(row).options(row["type"])])
    return ColumnState(
        name=row["name"],
        type=row["type"],
        nullable=row["nullable"],
        default=None if row["generated"] else default,
        identity=identity,
        computed=default if row["generated"] else None,
        stored=row["generated"] != "v",
        collation=row["collation"],
        comment=row["comment"],
    )


def _index(row: dict[str, Any]) -> IndexState:
    count = row["keys"]
    options = ["NULLS NOT DISTINCT"] if row["nulls_not_distinct"] else []
    return IndexState(
        name=row["name"],
        parts=tuple(
            _part(*one)
            for one in zip(
                row["parts"],
                row["collations"],
                row["opclasses"],
                row["flags"],
                strict=True,
            )
        ),
        unique=row["unique"],
        where=row["where"],
        method=None if row["method"] == "btree" else row["method"],
        include=tuple(row["columns"][count:]),
        options=" ".join(options) or None,
    )


def _part(written: str, collation: str | None, opclass: str | None, flags: int) -> str:
    """Return one part of an index as it is written in CREATE INDEX."""
    descending, nulls_first = bool(flags & 1), bool(flags & 2)
    words = [written]
    if collation is not None:
        words.append(f"COLLATE {collation}")
    if opclass is not None:
        words.append(opclass)
    if descending:
        words.append("DESC")
    if nulls_first != descending:
        words.append("NULLS FIRST" if nulls_first else "NULLS LAST")
    return " ".join(words)


# ---- the questions -----------------------------------------------------------------------------

# Names in the texts that the catalog writes are as short as the search path allows. What an
# extension brought along is its own business; what was left invalid by a statement that failed is
# as if it were not there.

_OURS = f"'^{OURS}'"


def _foreign(catalog: str, oid: str) -> str:
    return (
        f"EXISTS (SELECT FROM pg_depend e WHERE e.classid = '{catalog}'::regclass"
        f" AND e.objid = {oid} AND e.deptype = 'e')"
    )


_FROM_TABLES = f"""
pg_class t
JOIN pg_namespace n ON n.oid = t.relnamespace AND n.nspname = ANY(:schemas)
    AND t.relkind IN ('r', 'p') AND NOT t.relispartition AND t.relpersistence <> 't'
    AND t.relname !~ {_OURS} AND NOT {_foreign("pg_class", "t.oid")}"""

_TABLES = f"""
SELECT t.oid, n.nspname::text AS schema, t.relname::text AS name,
    obj_description(t.oid, 'pg_class') AS comment,
    CASE WHEN t.relkind = 'p' THEN pg_get_partkeydef(t.oid) END AS partition
FROM {_FROM_TABLES}
ORDER BY n.nspname, t.relname"""

_COLUMNS = f"""
SELECT t.oid AS table, a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS type,
    NOT a.attnotnull AS nullable, pg_get_expr(d.adbin, d.adrelid) AS default,
    a.attidentity::text AS identity, a.attgenerated::text AS generated,
    CASE WHEN a.attcollation <> y.typcollation THEN
        CASE WHEN pg_collation_is_visible(a.attcollation) THEN ''
            ELSE (SELECT nspname::text FROM pg_namespace WHERE oid = c.collnamespace) || '.'
        END || c.collname::text
    END AS collation,
    col_description(t.oid, a.attnum) AS comment,
    s.seqrelid::regclass::text AS seqname,
    format('nextval(%L::regclass)', s.seqrelid::regclass::text) AS seqdefault,{SETTINGS}
FROM {_FROM_TABLES}
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
    AND a.attname !~ {_OURS}
JOIN pg_type y ON y.oid = a.atttypid
LEFT JOIN pg_collation c ON c.oid = a.attcollation
LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
LEFT JOIN pg_depend o ON o.classid = 'pg_class'::regclass AND o.refclassid = 'pg_class'::regclass
    AND o.refobjid = t.oid AND o.refobjsubid = a.attnum AND o.deptype IN ('a', 'i')
    AND (SELECT relkind = 'S' FROM pg_class WHERE oid = o.objid)
LEFT JOIN pg_sequence s ON s.seqrelid = o.objid
ORDER BY a.attrelid, a.attnum"""


def _names(table: str, numbers: str) -> str:
    return (
        "ARRAY(SELECT k.attname::text FROM unnest("
        f"{numbers}) WITH ORDINALITY u (number, place) LEFT JOIN pg_attribute k"
        f" ON k.attrelid = {table} AND k.attnum = u.number ORDER BY u.place)"
    )


_CONSTRAINTS = f"""
SELECT t.oid AS table, c.conname::text AS name, c.contype::text AS kind,
    {_names("t.oid", "c.conkey")} AS columns,
    {_names("t.oid", "(i.indkey::int2[])[i.indnkeyatts:]")} AS include,
    pg_get_constraintdef(c.oid) AS sql, pg_get_expr(c.conbin, t.oid) AS condition,
    (SELECT nspname::text FROM pg_namespace WHERE oid = f.relnamespace) AS target_schema,
    f.relname::text AS target, {_names("c.confrelid", "c.confkey")} AS target_columns,
    c.confdeltype::text AS on_delete, c.confupdtype::text AS on_update,
    c.confmatchtype::text AS match, c.condeferrable AS deferrable, c.condeferred AS deferred
FROM {_FROM_TABLES}
JOIN pg_constraint c ON c.conrelid = t.oid AND c.contype IN ('p', 'u', 'c', 'x', 'f')
    AND c.conparentid = 0 AND c.convalidated AND c.conname !~ {_OURS}
LEFT JOIN pg_class f ON f.oid = c.confrelid
LEFT JOIN pg_index i ON i.indexrelid = c.conindid AND c.contype IN ('p', 'u')
ORDER BY c.conrelid, c.conname"""


def _indexes(has_nulls_not_distinct: bool) -> str:
    distinct = "i.indnullsnotdistinct" if has_nulls_not_distinct else "false"
    return f"""
SELECT t.oid AS table, x.relname::text AS name, i.indisunique AS unique, m.amname::text AS method,
    i.indnkeyatts::int AS keys, {distinct} AS nulls_not_distinct,
    pg_get_expr(i.indpred, i.indrelid) AS where,
    {_names("t.oid", "i.indkey::int2[]")} AS columns,
    ARRAY(SELECT pg_get_indexdef(i.indexrelid, k.place, false)
        FROM generate_series(1, i.indnkeyatts) k (place) ORDER BY k.place) AS parts,
    ARRAY(SELECT CASE WHEN c.oid <> 100 AND c.oid IS DISTINCT FROM a.attcollation
            THEN c.oid::regcollation::text END
        FROM unnest(i.indcollation) WITH ORDINALITY k (number, place)
        LEFT JOIN pg_collation c ON c.oid = k.number
        LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = i.indkey[k.place - 1]
        ORDER BY k.place) AS collations,
    ARRAY(SELECT CASE WHEN o.opcdefault THEN NULL ELSE o.opcname::text END
        FROM unnest(i.indclass) WITH ORDINALITY k (number, place)
        LEFT JOIN pg_opclass o ON o.oid = k.number ORDER BY k.place) AS opclasses,
    i.indoption::int2[] AS flags
FROM {_FROM_TABLES}
JOIN pg_index i ON i.indrelid = t.oid AND i.indisvalid
JOIN pg_class x ON x.oid = i.indexrelid AND x.relname !~ {_OURS}
JOIN pg_am m ON m.oid = x.relam
WHERE NOT EXISTS (SELECT FROM pg_constraint c
    WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u', 'x'))
ORDER BY i.indrelid, x.relname"""


_ENUMS = f"""
SELECT n.nspname::text AS schema, y.typname::text AS name,
    ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = y.oid
        ORDER BY e.enumsortorder) AS labels
FROM pg_type y
JOIN pg_namespace n ON n.oid = y.typnamespace AND n.nspname = ANY(:schemas)
WHERE y.typtype = 'e' AND y.typname !~ {_OURS} AND NOT {_foreign("pg_type", "y.oid")}
ORDER BY n.nspname, y.typname"""

_SEQUENCES = f"""
SELECT n.nspname::text AS schema, q.relname::text AS name,{SETTINGS}
FROM pg_sequence s
JOIN pg_class q ON q.oid = s.seqrelid AND q.relname !~ {_OURS}
JOIN pg_namespace n ON n.oid = q.relnamespace AND n.nspname = ANY(:schemas)
WHERE NOT {_foreign("pg_class", "q.oid")}
    AND NOT EXISTS (SELECT FROM pg_depend o WHERE o.classid = 'pg_class'::regclass
        AND o.objid = q.oid AND o.refclassid = 'pg_class'::regclass AND o.refobjsubid > 0
        AND o.deptype IN ('a', 'i'))
ORDER BY n.nspname, q.relname"""
