"""How a column of a database may be declared in a model: several ways, the nicest first.

Which of them makes just this column is not decided here: the engine is asked.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

from andamios_orm.migration.engines.base import Engine
from andamios_orm.migration.operations import SqlType
from andamios_orm.migration.state import CheckState, ColumnState, SchemaState, TableState

__all__ = ["Declared", "declarations_of", "sql_source", "type_source"]


@dataclass(frozen=True, slots=True)
class Declared:
    """One way to declare a column."""

    annotation: str
    arguments: tuple[tuple[str, str], ...] = ()
    """Parameters of `field()` or `generated()`, as Python."""
    generated: bool = False

    @property
    def custom(self) -> bool:
        """Whether it names a SQLAlchemy type."""
        return any(name == "column_type" for name, _ in self.arguments)

    @property
    def counted(self) -> bool:
        """Whether it is a key that the database counts."""
        return self.generated and all(name != "server_default" for name, _ in self.arguments)


def declarations_of(
    column: ColumnState, table: TableState, state: SchemaState, engine: Engine
) -> Sequence[Declared]:
    """Return the ways to declare a column; the last one mostly names its type as it is."""
    column_type = _type_of(column, state, engine)
    annotation = _annotation(column_type)
    alone = table.primary_key is not None and table.primary_key.columns == (column.name,)
    found: list[Declared] = []
    if alone and annotation == "int" and column.default is None:
        found.append(Declared("int", generated=True))
    rules = _rules(column, table)
    found += _native(annotation, column_type, rules)
    drawn = engine.name == "duckdb" and (column.default or "").startswith("nextval(")
    # DuckDB counts a key by a sequence only: the program gives no number, whatever its type is.
    if not (drawn and alone and annotation == "int"):
        found.append(Declared(annotation, (("column_type", type_source(column_type)),)))
    return [_with_default(column, declared) for declared in found]


def _type_of(column: ColumnState, state: SchemaState, engine: Engine) -> TypeEngine[Any]:
    for name, enum in state.enums.items():
        if column.type.replace('"', "") == str(name):
            return sa.Enum(*enum.labels, name=name.name, schema=name.schema)
    found = engine.column_type(column.type)
    if column.collation is not None and isinstance(found, sa.String):
        # An engine may give the same type for all columns.
        collated = copy.copy(found)
        collated.collation = column.collation
        return collated
    return found


# ---- Python's types ------------------------------------------------------------------------------

_JSON = "dict[str, Any] | list[Any]"
_PYTHON: tuple[tuple[type[TypeEngine[Any]], str], ...] = (
    (sa.Boolean, "bool"),
    (sa.Integer, "int"),
    (sa.Float, "float"),
    (sa.Numeric, "Decimal"),
    (sa.Date, "date"),
    (sa.Time, "time"),
    (sa.Interval, "timedelta"),
    (sa.Uuid, "UUID"),
    (sa.JSON, _JSON),
    (sa.types._Binary, "bytes"),  # noqa: SLF001 - what all types of bytes have in common
)


def _annotation(column_type: TypeEngine[Any]) -> str:
    if isinstance(column_type, sa.Enum) and column_type.enums:
        return f"Literal[{', '.join(map(_quoted, column_type.enums))}]"
    if isinstance(column_type, sa.DateTime):
        return "datetime" if column_type.timezone else "NaiveDatetime"
    if isinstance(column_type, sa.ARRAY):
        return f"list[{_annotation(column_type.item_type)}]"
    if type(column_type).__name__ == "TINYINT":
        return "bool" if getattr(column_type, "display_width", None) == 1 else "int"
    return next((name for kind, name in _PYTHON if isinstance(column_type, kind)), "str")


_Rules = Mapping[str, CheckState]


def _rules(column: ColumnState, table: TableState) -> _Rules:
    """Return the CHECKs of a column that say what a model says, by the rule they stand for."""
    prefix = f"ck_{table.name.name}_{column.name}_"
    found: dict[str, CheckState] = {}
    for check in table.checks:
        if check.name is not None and check.name.startswith(prefix):
            found[check.name.removeprefix(prefix)] = check
        elif check.name is None and (rule := _rule_of(check.sql, column.name)) is not None:
            found[rule] = check
    return found


_OPERATORS = {">=": "ge", ">": "gt", "<=": "le", "<": "lt", "IN": "one_of", "%": "multiple_of"}


def _rule_of(sql: str, column: str) -> str | None:
    """Return the rule that a CHECK without a name is, as far as its text tells."""
    text = re.sub(r"[\s()\"`]", "", sql)
    for begin, sized in (
        (f"octet_length{column}", True),
        (f"length{column}", True),
        (column, False),
    ):
        rest = text.removeprefix(begin)
        found = re.match(r">=|<=|>|<|IN|%", rest, re.IGNORECASE) if rest != text else None
        if found is not None:
            rule = _OPERATORS[found[0].upper()]
            return {"ge": "min_length", "le": "max_length"}.get(rule) if sized else rule
    return None


_BY_RULE = {
    "boolean": "bool",
    "json": _JSON,
    "uuid": "UUID",
    "date": "date",
    "time": "time",
    "datetime": "datetime",
    "naive_datetime": "NaiveDatetime",
}
"""What a column of text or numbers holds, where a rule of models says so."""


def _native(annotation: str, column_type: TypeEngine[Any], rules: _Rules) -> Iterator[Declared]:
    """Yield the ways without a SQLAlchemy type."""
    if isinstance(column_type, SqlType | sa.ARRAY):
        return
    if (check := rules.get("one_of")) is not None and (labels := _labels(check.sql)):
        yield Declared(f"Literal[{', '.join(map(_quoted, labels))}]")
    for rule, other in _BY_RULE.items():
        if rule in rules:
            yield Declared(other)
    if "digits" in rules:
        decimal = tuple(_bounds("Decimal", rules))
        yield Declared("Decimal", (*_digits(rules["digits"].sql), *decimal))
    bounds = tuple(_bounds(annotation, rules))
    sized = bounds
    length = getattr(column_type, "length", None)
    if annotation in ("str", "bytes") and length and "max_length" not in dict(bounds):
        sized = (*bounds, ("max_length", str(length)))
    if annotation == "Decimal":
        precision = getattr(column_type, "precision", None)
        if precision is not None:
            scale = getattr(column_type, "scale", None) or 0
            sized = (("max_digits", str(precision)), ("decimal_places", str(scale)), *bounds)
    for arguments in dict.fromkeys((sized, bounds, ())):
        yield Declared(annotation, arguments)
    if annotation == "NaiveDatetime":
        yield Declared("datetime", bounds)


def _digits(sql: str) -> Iterator[tuple[str, str]]:
    """Yield how many digits SQLite lets a number have, which is kept as a double or as text."""
    if (double := re.search(r"< 1(0*)\b.*round\(.*, (\d+)\)", sql)) is not None:
        yield "max_digits", str(len(double[1]) + int(double[2]))
        yield "decimal_places", double[2]
    elif (text := re.search(r"<= (\d+)(?:.* = (\d+))?", sql)) is not None:
        yield "max_digits", text[1]
        yield "decimal_places", text[2] or "0"


_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_BOUNDS = ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length")


def _bounds(annotation: str, rules: _Rules) -> Iterator[tuple[str, str]]:
    if annotation not in ("int", "float", "Decimal", "str", "bytes"):
        return
    for rule in _BOUNDS:
        check = rules.get(rule)
        numbers = _NUMBER.findall(check.sql) if check is not None else []
        if numbers:
            # A remainder is compared with zero.
            yield rule, numbers[0 if rule == "multiple_of" else -1]


_LABEL = re.compile(r"'((?:[^']|'')*)'")


def _labels(sql: str) -> list[str]:
    return list(dict.fromkeys(label.replace("''", "'") for label in _LABEL.findall(sql)))


# ---- defaults ------------------------------------------------------------------------------------


def _with_default(column: ColumnState, declared: Declared) -> Declared:
    if column.default is None:
        if column.nullable and not declared.generated:
            return replace(declared, arguments=(("default", "None"), *declared.arguments))
        return declared
    server = ("server_default", f"sa.text({sql_source(column.default)})")
    value = _literal(column.default, declared.annotation)
    if value is not None:
        arguments = (("default", value), *declared.arguments, server)
        return replace(declared, arguments=arguments)
    # What takes no other parameter may be left to the database.
    if not declared.arguments:
        return replace(declared, arguments=(server,), generated=True)
    return replace(declared, arguments=(*declared.arguments, server))


_CAST = re.compile(r"(.*?)(?:::[\w\s\"\[\]]+(?:\([\d,]+\))?)?", re.DOTALL)


def _literal(default: str, annotation: str) -> str | None:
    """Return the default as Python, None for what only the database can compute."""
    text = default.strip()
    while text.startswith("(") and text.endswith(")"):
        text = text[1:-1].strip()
    found = _CAST.fullmatch(text)
    text = found[1] if found else text
    quoted = _LABEL.fullmatch(text)
    if quoted is not None:
        plain = quoted[1].replace("''", "'")
        if annotation == "str" or annotation.startswith("Literal"):
            return _quoted(plain)
        text = plain
    if annotation == "bool":
        return {"true": "True", "1": "True", "false": "False", "0": "False"}.get(text.lower())
    if _NUMBER.fullmatch(text):
        if annotation == "Decimal":
            return f"Decimal({_quoted(text)})"
        if annotation == "int" and "." not in text:
            return str(int(text))
        if annotation == "float":
            return repr(float(text))
    return None


# ---- source --------------------------------------------------------------------------------------


def _quoted(text: str) -> str:
    found = repr(text)
    return found if '"' in text or "\\" in found or "'" in text else f'"{found[1:-1]}"'


def sql_source(sql: str) -> str:
    """Return a piece of SQL as the argument of `sa.text()`, where a colon begins a parameter."""
    return _quoted(re.sub(r"(?<![:\w\\]):(?=\w)", r"\\:", sql))


def type_source(column_type: TypeEngine[Any]) -> str:
    """Return a type as Python: `sa.String(length=50)`, `postgresql.CIDR()`."""
    if isinstance(column_type, SqlType):
        return f"SqlType({_quoted(column_type.sql)})"
    kind = type(column_type)
    dialect = re.match(r"sqlalchemy\.dialects\.(\w+)", kind.__module__)
    prefix = f"{dialect[1]}." if dialect else "sa."
    if isinstance(column_type, sa.ARRAY):
        return f"{prefix}ARRAY({type_source(column_type.item_type)})"
    if isinstance(column_type, sa.JSON):
        return f"{prefix}{kind.__name__}()"
    if isinstance(column_type, sa.Enum):
        labels = [*map(_quoted, column_type.enums)]
        name = [f"name={_quoted(column_type.name)}"] if column_type.name else []
        schema = [f"schema={_quoted(column_type.schema)}"] if column_type.schema else []
        return f"{prefix}{kind.__name__}({', '.join([*labels, *name, *schema])})"
    return prefix + re.sub(r"'([^'\"\\]*)'", r'"\1"', repr(column_type))
