"""Read the text of CREATE TABLE and CREATE INDEX, which is where SQLite keeps what it was told.

Its PRAGMAs do not know the names of constraints, CHECKs, expressions or collations.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from andamios_orm.migration.engines.sqlite.tokens import Token, canonical, tokens_of, written

__all__ = [
    "CheckDefinition",
    "ColumnDefinition",
    "IndexDefinition",
    "KeyDefinition",
    "ReferenceDefinition",
    "TableDefinition",
    "read_index",
    "read_table",
]


@dataclass(slots=True)
class ColumnDefinition:
    """What is written of one column that SQLite's table_xinfo does not tell."""

    name: str
    default: str | None = None
    collation: str | None = None
    computed: str | None = None
    stored: bool = True


@dataclass(slots=True)
class KeyDefinition:
    """A PRIMARY KEY or UNIQUE; `options` is what is said of it beyond its columns."""

    name: str | None
    columns: tuple[str, ...]
    options: str | None = None
    primary: bool = False


@dataclass(slots=True)
class CheckDefinition:
    """A CHECK, by what is inside of its parentheses."""

    name: str | None
    sql: str


@dataclass(slots=True)
class ReferenceDefinition:
    """A foreign key; no target columns mean the primary key there."""

    name: str | None
    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...] = ()
    on_delete: str | None = None
    on_update: str | None = None
    options: str | None = None


@dataclass(slots=True)
class TableDefinition:
    """The text of one CREATE TABLE."""

    columns: list[ColumnDefinition] = field(default_factory=list)
    keys: list[KeyDefinition] = field(default_factory=list)
    checks: list[CheckDefinition] = field(default_factory=list)
    references: list[ReferenceDefinition] = field(default_factory=list)
    autoincrement: bool = False


@dataclass(frozen=True, slots=True)
class IndexDefinition:
    """The text of one CREATE INDEX."""

    parts: tuple[str, ...]
    unique: bool
    where: str | None


def read_table(sql: str, columns: Collection[str]) -> TableDefinition:
    """Return what a CREATE TABLE says, whose columns are known by name."""
    reader = _Reader(tokens_of(sql), columns)
    reader.up_to_parenthesis()
    return _Table(reader).read()


def read_index(sql: str, columns: Collection[str]) -> IndexDefinition:
    """Return what a CREATE INDEX says, on a table with these columns."""
    reader = _Reader(tokens_of(sql), columns)
    reader.next()
    unique = reader.takes("UNIQUE")
    reader.up_to_parenthesis()
    parts = tuple(reader.text(part) for part in reader.list_inside())
    where = reader.text(reader.rest()) if reader.takes("WHERE") else None
    return IndexDefinition(parts, unique, where)


class _Reader:
    """The tokens of a statement, and how far they are read."""

    def __init__(self, tokens: Sequence[Token], columns: Collection[str]) -> None:
        self._tokens = tokens
        self._at = 0
        self._columns = columns
        self._declared = {name.lower(): name for name in columns}

    def next(self) -> Token:
        """Take the next token."""
        self._at += 1
        return self._tokens[self._at - 1]

    def sees(self, *words: str, ahead: int = 0) -> bool:
        """Whether the next token is one of these keywords."""
        at = self._at + ahead
        return at < len(self._tokens) and self._tokens[at].is_word(*words)

    def sees_sign(self, *signs: str) -> bool:
        """Whether the next token is one of these signs."""
        return self._at < len(self._tokens) and any(map(self._tokens[self._at].is_sign, signs))

    def takes(self, *words: str) -> bool:
        """Take these keywords if they come next, one after the other."""
        if all(self.sees(word, ahead=ahead) for ahead, word in enumerate(words)):
            self._at += len(words)
            return True
        return False

    def up_to_parenthesis(self) -> None:
        """Take everything before the next one that opens."""
        while not self.sees_sign("("):
            self.next()

    def inside(self) -> Sequence[Token]:
        """Take parentheses, and return what is between them."""
        start, depth = self._at + 1, 0
        while True:
            token = self.next()
            depth += token.is_sign("(") - token.is_sign(")")
            if not depth:
                return self._tokens[start : self._at - 1]

    def list_inside(self) -> list[Sequence[Token]]:
        """Take parentheses, and return what is between their commas."""
        parts: list[list[Token]] = [[]]
        depth = 0
        for token in self.inside():
            depth += token.is_sign("(") - token.is_sign(")")
            if depth == 0 and token.is_sign(","):
                parts.append([])
            else:
                parts[-1].append(token)
        return list(parts)

    def rest(self) -> Sequence[Token]:
        """Take everything that is left."""
        start, self._at = self._at, len(self._tokens)
        return self._tokens[start:]

    def text(self, tokens: Sequence[Token]) -> str:
        """Return an expression, or a part of an index, in the one way it is written."""
        if tokens[-1].is_word("ASC"):
            tokens = tokens[:-1]
        return canonical(tokens, self._columns)

    def column(self, name: str) -> str:
        """Return the name of a column of this table as it was declared."""
        return self._declared.get(name.lower(), name)


_COLUMN_CONSTRAINTS = (
    *("AS", "CHECK", "COLLATE", "CONSTRAINT", "DEFAULT", "DEFERRABLE", "NOT", "NULL"),
    *("PRIMARY", "REFERENCES", "UNIQUE"),
)
_TABLE_CONSTRAINTS = ("CHECK", "CONSTRAINT", "FOREIGN", "PRIMARY", "UNIQUE")


class _Table:
    """One pass over the parentheses of a CREATE TABLE."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader
        self._found = TableDefinition()

    def read(self) -> TableDefinition:
        """Return what is between the parentheses."""
        reader = self._reader
        while not reader.sees_sign(")"):
            reader.next()  # the parenthesis, or a comma
            if not reader.sees(*_TABLE_CONSTRAINTS):
                self._column()
            # SQLite wants no commas between the constraints of a table.
            while not reader.sees_sign(",", ")"):
                self._table_constraint(self._name())
        return self._found

    def _name(self) -> str | None:
        name = None
        while self._reader.takes("CONSTRAINT"):
            name = self._reader.next().value
        return name

    def _column(self) -> None:
        reader = self._reader
        column = ColumnDefinition(reader.column(reader.next().value))
        self._found.columns.append(column)
        while not reader.sees_sign(",", ")"):
            if reader.sees(*_COLUMN_CONSTRAINTS):
                self._column_constraint(column, self._name())
            elif reader.sees_sign("("):
                reader.inside()  # the size of a type
            else:
                reader.next()  # its name, or GENERATED ALWAYS

    def _column_constraint(self, column: ColumnDefinition, name: str | None) -> None:
        reader = self._reader
        if reader.takes("PRIMARY", "KEY"):
            self._key(name, (column.name,), primary=True)
        elif reader.takes("UNIQUE"):
            self._key(name, (column.name,))
        elif reader.takes("NOT", "NULL"):
            self._conflict()
        elif reader.takes("CHECK"):
            self._found.checks.append(CheckDefinition(name, reader.text(reader.inside())))
        elif reader.takes("DEFAULT"):
            default = self._default()
            column.default = None if default == "NULL" else default
        elif reader.takes("COLLATE"):
            column.collation = _collation(reader.next().value)
        elif reader.takes("AS"):
            column.computed = reader.text(reader.inside())
            column.stored = reader.takes("STORED")
            reader.takes("VIRTUAL")
        elif reader.takes("REFERENCES"):
            self._reference(name, (column.name,))
        elif self._found.references and reader.sees("NOT", "DEFERRABLE"):
            self._found.references[-1].options = self._deferral()
        else:
            reader.next()  # NULL, which says nothing
            self._conflict()

    def _table_constraint(self, name: str | None) -> None:
        reader = self._reader
        if reader.takes("PRIMARY", "KEY"):
            self._keys(name, primary=True)
        elif reader.takes("UNIQUE"):
            self._keys(name, primary=False)
        elif reader.takes("CHECK"):
            self._found.checks.append(CheckDefinition(name, reader.text(reader.inside())))
            self._conflict()
        else:
            reader.up_to_parenthesis()  # FOREIGN KEY
            columns = tuple(reader.column(part[0].value) for part in reader.list_inside())
            reader.next()  # REFERENCES
            self._reference(name, columns)

    def _keys(self, name: str | None, *, primary: bool) -> None:
        """Take the columns of a key, each of which may have an order and a collation."""
        reader = self._reader
        parts = reader.list_inside()
        if parts[-1][-1].is_word("AUTOINCREMENT"):
            self._found.autoincrement = True
            parts[-1] = parts[-1][:-1]
        texts = [reader.text(part) for part in parts]
        plain = [reader.text(part[:1]) for part in parts]
        columns = tuple(reader.column(part[0].value) for part in parts)
        self._key(name, columns, primary=primary)
        if texts != plain:
            said = f"({', '.join(texts)})"
            key = self._found.keys[-1]
            key.options = f"{said} {key.options}" if key.options else said

    def _key(self, name: str | None, columns: tuple[str, ...], *, primary: bool = False) -> None:
        reader = self._reader
        order = "DESC" if reader.takes("DESC") else None
        reader.takes("ASC")
        said = [order, self._conflict()]
        if reader.takes("AUTOINCREMENT"):
            self._found.autoincrement = True
        options = " ".join(filter(None, said)) or None
        self._found.keys.append(KeyDefinition(name, columns, options, primary))

    def _conflict(self) -> str | None:
        if not self._reader.takes("ON", "CONFLICT"):
            return None
        action = self._reader.next().value.upper()
        return None if action == "ABORT" else f"ON CONFLICT {action}"

    def _default(self) -> str:
        reader = self._reader
        if reader.sees_sign("("):
            inside = reader.inside()
            constant = _constant(inside)
            return f"({reader.text(inside)})" if constant is None else constant
        token = reader.next()
        tokens = (token, reader.next()) if token.kind == "sign" else (token,)
        constant = _constant(tokens)
        # SQLite takes any other word for a text.
        return written(Token("text", token.value)) if constant is None else constant

    def _reference(self, name: str | None, columns: tuple[str, ...]) -> None:
        reader = self._reader
        key = ReferenceDefinition(name, columns, reader.next().value)
        self._found.references.append(key)
        if reader.sees_sign("("):
            key.target_columns = tuple(part[0].value for part in reader.list_inside())
        while True:
            if reader.takes("ON", "DELETE"):
                key.on_delete = self._action()
            elif reader.takes("ON", "UPDATE"):
                key.on_update = self._action()
            elif reader.takes("MATCH"):
                reader.next()  # which SQLite takes and does not heed
            elif reader.sees("DEFERRABLE") or (
                reader.sees("NOT") and reader.sees("DEFERRABLE", ahead=1)
            ):
                key.options = self._deferral()
            else:
                break

    def _action(self) -> str | None:
        reader = self._reader
        words = [reader.next().value.upper()]
        if words[0] in ("SET", "NO"):
            words.append(reader.next().value.upper())
        action = " ".join(words)
        return None if action == "NO ACTION" else action

    def _deferral(self) -> str | None:
        """Take the words on when a foreign key is checked; only one of them changes anything."""
        reader = self._reader
        never = reader.takes("NOT")
        reader.next()
        deferred = False
        if reader.takes("INITIALLY"):
            deferred = reader.next().is_word("DEFERRED")
        return "DEFERRABLE INITIALLY DEFERRED" if deferred and not never else None


def _constant(tokens: Sequence[Token]) -> str | None:
    """Return a number, text or keyword as it stands without parentheses."""
    sign = "-" if tokens[0].is_sign("-") else ""
    rest = tokens[1:] if tokens[0].is_sign("-") or tokens[0].is_sign("+") else tokens
    if len(rest) != 1:
        return None
    if rest[0].is_word(*_CONSTANTS):
        return rest[0].value.upper()
    return sign + written(rest[0]) if rest[0].kind in ("number", "text") else None


_CONSTANTS = ("CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "FALSE", "NULL", "TRUE")


def _collation(name: str) -> str | None:
    """Return a collation as it is written; BINARY is what a column has without one."""
    upper = name.upper()
    if upper == "BINARY":
        return None
    return upper if upper in ("NOCASE", "RTRIM") else name
