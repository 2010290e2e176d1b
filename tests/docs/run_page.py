"""Run the Python blocks of one page of documentation, in order, as one module.

The blocks share one namespace and one event loop, as if a reader typed them. A block after
``<!-- no-run: reason -->`` must only parse.

`python run_page.py PAGE` runs a page. Without one, pages are read from standard input and each is
run in a process forked from an interpreter that has only imported the package: half of the time
of a page is spent on that.
"""

import ast
import asyncio
import gc
import importlib
import inspect
import json
import os
import re
import signal
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

__all__ = ["Block", "PageError", "blocks_of", "run_page"]

# What most pages import.
PACKAGE = "andamios_orm"
MODULES = ("andamios_orm.observe", "aiosqlite", "duckdb", "sqlalchemy.ext.asyncio", "uvloop")
SECONDS = 120
"""After which a page is not waited for any longer."""

FENCE = re.compile(
    r"^(?P<indent>\s*)(?P<marks>`{3,}|~{3,})[\s{.]*(?P<language>[\w+-]*)(?P<rest>.*)$"
)
NO_RUN = re.compile(r"^<!--\s*no-run\b:?\s*(?P<reason>.*?)\s*-->$")


class PageError(Exception):
    """What is wrong with a page: `page:line: reason`, then the block."""


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, its text and the line where the text begins."""

    page: Path
    language: str
    line: int
    text: str
    no_run: bool

    @property
    def source(self) -> str:
        """The text, moved down to its line in the page, so that tracebacks point there."""
        return "\n" * (self.line - 1) + self.text


def run_page(page: Path) -> None:
    """Run the page. Raises PageError for the first block that fails."""
    module = ModuleType("docs_page_" + re.sub(r"\W", "_", str(page.with_suffix(""))))
    module.__file__ = str(page)
    sys.modules[module.__name__] = module
    try:
        # A block without `await` runs outside the loop, so that it may call asyncio.run().
        with asyncio.Runner() as runner:
            for block in blocks_of(page):
                if block.language == "python":
                    run_block(block, module, runner)
    finally:
        del sys.modules[module.__name__]


def blocks_of(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page. Raises PageError where the page is malformed."""
    lines = enumerate(page.read_text(encoding="utf-8").splitlines(), start=1)
    before = ""  # the last line that was not blank
    for number, line in lines:
        if not (fence := FENCE.match(line)) or "`" in fence["rest"]:
            before = line.strip() or before
            continue
        comment = NO_RUN.match(before)
        if comment and not comment["reason"]:
            raise PageError(f"{page}:{number}: no-run needs a reason: <!-- no-run: reason -->")
        end = re.compile(rf"^\s*{re.escape(fence['marks'][0])}{{{len(fence['marks'])},}}\s*$")
        inside: list[str] = []
        for _, text in lines:
            if end.match(text):
                break
            # Inside a list or a note, the block is as far in as its fence.
            inside.append(text.removeprefix(fence["indent"]) if text.strip() else "")
        else:
            raise PageError(f"{page}:{number}: the block never ends")
        language = {"py": "python"}.get(fence["language"], fence["language"])
        yield Block(page, language, number + 1, "\n".join(inside), no_run=comment is not None)
        before = ""


def run_block(block: Block, module: ModuleType, runner: asyncio.Runner) -> None:
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        code = compile(block.source, str(block.page), "exec", flags, dont_inherit=True)
        if block.no_run:
            return
        result: object = eval(code, module.__dict__)  # noqa: S307  # our own documentation
        if inspect.iscoroutine(result):
            runner.run(result)
    except (Exception, SystemExit) as error:  # whatever it is, the page must be named
        raise PageError(describe(error, block)) from error


def describe(error: BaseException, block: Block) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    in_page = [frame.lineno for frame in frames if frame.filename == str(block.page)]
    if isinstance(error, SyntaxError) and error.filename == str(block.page):
        in_page.append(error.lineno)
    at = (in_page[-1] if in_page else None) or block.line
    width = len(str(block.line + block.text.count("\n")))
    shown = "\n".join(
        f"{'>' if number == at else ' '} {number:{width}} | {text}".rstrip()
        for number, text in enumerate(block.text.split("\n"), start=block.line)
    )
    head = f"{block.page}:{at}: {type(error).__name__}: {error}"
    return f"{head}\n\n{shown}\n\n{''.join(traceback.format_exception(error))}"


def main(page: Path) -> int:
    # What is raised where nobody can catch it, such as a warning about a connection left open.
    unraisable: list[str] = []
    sys.unraisablehook = lambda lost: unraisable.append(f"{page}: {lost.exc_value!r}")
    # Hypothesis then makes the same examples each time, and does not look at the clock.
    os.environ["CI"] = "true"
    sys.path[0] = ""  # a page imports from its working directory, as a program there would
    try:
        run_page(page)
        gc.collect()
    except PageError as error:
        print(error, file=sys.stderr)
        return 1
    print(*unraisable, sep="\n", file=sys.stderr)
    return 1 if unraisable else 0


def serve() -> None:
    """Answer each line `[page, folder, file for the output]` with an exit code."""
    package = importlib.import_module(PACKAGE)
    for name in package.__all__:  # they are loaded when they are asked for
        getattr(package, name)
    for name in MODULES:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        page, folder, output = json.loads(line)
        child = os.fork()
        if child == 0:
            os._exit(in_child(Path(page), folder, output))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def in_child(page: Path, folder: str, output: str) -> int:
    signal.alarm(SECONDS)
    with open(output, "w", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(folder)
    try:
        return main(page)
    except BaseException:  # the process ends here
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


if __name__ == "__main__":
    if sys.argv[1:]:
        sys.exit(main(Path(sys.argv[1])))
    serve()
