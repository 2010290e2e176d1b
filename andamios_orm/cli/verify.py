"""`verify`: whether models and engines keep the laws, with made up rows in scratch databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from random import Random
from typing import TYPE_CHECKING, Annotated

import typer

from andamios_orm.cli import completing
from andamios_orm.cli.exit_codes import ExitCode
from andamios_orm.cli.options import AsJson, DatabaseName, NoColor
from andamios_orm.cli.output import Output
from andamios_orm.cli.running import Project, project
from andamios_orm.errors import ConfigurationProblem, MissingDriver

if TYPE_CHECKING:
    from andamios_orm.testing.laws import Verdict

__all__ = ["COMMANDS"]

_verify = typer.Typer(rich_markup_mode=None, add_completion=False)


@_verify.command()
def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL",
            help="Models or tables; all of them if none.",
            autocompletion=completing.models,
        ),
    ] = None,
    laws: Annotated[
        list[str] | None,
        typer.Option(
            "--law", metavar="NAME", help="Check this law only; repeat it.", show_default=False
        ),
    ] = None,
    engines: Annotated[
        list[str] | None,
        typer.Option(
            "--engine",
            metavar="NAME",
            help="Check on this engine; repeat it. Without, on duckdb and sqlite, in memory.",
            show_default=False,
        ),
    ] = None,
    examples: Annotated[
        int, typer.Option(min=1, metavar="N", help="Make up so many examples for each law.")
    ] = 100,
    seed: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Make up the same examples as another run.", show_default=False
        ),
    ] = None,
    database: DatabaseName = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Check that models come back as they are stored, and the other laws, with made up rows.

    The rows are stored in databases made for it: in memory, or on a private server that ends with
    the command (or the one of ANDAMIOS_TEST_URL_POSTGRESQL, ..._MARIADB). The project's database
    is not touched. A law that does not hold is told with the smallest example, as code for a test;
    the exit code is 4 then.

    Example: andamios-orm verify Hero Team --law roundtrip --examples 500
    """
    found = project(database=database, as_json=as_json, no_color=no_color)
    _require_hypothesis()
    found.load_models()
    seed = Random().randrange(2**32) if seed is None else seed  # noqa: S311 - no secret
    verdicts = _verdicts(found, names or [], laws or [], engines or [], examples, seed)
    if as_json:
        found.output.document(_document(verdicts, examples, seed))
    else:
        _tell(found.output, verdicts, seed)
    if any(verdict.broken for verdict in verdicts):
        raise SystemExit(int(ExitCode.DIFFERENT))


def _require_hypothesis() -> None:
    if find_spec("hypothesis") is None:
        raise MissingDriver(
            "this needs the package `hypothesis`, which is not installed",
            'pip install "andamios-orm[testing]"',
        )


def _verdicts(
    found: Project,
    names: list[str],
    laws: list[str],
    engines: list[str],
    examples: int,
    seed: int,
) -> list[Verdict]:
    from hypothesis import HealthCheck, settings  # noqa: PLC0415 - an extra

    from andamios_orm.database.engine import Database  # noqa: PLC0415 - brings SQLAlchemy
    from andamios_orm.seeding.running import models_of  # noqa: PLC0415 - as above
    from andamios_orm.testing import laws as known  # noqa: PLC0415 - as above

    # The project's database is not opened, and its driver not needed: any that has the models.
    models = models_of(Database("sqlite://", metadata=found.metadata()), names)
    if not models:
        raise ConfigurationProblem(
            "the project has no models",
            "name the modules that declare them in the settings: models",
        )
    chosen = [known.law_named(name) for name in laws or known.LAWS]
    using = settings(max_examples=examples, database=None, suppress_health_check=list(HealthCheck))
    verdicts: list[Verdict] = []
    with known.Scratch() as scratch, _progress(found.output) as show:
        for engine in known.known_engines(engines) or known.DEFAULT_ENGINES:
            for law in chosen:
                show(f"{law.name} on {engine}")
                url = scratch.url(engine)
                verdicts.append(known.verdict_of(law, url, *models, using=using, seed=seed))
    return verdicts


@contextmanager
def _progress(output: Output) -> Iterator[Callable[[str], None]]:
    """Show what goes on, in a terminal only."""
    with output.progress.status("") as status:
        yield status.update


def _document(verdicts: list[Verdict], examples: int, seed: int) -> dict[str, object]:
    return {
        "examples": examples,
        "seed": seed,
        "verdicts": [
            {
                "law": verdict.law.name,
                "engine": verdict.engine,
                "verdict": _word(verdict),
                "reason": verdict.spared,
                "broken": str(verdict.broken) if verdict.broken else None,
                "code": verdict.broken.code if verdict.broken else None,
            }
            for verdict in verdicts
        ],
    }


def _word(verdict: Verdict) -> str:
    return "broken" if verdict.broken else "ok" if verdict.spared is None else "spared"


def _tell(output: Output, verdicts: list[Verdict], seed: int) -> None:
    engines = list(dict.fromkeys(verdict.engine for verdict in verdicts))
    laws = list(dict.fromkeys(verdict.law.name for verdict in verdicts))
    words = {(verdict.law.name, verdict.engine): _word(verdict) for verdict in verdicts}
    output.table(
        ("law", *engines), [(law, *(words[law, engine] for engine in engines)) for law in laws]
    )
    for (engine, reason), spared in _reasons(verdicts).items():
        names = "" if len(spared) == len(laws) else f" ({', '.join(spared)})"
        output.line(f"spared on {engine}{names}: {reason}")
    broken = [verdict.broken for verdict in verdicts if verdict.broken]
    for error in broken:
        output.line(f"\n{error}")
    if broken:
        output.note(f"The same examples again: --seed {seed}")


def _reasons(verdicts: list[Verdict]) -> dict[tuple[str, str], list[str]]:
    """Return which laws are spared, by the engine and the reason."""
    found: dict[tuple[str, str], list[str]] = {}
    for verdict in verdicts:
        if verdict.spared is not None:
            found.setdefault((verdict.engine, verdict.spared), []).append(verdict.law.name)
    return found


COMMANDS = {"verify": _verify}
