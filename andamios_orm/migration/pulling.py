"""Write the models of a database that is there: `schema pull`.

Each column is declared in the nicest way that makes just this column. Whether it does is not
guessed: the models are loaded, the engine says what tables they would be, and these are compared
with those that are there.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from types import ModuleType
from typing import cast

import sqlalchemy as sa

from andamios_orm.errors import RelationProblem
from andamios_orm.migration.changes import AlterColumn, Change, DropTable, RenameConstraint
from andamios_orm.migration.diff import compare
from andamios_orm.migration.engines.base import Engine
from andamios_orm.migration.pulled_columns import Declared, declarations_of, sql_source
from andamios_orm.migration.pulled_names import IMPORTS, TRIAL, USED, class_name, field_name, unlike
from andamios_orm.migration.state import (
    CheckState,
    ColumnState,
    ForeignKeyState,
    IndexState,
    SchemaState,
    SequenceState,
    TableName,
    TableState,
)
from andamios_orm.models.base import Model
from andamios_orm.schema.compiler import compile_all, table_name_of
from andamios_orm.schema.relations import relation_of

__all__ = ["Pulled", "pull"]


@dataclass(frozen=True)
class Pulled:
    """The models of a database."""

    source: str
    """A Python module."""
    tables: int
    differences: tuple[str, ...]
    """What models cannot say, so that the next revision would change it."""


def pull(
    connection: sa.Connection, engine: Engine, *, schemas: Sequence[str | None] = (None,)
) -> Pulled:
    """Return the models of what is in these schemas; None is the default one."""
    state = engine.inspect(connection, schemas)
    pulling = _Pulling(state, engine)
    pulling.choose(connection)
    return pulling.result(connection)


# ---- what is to be written -----------------------------------------------------------------------


@dataclass(eq=False)
class _Field:
    """A column, and the ways to declare it."""

    name: str
    column: ColumnState
    ways: Sequence[Declared]
    chosen: int = 0
    settled: bool = False
    """Whether there is no better way, although this one is not exact."""

    @property
    def declared(self) -> Declared:
        return self.ways[self.chosen]

    def try_next(self) -> None:
        """Take the next way; after the last one, that which counts where the column does."""
        if self.chosen < len(self.ways) - 1:
            self.chosen += 1
            return
        self.settled = True
        if self.column.identity is not None and self.ways[0].generated:
            self.chosen = 0

    def widen(self) -> None:
        """Take the way that makes a column as wide as a counted key."""
        plain = (
            number
            for number, way in enumerate(self.ways)
            if way.annotation == "int" and not way.counted and not way.custom
        )
        self.chosen = next(plain, self.chosen)


@dataclass
class _Relation:
    name: str
    target: str
    fields: tuple[str, ...]
    many: bool = False
    nullable: bool = False
    through: str | None = None


@dataclass
class _Class:
    name: str
    table: TableState
    fields: dict[str, _Field]
    """By the names of columns."""
    relations: list[_Relation] = field(default_factory=list)
    checks: list[CheckState] = field(default_factory=list)
    """Those that no field stands for."""
    options: dict[str, object] = field(default_factory=dict)


_LENIENT = ("postgresql", "sqlite")
"""Where a foreign key may be of another type than the key."""


class _Pulling:
    def __init__(self, state: SchemaState, engine: Engine) -> None:
        self._engine = engine
        self._state = state
        self.keyless = [t for t in state.tables.values() if t.primary_key is None]
        tables = [_required(t) for t in state.tables.values() if t.primary_key is not None]
        self._classes: dict[TableName, _Class] = {}
        taken = set(USED)
        for table in sorted(tables, key=lambda table: str(table.name)):
            name = class_name(table.name.name)
            longer = class_name(f"{table.name.schema or 'row'} {name}")
            name = unlike(name, taken, longer)
            taken.add(name)
            self._classes[table.name] = _Class(name, table, self._fields(table))
        self._relate()

    def _fields(self, table: TableState) -> dict[str, _Field]:
        taken: set[str] = set()
        found: dict[str, _Field] = {}
        folded: set[str] = set()
        for column in table.columns:
            if column.name.casefold() in folded:
                # Models tell columns apart on every engine, and most fold the case of names.
                continue
            folded.add(column.name.casefold())
            name = field_name(column.name)
            name = unlike(name, taken, name)
            taken.add(name)
            ways = declarations_of(column, table, self._state, self._engine)
            found[column.name] = _Field(name, column, ways)
        return found

    # -- relations

    def _relate(self) -> None:
        for each in self._classes.values():
            keys = [k for k in each.table.foreign_keys if k.target in self._classes]
            for key in keys:
                other = self._classes[key.target]
                own = tuple(each.fields[name].name for name in key.columns)
                nullable = any(each.fields[name].column.nullable for name in key.columns)
                base = own[0].removesuffix("_id") if len(own) == 1 else field_name(other.name)
                if base in own or base == own[0]:
                    base = field_name(other.name)
                self._add(each, _Relation(base, other.name, own, nullable=nullable))
                back = _plural(table_name_of(each.name))
                if sum(k.target == key.target for k in keys) > 1 or other is each:
                    back = f"{back}_by_{base}"
                self._add(other, _Relation(back, each.name, own, many=True))

    def _add(self, to: _Class, relation: _Relation) -> None:
        taken = {f.name for f in to.fields.values()} | {r.name for r in to.relations}
        name = field_name(relation.name)
        relation.name = unlike(name, taken, name)
        to.relations.append(relation)

    # -- the way of each column

    def choose(self, connection: sa.Connection) -> None:
        """Take for each column the first way that makes it as it is.

        Foreign keys are left out of the trials: while a key and what refers to it are declared in
        different ways, some engines refuse them.
        """
        while True:
            desired = self._desired(connection, references=False)
            wrong = [
                found
                for name, each in self._classes.items()
                for found in _wrong(each, desired.tables[name], self._unchecked(each))
                if not found.settled
            ]
            if not wrong:
                break
            for found in wrong:
                found.try_next()
        for name, each in self._classes.items():
            self._leave_over(each, desired.tables[name])
        if self._engine.name not in _LENIENT:
            self._keep_together(desired)

    def _unchecked(self, each: _Class) -> set[str]:
        """Return the columns that a foreign key sets, of which MariaDB and MySQL check no rules."""
        if self._engine.name not in ("mariadb", "mysql"):
            return set()
        return {
            column
            for key in each.table.foreign_keys
            if key.on_delete in ("SET NULL", "SET DEFAULT") or key.on_update is not None
            for column in key.columns
        }

    def _keep_together(self, desired: SchemaState) -> None:
        """Make what refers to a counted key as wide as models count, and what that key refers to.

        The engine would refuse a foreign key between columns of two types.
        """
        pairs = [
            (each.fields[own], self._classes[key.target].fields[theirs])
            for each in self._classes.values()
            for key in each.table.foreign_keys
            if key.target in self._classes
            for own, theirs in zip(key.columns, key.target_columns, strict=True)
        ]
        rest = [
            found
            for name, each in self._classes.items()
            for found in each.fields.values()
            if found.declared.generated
            and desired.tables[name].column(found.column.name).type != found.column.type
        ]
        wide = set(rest)
        while rest:
            found = rest.pop()
            others = {other for pair in pairs if found in pair for other in pair} - wide
            for other in others:
                other.widen()
            wide |= others
            rest += others

    def _leave_over(self, each: _Class, desired: TableState) -> None:
        """Note what the fields do not say of the table."""
        rest = list(desired.checks)
        for check in each.table.checks:
            if check in rest:
                rest.remove(check)
            else:
                each.checks.append(check)
        wanted, made = dict(each.table.options), dict(desired.options)
        each.options = {
            name: wanted.get(name, False)
            for name in sorted(wanted.keys() | made.keys())
            if wanted.get(name) != made.get(name)
        }

    def _desired(self, connection: sa.Connection, *, references: bool = True) -> SchemaState:
        with self._loaded(references=references) as module:
            metadata = compile_all(cast("sa.MetaData", vars(module)[TRIAL]))
            return self._engine.desired(connection, metadata)

    @contextmanager
    def _loaded(self, *, references: bool = True) -> Iterator[ModuleType]:
        """Load the models as they are now, apart from all others."""
        module = ModuleType(f"andamios_pulled_{next(_numbers)}")
        sys.modules[module.__name__] = module
        try:
            source = self.source(TRIAL, references=references)
            exec(source, vars(module))  # noqa: S102 - written here
            yield module
        finally:
            del sys.modules[module.__name__]

    # -- the end

    def result(self, connection: sa.Connection) -> Pulled:
        """Return the module, and what it does not say."""
        self._drop_wrong_relations()
        desired = self._desired(connection)
        changes = compare(self._state, desired).changes
        return Pulled(self.source(), len(self._classes), tuple(self._told(changes)))

    def _told(self, changes: Sequence[Change]) -> Iterator[str]:
        unnamed = [c for c in changes if isinstance(c, RenameConstraint) and c.before.name is None]
        if unnamed:
            yield f"{len(unnamed)} constraints without a name would get one"
        for change in changes:
            if isinstance(change, DropTable) and change.state in self.keyless:
                yield f"the table {change.table} has no primary key, so it can have no model"
            elif change not in unnamed:
                yield f"{change}{self._reason(change)}"

    def _reason(self, change: Change) -> str:
        """Return why a key would be required: SQLite lets NULL into one that does not refuse it."""
        if not isinstance(change, AlterColumn):
            return ""
        declared = self._classes[change.table].table.column(change.after.name)
        loose = change.before.nullable and not declared.nullable
        return " (the database lets NULL into this key)" if loose else ""

    def _drop_wrong_relations(self) -> None:
        """Leave out what several keys to one table make unclear."""
        with self._loaded() as module:
            for each in self._classes.values():
                model = cast("type[Model]", vars(module)[each.name])
                each.relations = [r for r in each.relations if _resolves(model, r.name)]

    def source(self, metadata: str | None = None, *, references: bool = True) -> str:
        """Return the module; for a trial with a MetaData of its own, or without foreign keys."""
        sequences = [_sequence(one, metadata or "default_metadata") for one in self._sequences()]
        classes = (
            self._class(each, metadata, each.table.foreign_keys if references else ())
            for each in self._classes.values()
        )
        body = "\n\n\n".join(("\n".join(sequences), *classes)).lstrip()
        return f"{_head(body, metadata)}\n\n\n{body}\n"

    def _sequences(self) -> Iterator[SequenceState]:
        """Yield the sequences to declare.

        DuckDB tries models in another database, which has no others than theirs.
        """
        if self._engine.name == "duckdb":
            schemas = {None, *(name.schema for name in self._classes)}
            yield from (s for s in self._state.sequences.values() if s.name.schema in schemas)

    def _class(
        self, each: _Class, metadata: str | None, references: Sequence[ForeignKeyState]
    ) -> str:
        table = each.table
        parts = ["Model"]
        usual = table_name_of(each.name) == table.name.name
        parts.append("table=True" if usual else f"table={_text(table.name.name)}")
        if table.name.schema is not None:
            parts.append(f"schema={_text(table.name.schema)}")
        if metadata is not None:
            parts.append(f"metadata={metadata}")
        lines = [f"class {each.name}({', '.join(parts)}):"]
        arguments: list[str] = []
        flags: dict[str, dict[str, str]] = {name: {} for name in each.fields}
        self._constraints(each, references, flags, arguments)
        for name, found in each.fields.items():
            lines.append(self._field(found, flags[name]))
        lines += [self._relation(each, relation) for relation in each.relations]
        options = dict(each.options)
        if table.comment is not None:
            options["comment"] = table.comment
        if options:
            pairs = ", ".join(f"{_text(n)}: {_value(v)}" for n, v in options.items())
            arguments.append(f"{{{pairs}}}")
        if arguments:
            lines += ["", "    __table_args__ = ("]
            lines += [_wrapped(argument) for argument in arguments]
            lines.append("    )")
        return "\n".join(lines)

    def _field(self, found: _Field, flags: dict[str, str]) -> str:
        declared = found.declared
        arguments = dict(declared.arguments)
        arguments |= flags
        if found.name != found.column.name:
            arguments["column"] = _text(found.column.name)
        if found.column.comment is not None:
            arguments["comment"] = _text(found.column.comment)
        if declared.counted:
            arguments.pop("primary_key", None)
        optional = " | None" if found.column.nullable else ""
        function = "generated" if declared.generated else "field"
        head = f"    {found.name}: Col[{declared.annotation}{optional}]"
        if not arguments and not declared.generated:
            return head
        return _call(f"{head} = {function}", [f"{n}={v}" for n, v in arguments.items()])

    def _relation(self, each: _Class, relation: _Relation) -> str:
        target = f'"{relation.target} | None"' if relation.nullable else f'"{relation.target}"'
        kind = "RelatedList" if relation.many else "Related"
        names = ", ".join(map(_text, relation.fields))
        fk = f"fk=({names})" if len(relation.fields) > 1 else f"fk={names}"
        return _call(f"    {relation.name}: {kind}[{target}] = relation", [fk])

    # -- constraints and indexes

    def _constraints(
        self,
        each: _Class,
        references: Sequence[ForeignKeyState],
        flags: dict[str, dict[str, str]],
        arguments: list[str],
    ) -> None:
        table, name = each.table, each.table.name.name
        key = table.primary_key
        assert key is not None  # noqa: S101 - tables without one have no class
        for column in key.columns:
            flags[column]["primary_key"] = "True"
        if key.name not in (None, f"pk_{name}"):
            arguments.append(_constraint("PrimaryKeyConstraint", key.columns, name=key.name))
        in_order = tuple(c for c in each.fields if c in key.columns)
        if in_order != key.columns and key.name in (None, f"pk_{name}"):
            arguments.append(_constraint("PrimaryKeyConstraint", key.columns))
        for unique in table.uniques:
            usual = f"uq_{name}_{'_'.join(unique.columns)}"
            if len(unique.columns) == 1 and unique.name in (None, usual) and not unique.options:
                flags[unique.columns[0]]["unique"] = "True"
            else:
                own = None if unique.name == usual else unique.name
                arguments.append(
                    _constraint(
                        "UniqueConstraint", unique.columns, name=own, **_options(unique.options)
                    )
                )
        for reference in references:
            self._reference(each, reference, flags, arguments)
        for number, check in enumerate(each.checks, 1):
            own = f"conv({_text(check.name)})" if check.name else _text(f"rule_{number}")
            arguments.append(f"sa.CheckConstraint({sql_source(check.sql)}, name={own})")
        for index in table.indexes:
            alone = index.parts[0].strip('"`')
            usual = f"ix_{name}_{alone}"
            plain = replace(index, parts=(), name="") == IndexState(name="", parts=())
            if plain and index.name == usual and alone in flags and len(index.parts) == 1:
                flags[alone]["index"] = "True"
            else:
                arguments.append(self._index(index, each))

    def _reference(
        self,
        each: _Class,
        key: ForeignKeyState,
        flags: dict[str, dict[str, str]],
        arguments: list[str],
    ) -> None:
        usual = f"fk_{each.table.name.name}_{'_'.join(key.columns)}_{key.target.name}"
        other = self._classes.get(key.target)
        if other is None:
            return
        own = each.fields[key.columns[0]].declared
        theirs = other.fields[key.target_columns[0]]
        simple = (
            len(key.columns) == 1
            and key.name in (None, usual)
            and key.on_update is None
            and key.options is None
            and own.annotation == theirs.declared.annotation
            and not own.custom
            and not theirs.declared.custom
        )
        unique = other.table.primary_key is not None and (
            other.table.primary_key.columns == key.target_columns
            or any(u.columns == key.target_columns for u in other.table.uniques)
        )
        if simple and unique and key.columns[0] not in flags.get("", {}):
            mine = flags[key.columns[0]]
            if "foreign_key" not in mine:
                mine["foreign_key"] = _text(f"{other.name}.{theirs.name}")
                if key.on_delete is not None:
                    mine["on_delete"] = _text(key.on_delete)
                return
        target = [f"{key.target}.{column}" for column in key.target_columns]
        parts = [f"[{', '.join(map(_text, key.columns))}]", f"[{', '.join(map(_text, target))}]"]
        named = {
            "name": None if key.name == usual else key.name,
            "ondelete": key.on_delete,
            "onupdate": key.on_update,
        }
        parts += [f"{name}={_text(value)}" for name, value in named.items() if value is not None]
        parts += [f"{name}={value}" for name, value in _options(key.options).items()]
        arguments.append(f"sa.ForeignKeyConstraint({', '.join(parts)})")

    def _index(self, index: IndexState, each: _Class) -> str:
        engine = self._engine.name
        parts = [_text(index.name)]
        columns = {quoted: name for name in each.fields for quoted in _spellings(name)}
        parts += [
            _text(columns[part]) if part in columns else f"sa.text({sql_source(part)})"
            for part in index.parts
        ]
        if index.unique:
            parts.append("unique=True")
        if index.where is not None:
            parts.append(f"{engine}_where=sa.text({sql_source(index.where)})")
        if index.method is not None:
            parts.append(f"{engine}_using={_text(index.method)}")
        if index.include:
            parts.append(f"{engine}_include=[{', '.join(map(_text, index.include))}]")
        return f"sa.Index({', '.join(parts)})"


def _plural(word: str) -> str:
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("s", "x", "z", "ch", "sh")) else f"{word}s"


def _spellings(name: str) -> tuple[str, ...]:
    return (name, f'"{name}"', f"`{name}`")


def _required(table: TableState) -> TableState:
    """Return a table without NULL in its primary key, which models refuse."""
    key = table.primary_key.columns if table.primary_key else ()
    columns = (replace(c, nullable=c.nullable and c.name not in key) for c in table.columns)
    return replace(table, columns=tuple(columns))


_numbers = count()


def _wrong(each: _Class, desired: TableState, unchecked: Collection[str]) -> Iterator[_Field]:
    """Yield the fields that would make other columns than those that are there.

    A trial without foreign keys has CHECKs of the columns `unchecked`, which the models have not.
    """
    more = [check.sql for check in desired.checks if check not in each.table.checks]
    for name, found in each.fields.items():
        word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
        checked = name not in unchecked and any(map(word.search, more))
        if desired.column(name) != found.column or checked:
            yield found


def _resolves(model: type[Model], name: str) -> bool:
    try:
        relation_of(model, name)
    except RelationProblem:
        return False
    return True


# ---- source --------------------------------------------------------------------------------------


def _head(body: str, metadata: str | None) -> str:
    used = set(re.findall(r"\b[A-Za-z_]\w*\b", re.sub(r'"(?:[^"\\]|\\.)*"', '""', body)))
    blocks: list[list[str]] = [[]]
    for module, names in IMPORTS:
        if not module:
            blocks.append([])
            continue
        found = [name for name in names if name in used]
        if found:
            blocks[-1].append(f"from {module} import {', '.join(found)}")
    if "sa" in used or metadata is not None:
        blocks[1].insert(0, "import sqlalchemy as sa")
    head = '"""The tables of a database, as `andamios-orm schema pull` found them."""\n\n'
    head += "\n\n".join("\n".join(block) for block in blocks if block)
    return head if metadata is None else f"{head}\n\n{metadata} = sa.MetaData()"


def _text(value: object) -> str:
    text = str(value)
    found = repr(text)
    return found if '"' in text or "\\" in found or "'" in text else f'"{text}"'


def _value(value: object) -> str:
    return _text(value) if isinstance(value, str) else repr(value)


def _wrapped(argument: str) -> str:
    """Return an argument of its own line, in several where it is long."""
    line = f"        {argument},"
    head, bracket, _ = argument.partition("(")
    if len(line) <= 100 or not bracket:
        return line
    tree = ast.parse(argument, mode="eval").body
    assert isinstance(tree, ast.Call)  # noqa: S101 - what has a bracket here
    parts = [ast.get_source_segment(argument, part) or "" for part in tree.args]
    parts += [f"{k.arg}={ast.get_source_segment(argument, k.value)}" for k in tree.keywords]
    inner = "".join(f"            {part},\n" for part in parts)
    return f"        {head}(\n{inner}        ),"


def _call(head: str, arguments: list[str]) -> str:
    line = f"{head}({', '.join(arguments)})"
    if len(line) <= 100:
        return line
    inner = "".join(f"        {argument},\n" for argument in arguments)
    return f"{head}(\n{inner}    )"


def _constraint(kind: str, columns: Sequence[str], **named: object) -> str:
    parts = [_text(column) for column in columns]
    parts += [
        f"{name}={value if name in _PLAIN else _text(value)}"
        for name, value in named.items()
        if value is not None
    ]
    return f"sa.{kind}({', '.join(parts)})"


_PLAIN = ("deferrable", "initially", "postgresql_nulls_not_distinct")


_SETTINGS = (("INCREMENT BY", "increment"), ("MINVALUE", "minvalue"), ("MAXVALUE", "maxvalue"))


def _sequence(state: SequenceState, metadata: str) -> str:
    parts = [_text(state.name.name)]
    for words, name in _SETTINGS:
        parts += [f"{name}={n}" for n in re.findall(rf"\b{words} (-?\d+)", state.options)]
    if state.options.endswith("CYCLE"):
        parts.append("cycle=True")
    if state.name.schema is not None:
        parts.append(f"schema={_text(state.name.schema)}")
    return _call("sa.Sequence", [*parts, f"metadata={metadata}"])


def _options(options: str | None) -> dict[str, str]:
    """Return what is written at the end of a constraint as parameters of SQLAlchemy's."""
    found: dict[str, str] = {}
    if options is not None:
        words = options.upper()
        if "NULLS NOT DISTINCT" in words:
            found["postgresql_nulls_not_distinct"] = "True"
        if "DEFERRABLE" in words and "NOT DEFERRABLE" not in words:
            found["deferrable"] = "True"
        if "INITIALLY DEFERRED" in words:
            found["initially"] = '"DEFERRED"'
    return found
