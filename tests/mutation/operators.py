"""The small mistakes that are put into the code, one at a time."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Mutant", "count_in", "mutant_of", "mutated"]

_SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.Break: ast.Continue,
    ast.Continue: ast.Break,
}
# What they are called with is a name for people, or for a type checker.
_NAMING = ("TypeVar", "ParamSpec", "NewType", "cast")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mistake: where it is and how the code reads with it."""

    path: Path
    number: int
    """Its place among the mutants of the file."""
    line: int
    lines: frozenset[int]
    """Those of the statement, of one with a block those of its head; of one that gives a name to
    something for the whole module, those that use the name, too."""
    at_import: bool
    """Whether it is outside of all functions."""
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.before}  ->  {self.after}"


@dataclass(frozen=True, slots=True)
class _Site:
    """A change of the tree in place, and the smallest part of the code that shows it."""

    shown: ast.AST
    change: Callable[[], None]


def count_in(source: str) -> int:
    """Return how many mutants a file has."""
    return sum(1 for _ in _sites(ast.parse(source)))


def mutant_of(path: Path, source: str, number: int) -> Mutant:
    """Return one of the mutants of a file, which are numbered in the order of its text."""
    tree = ast.parse(source)
    site = _site(tree, number)
    lines = _lines(site.shown)
    line = min(lines)
    at_import = not _is_in_function(tree, line)
    if at_import:
        lines |= _lines_that_use(tree, line)
    before = ast.unparse(site.shown)
    site.change()
    return Mutant(
        path, number, line, lines, at_import, _short(before), _short(ast.unparse(site.shown))
    )


def mutated(source: str, number: int) -> ast.Module:
    """Return the file's tree with one mistake in it."""
    tree = ast.parse(source)
    site = _site(tree, number)
    site.change()
    return ast.fix_missing_locations(tree)


def _short(text: str) -> str:
    first, *rest = text.splitlines() or [""]
    return f"{first} ..." if rest else first


def _lines(shown: ast.AST) -> frozenset[int]:
    begin: int = getattr(shown, "lineno", 0)
    body = getattr(shown, "body", None)
    end: int = body[0].lineno if isinstance(body, list) else getattr(shown, "end_lineno", begin) + 1
    return frozenset(range(begin, max(end, begin + 1)))


def _lines_that_use(tree: ast.Module, line: int) -> frozenset[int]:
    """Return the lines of functions that use what a line of the module gives a name to."""
    names: set[str] = set()
    for statement in tree.body:
        if statement.lineno <= line <= (statement.end_lineno or 0):
            names |= _given_names(statement)
    found: set[int] = set()
    for statement in tree.body:  # in order: a name may be used to make the next one
        used = [n for n in ast.walk(statement) if isinstance(n, ast.Name) and n.id in names]
        if used:
            names |= _given_names(statement)
            found |= {node.lineno for node in used if _is_in_function(tree, node.lineno)}
    return frozenset(found)


def _given_names(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.Assign):
        targets: list[ast.expr] = statement.targets
    elif isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    else:
        return set()
    return {n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)}


def _is_in_function(tree: ast.Module, line: int) -> bool:
    return any(
        node.body[0].lineno <= line <= (node.end_lineno or 0)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def _site(tree: ast.Module, number: int) -> _Site:
    for position, site in enumerate(_sites(tree)):
        if position == number:
            return site
    raise IndexError(number)


def _sites(tree: ast.Module) -> Iterator[_Site]:
    yield from _in_block(tree.body)


def _in_block(body: list[ast.stmt]) -> Iterator[_Site]:
    for position, statement in enumerate(body):
        if _is_for_people(statement):
            continue
        if _is_call(statement):
            yield _replacing(body, position, ast.copy_location(ast.Pass(), statement))
        yield from _in_statement(statement)


def _in_statement(statement: ast.stmt) -> Iterator[_Site]:
    if isinstance(statement, ast.Return) and not _is_none(statement.value):
        yield _setting(statement, "value", ast.Constant(None), statement)
    if isinstance(statement, ast.If | ast.While):
        yield _negating(statement, statement.test)
    for name, value in ast.iter_fields(statement):
        if name in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
            yield from _in_block(value)
        elif isinstance(value, list) and value and isinstance(value[0], ast.ExceptHandler):
            for handler in value:
                yield from _in_block(handler.body)
        elif isinstance(value, list) and value and isinstance(value[0], ast.match_case):
            for case in value:
                yield from _in_block(case.body)
        elif isinstance(statement, ast.Raise):
            yield from _in_expression(value, statement, words=False)
        else:
            yield from _in_expression(value, statement, words=True)


def _in_expression(value: object, shown: ast.AST, *, words: bool) -> Iterator[_Site]:
    if isinstance(value, list):
        for one in value:
            yield from _in_expression(one, shown, words=words)
        return
    if not isinstance(value, ast.AST) or isinstance(value, ast.arg):
        return
    if isinstance(value, ast.Compare):
        for position, operator in enumerate(value.ops):
            yield _replacing(value.ops, position, _swapped(operator), shown)
    elif isinstance(value, ast.BoolOp | ast.BinOp) and type(value.op) in _SWAPPED:
        yield _setting(value, "op", _swapped(value.op), shown)
    elif isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.Not):
        yield _setting(value, "op", ast.UAdd(), shown, also=("operand", _as_bool(value.operand)))
    elif isinstance(value, ast.IfExp):
        yield _negating(value, value.test, shown)
    elif isinstance(value, ast.comprehension):
        for position, condition in enumerate(value.ifs):
            yield _replacing(value.ifs, position, _not(condition), shown)
    elif isinstance(value, ast.Constant):
        yield from _in_constant(value, shown, words=words)
    naming = isinstance(value, ast.Call) and getattr(value.func, "id", "") in _NAMING
    for name, part in ast.iter_fields(value):
        if not (isinstance(value, ast.Subscript) and name == "slice" and _is_type(value)):
            yield from _in_expression(part, shown, words=words and not naming)


def _in_constant(constant: ast.Constant, shown: ast.AST, *, words: bool) -> Iterator[_Site]:
    value = constant.value
    if isinstance(value, bool):
        yield _setting(constant, "value", not value, shown)
    elif isinstance(value, int):
        yield _setting(constant, "value", value + 1, shown)
    elif isinstance(value, str) and words:
        yield _setting(constant, "value", f"{value}!", shown)


# ---- one change of the tree ----------------------------------------------------------------------


def _setting(
    node: ast.AST, name: str, value: object, shown: ast.AST, also: tuple[str, object] | None = None
) -> _Site:
    def change() -> None:
        setattr(node, name, value)
        if also is not None:
            setattr(node, *also)

    return _Site(shown, change)


def _replacing(
    nodes: list[ast.AST] | list[ast.stmt] | list[ast.cmpop] | list[ast.expr],
    position: int,
    value: ast.AST,
    shown: ast.AST | None = None,
) -> _Site:
    there: list[ast.AST] = nodes  # type: ignore[assignment] # each list gets what it holds
    if shown is not None:
        return _Site(shown, lambda: there.__setitem__(position, value))
    # What is left of a statement shows nothing, so the statement becomes one that says so.
    statement = there[position]

    def change() -> None:
        there[position] = value
        statement.__class__ = ast.Pass

    return _Site(statement, change)


def _negating(
    node: ast.If | ast.While | ast.IfExp, test: ast.expr, shown: ast.AST | None = None
) -> _Site:
    return _setting(node, "test", _not(test), shown or node)


def _not(test: ast.expr) -> ast.expr:
    return ast.copy_location(ast.UnaryOp(ast.Not(), copy.deepcopy(test)), test)


def _as_bool(value: ast.expr) -> ast.expr:
    return ast.copy_location(ast.Call(ast.Name("bool", ast.Load()), [value], []), value)


def _swapped(operator: ast.AST) -> ast.AST:
    return _SWAPPED[type(operator)]()


# ---- what is left alone --------------------------------------------------------------------------


def _is_for_people(statement: ast.stmt) -> bool:
    """Whether a statement is there for a reader or a type checker only."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return True
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return True
    if isinstance(statement, ast.AnnAssign):
        return "TypeAlias" in ast.unparse(statement.annotation)
    if isinstance(statement, ast.Assign):
        return any(getattr(target, "id", "") == "__all__" for target in statement.targets)
    return isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING"


def _is_call(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call | ast.Await)


def _is_none(value: ast.expr | None) -> bool:
    return value is None or (isinstance(value, ast.Constant) and value.value is None)


def _is_type(value: ast.Subscript) -> bool:
    """Whether square brackets hold types: `TypeAdapter[list[int]]`."""
    name = ast.unparse(value.value).rpartition(".")[2]
    return name in ("dict", "list", "tuple", "set", "frozenset", "type") or name[:1].isupper()
