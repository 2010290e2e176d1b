"""`pytest --andamios-laws package.models`: a test for each law on each engine.

A plugin of its own, which the plugin `andamios` registers where the option is given.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from traceback import format_exception
from typing import Any

import pytest

from andamios_orm.errors import AndamiosError
from andamios_orm.models.base import Model
from andamios_orm.schema.registry import declarations
from andamios_orm.testing.laws.base import Law, LawBroken
from andamios_orm.testing.laws.every import LAWS, law_named, verdict_of
from andamios_orm.testing.laws.scratch import DEFAULT_ENGINES, Scratch, known_engines

__all__ = ["LawItem", "ModuleOfModels", "models_of_module"]

_scratch = pytest.StashKey[Scratch]()


# Before pytest's own, which leave out what `-k` and `-m` do not name.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add the laws to what is tested, also where there is no file of tests."""
    try:
        names: list[str] = config.getoption("andamios_law")
        laws = [law_named(name) for name in dict.fromkeys(names) or LAWS]
        engines = _engines(config)
        for module in dict.fromkeys(config.getoption("andamios_laws")):
            models = models_of_module(module, config.invocation_params.dir)
            parent = ModuleOfModels.from_parent(
                session, name=module, nodeid=module, laws=laws, engines=engines, models=models
            )
            # Reported as pytest reports what it collects, which counts them.
            report = config.hook.pytest_make_collect_report(collector=parent)
            config.hook.pytest_collectreport(report=report)
            items += report.result
    except AndamiosError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers."""
    if _scratch in config.stash:
        config.stash[_scratch].close()


def _engines(config: pytest.Config) -> tuple[str, ...]:
    given = config.getoption("andamios_engines") or " ".join(config.getini("andamios_engines"))
    return known_engines(given.replace(",", " ").split()) or DEFAULT_ENGINES


def models_of_module(module: str, folder: Path) -> tuple[type[Model], ...]:
    """Return the tables that a module declares or imports. Raises UsageError."""
    if str(folder) not in sys.path:
        # As `python -m pytest` does: a project without tests has nothing that makes it importable.
        sys.path.insert(0, str(folder))
    try:
        names = vars(import_module(module))
    except ImportError as error:
        raise pytest.UsageError(f"--andamios-laws {module}: {error}") from error
    # Whatever a module does when it is imported, to end the program included.
    except (Exception, SystemExit) as error:
        raise pytest.UsageError(
            f"--andamios-laws {module}: the module cannot be imported\n"
            + "".join(format_exception(error))
        ) from error
    known = {declaration.model for declaration in declarations()}
    found = [v for v in names.values() if isinstance(v, type) and v in known]
    models = [model for model in dict.fromkeys(found) if issubclass(model, Model)]
    if not models:
        raise pytest.UsageError(f"--andamios-laws {module}: the module has no tables")
    return tuple(models)


class ModuleOfModels(pytest.Collector):
    """The models of one module."""

    def __init__(
        self,
        *,
        laws: list[Law],
        engines: tuple[str, ...],
        models: tuple[type[Model], ...],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.laws = laws
        self.engines = engines
        self.models = models

    def collect(self) -> Iterator[LawItem]:
        """Yield a test for each law on each engine."""
        for law in self.laws:
            for engine in self.engines:
                yield LawItem.from_parent(
                    self, name=f"{law.name}[{engine}]", law=law, engine=engine
                )


class LawItem(pytest.Item):
    """One law on one engine."""

    parent: ModuleOfModels

    def __init__(self, *, law: Law, engine: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.law = law
        self.engine = engine
        # `-k laws` leaves out all other tests.
        self.extra_keyword_matches.add("laws")

    def runtest(self) -> None:
        """Check the law in a database made for it."""
        stash = self.config.stash
        if _scratch not in stash:
            # A worker asks the process that has started it for its servers.
            desk = getattr(self.config, "workerinput", {}).get("andamios_desk")
            stash[_scratch] = Scratch(desk)
        verdict = verdict_of(self.law, stash[_scratch].url(self.engine), *self.parent.models)
        if verdict.broken is not None:
            raise verdict.broken
        if verdict.spared is not None:
            pytest.skip(verdict.spared)  # the law's own reason

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None
    ) -> str | Any:
        """Show what is broken and the example, and after it what was raised by something else."""
        error = excinfo.value
        if not isinstance(error, LawBroken):
            return super().repr_failure(excinfo, style)
        cause = error.__cause__
        if cause is None:
            return str(error)
        return f"{error}\nIt was raised here:\n\n{''.join(format_exception(cause))}"

    def reportinfo(self) -> tuple[Path, None, str]:
        """Return what is shown for it."""
        return self.path, None, f"{self.parent.name}: {self.name}"
