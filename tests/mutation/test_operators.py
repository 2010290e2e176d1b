"""The mistakes that `make mutation` makes, and what it leaves alone."""

import ast
from pathlib import Path

import pytest

from tests.mutation.__main__ import interval
from tests.mutation.operators import count_in, mutant_of, mutated
from tests.mutation.trying import of_few_files, within

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


@pytest.mark.parametrize(
    ("source", "number", "lines", "at_import"),
    [
        ("x = (\n    1\n)\n", 0, {1, 2, 3}, True),
        ("def f():\n    if (\n        a\n    ):\n        b\n", 0, {2, 3, 4}, False),
        ("@g\ndef f(\n    a=1,\n):\n    return None\n", 0, {2, 3, 4}, True),
        ("A = 1\nB = [A]\ndef f():\n    return B\ndef g():\n    return C\n", 0, {1, 4}, True),
        ("class A:\n    def f(self):\n        return 1\n", 1, {3}, False),
    ],
)
def test_a_mutant_knows_the_lines_whose_tests_may_notice_it(
    source: str, number: int, lines: set[int], at_import: bool
) -> None:
    found = mutant_of(PATH, source, number)

    assert (set(found.lines), found.at_import) == (lines, at_import)


def test_a_mutant_meets_the_files_first_that_run_it_most_those_of_units_before_others() -> None:
    tests = [f"tests/integration/a.py::t{n}[x]" for n in range(9)]
    tests += ["tests/unit/b.py::t", "tests/unit/c.py::t", "tests/unit/c.py::u[1]"]
    tests += ["tests/unit/d.py::t", "tests/unit/d.py::u", "tests/unit/d.py::v"]

    files = {test.partition("::")[0] for test in of_few_files(tests)}

    assert files == {"tests/unit/b.py", "tests/unit/c.py", "tests/unit/d.py"}


def test_tests_are_taken_as_far_as_the_seconds_go_and_one_at_least() -> None:
    seconds = {"a": 3.0, "b": 1.0, "c": 0.5}

    assert within("bca", 2.0, seconds) == ["b", "c"]
    assert within("a", 2.0, seconds) == ["a"]
