"""The mistakes that `make mutation` makes, and what it leaves alone."""

import ast
from pathlib import Path

import pytest

from tests.mutation.__main__ import interval
from tests.mutation.operators import count_in, mutant_of, mutated

PATH = Path("module.py")


def changes(source: str) -> list[str]:
    return [ast.unparse(mutated(source, number)) for number in range(count_in(source))]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = a < b", ["x = a <= b"]),
        ("x = a is b", ["x = a is not b"]),
        ("x = a in b and c", ["x = a in b or c", "x = a not in b and c"]),
        ("x = a + b", ["x = a - b"]),
        ("x = 1", ["x = 2"]),
        ("x = 'a'", ["x = 'a!'"]),
        ("x = True", ["x = False"]),
        ("x = not a", ["x = +bool(a)"]),
        ("x = a if b else c", ["x = a if not b else c"]),
        ("x = [a for a in b if c]", ["x = [a for a in b if not c]"]),
        ("if a:\n    x", ["if not a:\n    x"]),
        ("while a:\n    break", ["while not a:\n    break"]),
        ("def f():\n    return a", ["def f():\n    return None"]),
        ("f()", ["pass"]),
        ("raise E('text', a == b)", ["raise E('text', a != b)"]),
        ("try:\n    f()\nexcept E:\n    x", ["try:\n    pass\nexcept E:\n    x"]),
    ],
)
def test_each_mistake_is_made_by_itself(source: str, expected: list[str]) -> None:
    assert changes(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        "'''Text.'''",
        "import a",
        "__all__ = ['a']",
        "X: TypeAlias = 'int | None'",
        "x: 'int | None'",
        "def f(a: 'x') -> 'y':\n    return None",
        "x = TypeVar('x')",
        "x = cast('int', a)",
        "x = TypeAdapter['int'](a)",
        "if TYPE_CHECKING:\n    f()",
    ],
)
def test_what_is_for_people_is_left_alone(source: str) -> None:
    assert changes(source) == []


def test_a_mutant_says_where_it_is_and_what_it_reads_like() -> None:
    found = mutant_of(PATH, "x = 1\nif a:\n    f()\n", 1)

    assert str(found) == "module.py:2: if a: ...  ->  if not a: ..."


def test_the_share_of_a_sample_comes_with_what_the_whole_may_be() -> None:
    low, high = interval(90, 100)

    assert low < 0.9 < high
    assert interval(0, 10)[0] == pytest.approx(0)
