"""What `expressions.pyi` promises to type checkers is what the expression classes have."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

from andamios_orm.queries import expressions

STUB = ast.parse(Path(expressions.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))

NOT_FOR_USERS = {
    # What a node is to the builder of a statement.
    *("clause", "key", "models", "names_only", "values"),
    # What an expression is to a node that holds it.
    *("checked", "descending", "first", "id", "nullable", "term", "value_type"),
    # What a column is to an UPDATE.
    "require_assignable",
}

OPERATORS = {
    *("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__hash__", "__bool__"),
    *("__and__", "__rand__", "__or__", "__ror__", "__invert__", "__neg__", "__pos__", "__abs__"),
    *("__add__", "__radd__", "__sub__", "__rsub__", "__mul__", "__rmul__", "__mod__", "__rmod__"),
    *("__truediv__", "__rtruediv__", "__floordiv__", "__rfloordiv__", "__pow__", "__rpow__"),
    *("__matmul__", "__xor__", "__lshift__", "__rshift__", "__getitem__", "__call__", "__len__"),
}


def promised(name: str) -> set[str]:
    """Return the members of a class of the stub, with those of its bases in the stub."""
    classes = {node.name: node for node in STUB.body if isinstance(node, ast.ClassDef)}
    found: set[str] = set()
    for node in ast.walk(classes[name]):
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    for base in classes[name].bases:
        bare = base.value if isinstance(base, ast.Subscript) else base
        if isinstance(bare, ast.Name) and bare.id in classes:
            found |= promised(bare.id)
    return found


def kept(name: str) -> set[str]:
    """Return the members that an instance of a class has for its users."""
    cls: type = getattr(expressions, name)
    own = {member for base in cls.__mro__[:-1] for member in vars(base)}
    public = {member for member in own if not member.startswith("_")}
    return (public - NOT_FOR_USERS) | (own & OPERATORS)


CLASSES = ["Assignment", "Attr", "Condition", "Expr", "Order"]
RELATIONS = ["Path", "ToMany", "ToOne"]


@pytest.mark.parametrize("name", [*CLASSES, *RELATIONS])
def test_the_stub_promises_nothing_that_the_class_lacks(name: str) -> None:
    cls: type = getattr(expressions, name)
    # What a base only annotates, each subclass sets on its instances.
    annotated = {member for base in cls.__mro__ for member in inspect.get_annotations(base)}

    assert promised(name) - set(dir(cls)) - annotated == set()


@pytest.mark.parametrize("name", CLASSES)
def test_the_stub_knows_everything_that_the_class_has_for_users(name: str) -> None:
    assert kept(name) - promised(name) == set()


def test_every_public_class_of_the_stub_is_compared() -> None:
    public = {
        node.name
        for node in STUB.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    }

    # One has no members, and is there for its name; three are faces of one class each.
    assert public - {"ComparisonOfDifferentTypes", *RELATIONS} == set(CLASSES)


def test_the_stub_and_the_module_export_the_same_names() -> None:
    exported = next(
        node.value
        for node in STUB.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id == "__all__"
    )

    assert ast.literal_eval(exported) == expressions.__all__


@pytest.mark.parametrize("name", CLASSES)
def test_the_parameters_in_the_stub_have_the_names_that_they_have_at_run_time(name: str) -> None:
    node = next(n for n in STUB.body if isinstance(n, ast.ClassDef) and n.name == name)
    methods = [m for m in node.body if isinstance(m, ast.FunctionDef) and m.name[0] != "_"]
    calls = [m for m in methods if not any(ast.unparse(d) == "property" for d in m.decorator_list)]

    in_the_stub = {m.name: [a.arg for a in m.args.args] for m in calls}

    assert in_the_stub == {
        called: list(inspect.signature(getattr(getattr(expressions, name), called)).parameters)
        for called in in_the_stub
    }
