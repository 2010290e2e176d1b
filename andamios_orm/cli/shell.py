"""`shell`: Python with the models and the database at hand."""

from __future__ import annotations

import asyncio
import code
import inspect
from collections.abc import Awaitable, Mapping
from importlib import import_module
from importlib.util import find_spec
from types import CodeType, FunctionType
from typing import cast

import typer

from andamios_orm.cli.options import DatabaseName, Environment, Url
from andamios_orm.cli.running import project

__all__ = ["COMMANDS"]

_shell = typer.Typer(rich_markup_mode=None, add_completion=False)


@_shell.command()
def shell(url: Url = None, database: DatabaseName = None, environment: Environment = None) -> None:
    """Python with `db`, every model by its name, and its repository by its table's name.

    `await` works at the prompt: await hero.count(). It is IPython where that is installed.

    Example: andamios-orm shell
    """
    found = project(url=url, database=database, environment=environment)
    found.load_models()
    from andamios_orm.repositories.repository import Repository  # noqa: PLC0415 - loads drivers
    from andamios_orm.schema.compiler import compile_all  # noqa: PLC0415 - as above
    from andamios_orm.schema.registry import declarations  # noqa: PLC0415 - as above

    db = found.database()
    compile_all(db.metadata)
    names: dict[str, object] = {"db": db, "Repository": Repository}
    for declaration in declarations(db.metadata):
        names[declaration.model.__name__] = declaration.model
        names.setdefault(declaration.table_name, Repository(declaration.model, db))  # type: ignore[type-var]  # each is a Model
    banner = f"{db!r}: {', '.join(names)}\nawait works here; Ctrl-D ends"
    if find_spec("IPython") is None:
        _Console(names).interact(banner=banner, exitmsg="")
        return
    typer.echo(banner)
    import_module("IPython").start_ipython(argv=["--no-banner"], user_ns=names)


class _Console(code.InteractiveConsole):
    """Python's own prompt, with `await`."""

    def __init__(self, names: Mapping[str, object]) -> None:
        super().__init__({"__name__": "__console__", **names})
        from ast import PyCF_ALLOW_TOP_LEVEL_AWAIT  # noqa: PLC0415 - beside its use

        self.compile.compiler.flags |= PyCF_ALLOW_TOP_LEVEL_AWAIT
        # One loop for all lines: the database belongs to one.
        self._runner = asyncio.Runner()

    def runcode(self, code: CodeType) -> None:
        """Run one input, and wait for what it awaits."""
        try:
            found = FunctionType(code, cast("dict[str, object]", self.locals))()
            if inspect.isawaitable(found):
                self._runner.run(_awaited(found))
        except SystemExit:
            raise
        except BaseException:
            self.showtraceback()


async def _awaited(found: Awaitable[object]) -> object:
    return await found


COMMANDS = {"shell": _shell}
