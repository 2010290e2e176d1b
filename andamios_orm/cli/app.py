"""The program `andamios-orm`: its commands by name, each loaded when it is run."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from andamios_orm.cli.exit_codes import MEANINGS
from andamios_orm.cli.output import Output

__all__ = ["COMMANDS", "app", "main"]

COMMANDS = {
    "init": ("init", "Begin a project: models, settings, seeds."),
    "dev-setup": ("servers", "Make this machine ready: settings, server, migrations, seeds."),
    "db-start": ("servers", "Start a database server for development."),
    "db-stop": ("servers", "Stop the server that db-start has started."),
    "db-reset": ("reset", "Drop all tables, and create them again from the migrations."),
    "db-seed": ("seed", "Store reference data, and sample data for development."),
    "migrate": ("migrate", "Bring the database to what the models say."),
    "schema": ("schema", "Show the models' tables, draw them, compare them with a database."),
    "query": ("query", "See how a database would find what a query asks for."),
    "audit": ("audit", "Find stored rows that their model no longer accepts."),
    "verify": ("verify", "Check with made up rows that models and engines keep the laws."),
    "doctor": ("doctor", "Find what is wrong with settings, drivers and database."),
    "shell": ("shell", "Python with the models and the database at hand."),
    "test": ("testing", "Run the project's tests."),
    "test-parallel": ("testing", "Run the project's tests on all cores."),
    "benchmark": ("testing", "Run the project's benchmarks."),
    "config": ("settings", "Show each setting, and where it comes from."),
}
"""Each command: the module of `andamios_orm.cli` that has it, and what it does in one line."""


class _Loaded(TyperCommand):
    """A command that is known by name, and loaded when it is run."""

    def __init__(self, name: str, module: str, told: str) -> None:
        super().__init__(name, help=told, short_help=told)
        self._module = module

    def load(self) -> Any:
        """Return the command itself."""
        module = import_module(f"andamios_orm.cli.{self._module}")
        apps: dict[str, typer.Typer] = module.COMMANDS
        return typer.main.get_command(apps[str(self.name)])

    def make_context(self, info_name: str | None, args: list[str], *more: Any, **extra: Any) -> Any:
        """Go on with the command itself."""
        return self.load().make_context(info_name, args, *more, **extra)


class _Commands(TyperGroup):
    """The commands in the order of COMMANDS."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return their names."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return one of them, None for a name that there is not."""
        if cmd_name not in COMMANDS:
            return None
        return _Loaded(cmd_name, *COMMANDS[cmd_name])


_CODES = "\n".join(f"{int(code)}  {told}" for code, told in MEANINGS.items())

app = typer.Typer(
    name="andamios-orm",
    cls=_Commands,
    help="Models, databases and what lies between them: migrations, seeds, pictures.",
    epilog=f"\b\nExit codes:\n{_CODES}\n130  interrupted",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(*, asked: bool) -> None:
    if asked:
        from importlib.metadata import version  # noqa: PLC0415 - only then

        typer.echo(version("andamios-orm"))
        raise typer.Exit


@app.callback()
def _program(
    version: bool = typer.Option(
        False,
        "--version",
        help="Show the version and end.",
        is_eager=True,
        callback=lambda value: _version(asked=value),
    ),
) -> None:
    """Models, databases and what lies between them: migrations, seeds, pictures."""


def main() -> None:
    """Run the program with the arguments of this process."""
    as_json = "--json" in sys.argv[1:]
    Output.documented = False
    try:
        app()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)
    except SystemExit as end:
        if as_json and end.code and not Output.documented:
            code = end.code if isinstance(end.code, int) else 1
            told = {int(known): meaning for known, meaning in MEANINGS.items()}
            # What was written wrongly, if that is why it ends.
            wrong = getattr(end.__context__, "format_message", None)
            if wrong is None:
                _document("Ended", told.get(code, "interrupted"), code)
            else:
                _document("UsageError", wrong(), code)
        raise
    except Exception as error:
        # Loaded with the first error: they bring SQLAlchemy along.
        from andamios_orm.cli.telling import tell  # noqa: PLC0415 - as said
        from andamios_orm.errors import AndamiosError  # noqa: PLC0415 - as said

        if not isinstance(error, AndamiosError):
            if as_json and not Output.documented:
                # Its text may have values of rows.
                _document(type(error).__name__, "something failed that was not foreseen", 1)
            raise
        sys.exit(int(tell(error, as_json=as_json)))


def _document(error: str, problem: str, code: int) -> None:
    """Write the one document of a command that has found nothing."""
    fix = "stderr tells more; --help after the command shows how it is written"
    Output().document({"error": error, "problem": problem, "fix": fix, "exit_code": code})
