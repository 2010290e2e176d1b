"""Every Python block of the documentation runs, and every make command in it exists."""

import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.docs import run_page as runner
from tests.docs.conftest import RunPage
from tests.docs.run_page import PageError, blocks_of, run_page

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")]
    if page.exists()
)
MAKE = re.compile(r"^\$ make\s+(?P<words>.+?)\s*(?:#.*)?$")

each_page = pytest.mark.parametrize(
    "page", [pytest.param(page, id=page.relative_to(ROOT).as_posix()) for page in PAGES]
)


@each_page
def test_every_block_of_a_page_runs(page: Path, run_in_process: RunPage) -> None:
    # A process of its own: two pages may both declare a table `hero`, one program may not.
    done = run_in_process(page)

    assert done.returncode == 0, done.stdout


@each_page
def test_every_make_command_of_a_page_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    unknown = [f"{at}: make {target}" for at, target in make_targets(page) if target not in targets]

    assert unknown == []


def test_blocks_share_names_and_one_event_loop(write: Callable[[str], Path]) -> None:
    run_page(
        write("""
        ```python title="one.py"
        import asyncio
        loop = await asyncio.sleep(0, asyncio.get_running_loop())
        ```
        1. in a list
            ~~~python
            assert await asyncio.sleep(0, asyncio.get_running_loop()) is loop
            ~~~
        """)
    )


def test_a_block_may_start_a_loop_of_its_own(write: Callable[[str], Path]) -> None:
    run_page(
        write("""
        ```python
        import asyncio
        assert asyncio.run(asyncio.sleep(0, "done")) == "done"
        ```
        """)
    )


def test_a_class_of_a_block_belongs_to_a_real_module(write: Callable[[str], Path]) -> None:
    run_page(
        write("""
        ```python
        import sys
        class Hero: ...
        assert sys.modules[Hero.__module__].Hero is Hero
        ```
        """)
    )


def test_a_failing_block_is_shown_with_its_page_and_line(write: Callable[[str], Path]) -> None:
    page = write("""
        ```python
        one = 1
        assert one == 2
        ```
        """)

    with pytest.raises(PageError, match=r"page\.md:4: AssertionError") as failure:
        run_page(page)

    assert "> 4 | assert one == 2" in str(failure.value)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("1 / 0", "page.md:2: ZeroDivisionError"),
        ("import warnings; warnings.warn('old')", "page.md:2: UserWarning: old"),
        ("open('left.txt', 'w')", "unclosed file"),
    ],
)
def test_errors_warnings_and_leaks_fail_a_page(
    write: Callable[[str], Path], run_in_process: RunPage, code: str, message: str
) -> None:
    done = run_in_process(write(f"```python\n{code}\n```\n"))

    assert done.returncode == 1
    assert message in done.stdout


def test_a_page_can_be_run_by_itself(write: Callable[[str], Path], tmp_path: Path) -> None:
    page = write("```python\nimport os\nprint(os.getcwd())\n```\n")

    done = subprocess.run(
        [sys.executable, "-W", "error", runner.__file__, str(page)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, f"{tmp_path}\n")


def test_pages_leave_each_other_nothing(
    write: Callable[[str], Path], run_in_process: RunPage
) -> None:
    page = write("""
        ```python
        import sys
        assert "left" not in sys.modules
        sys.modules["left"] = sys
        ```
        """)

    assert [run_in_process(page).returncode, run_in_process(page).returncode] == [0, 0]


def test_a_no_run_block_is_not_run(write: Callable[[str], Path]) -> None:
    run_page(write("<!-- no-run: needs a server -->\n\n```python\nawait missing()\n```\n"))


def test_a_no_run_block_must_parse(write: Callable[[str], Path]) -> None:
    page = write("<!-- no-run: needs a server -->\n```python\nawait (\n```\n")

    with pytest.raises(PageError, match=r"page\.md:3: SyntaxError"):
        run_page(page)


@pytest.mark.parametrize("comment", ["<!-- no-run -->", "<!-- no-run: -->"])
def test_a_no_run_block_gives_a_reason(write: Callable[[str], Path], comment: str) -> None:
    page = write(f"{comment}\n```python\n1 / 0\n```\n")

    with pytest.raises(PageError, match=r"page\.md:2: no-run needs a reason"):
        run_page(page)


def test_a_block_that_never_ends_is_refused(write: Callable[[str], Path]) -> None:
    with pytest.raises(PageError, match=r"page\.md:1: the block never ends"):
        run_page(write("```python\n1\n"))


def test_make_targets_are_read_without_flags_and_variables(write: Callable[[str], Path]) -> None:
    page = write("```console\n$ make -j setup PYTHON=python3.12  # first\nok\n$ ls\n```\n")

    assert list(make_targets(page)) == [("page.md:2", "setup")]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def write_page(text: str) -> Path:
        page = tmp_path / "page.md"
        page.write_text(textwrap.dedent(text), encoding="utf-8")
        return page

    return write_page


def make_targets(page: Path) -> Iterator[tuple[str, str]]:
    for block in blocks_of(page):
        if block.language != "console":
            continue
        for number, line in enumerate(block.text.split("\n"), start=block.line):
            if command := MAKE.match(line):
                for word in command["words"].split():
                    if not word.startswith("-") and "=" not in word:
                        yield f"{page.name}:{number}", word
