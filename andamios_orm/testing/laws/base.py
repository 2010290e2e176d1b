"""What a law is, how it is checked, and what is told when it is broken."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import signature
from textwrap import wrap
from types import TracebackType
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis.errors import (
    FailedHealthCheck,
    FlakyFailure,
    HypothesisException,
    Unsatisfiable,
)
from hypothesis.strategies import SearchStrategy

from andamios_orm.errors import AndamiosError, CheckViolation, UsageError
from andamios_orm.models.base import Model
from andamios_orm.testing.laws.finding import models_in
from andamios_orm.testing.laws.playground import Playground
from andamios_orm.testing.laws.showing import Writer
from andamios_orm.testing.strategies.class_code import ClassCode, groups_of
from andamios_orm.testing.strategies.class_plan import is_made_up
from andamios_orm.testing.strategies.problems import MostlyRefused

__all__ = ["Broken", "Example", "Law", "LawBroken"]

Example = tuple[Any, ...]
"""The arguments of one check, each of which can be written as code."""

_NOTHING = object()


class Broken(AssertionError):
    """What a law raises: what differs, what it should be and what it is, told as code.

    ```python
    from andamios_orm.testing.laws import Broken

    assert "found:    2" in str(Broken("the number of heroes", expected=1, found=2))
    ```
    """

    def __init__(self, what: str, *, expected: object = _NOTHING, found: object = _NOTHING) -> None:
        lines = [what]
        if expected is not _NOTHING:
            lines.append(f"  expected: {_one_line(expected)}")
        if found is not _NOTHING:
            lines.append(f"  found:    {_one_line(found)}")
        super().__init__("\n".join(lines))


class LawBroken(AssertionError):
    """A law does not hold; the text has the smallest example as code for a test.

    `law` and `engine` are their names, and `code` is the example alone: its imports and the call
    that checks the law with it again.
    """

    def __init__(self, text: str, *, law: str, engine: str, code: str) -> None:
        super().__init__(text)
        self.law = law
        self.engine = engine
        self.code = code

    def __reduce__(self) -> tuple[object, tuple[str, dict[str, str]]]:
        # Exceptions are rebuilt from `args` by default, which fails for keyword parameters.
        return (_rebuilt, (str(self), {n: getattr(self, n) for n in ("law", "engine", "code")}))


def _rebuilt(text: str, named: dict[str, str]) -> LawBroken:
    return LawBroken(text, **named)


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """Something that holds for all rows of all models on all engines.

    Calling it checks it with made up examples; `replay` checks one example, as a failure prints it.
    """

    name: str
    statement: str
    """In one sentence."""
    examples: Callable[[Playground], SearchStrategy[Example]]
    holds: Callable[..., Awaitable[None]]
    """Called with the playground, which is empty, and an example; raises AssertionError."""
    spared: Callable[[Playground], str | None] = lambda playground: None
    """Why it says nothing here: an engine without transactions cannot roll one back."""
    effort: int = 1
    """How many times longer an example takes than one of others; so many fewer are made up."""

    def __call__(self, url: str, *models: type[Model]) -> None:
        """Check it with made up examples, in a database that has none of the models' tables.

        How many examples, and which, is for hypothesis's settings to say: of its current profile.
        Says nothing where the law is spared. Raises LawBroken with the smallest example.
        """
        __tracebackhide__ = True
        with Playground(url, *models) as playground:
            self.check(playground)

    def check(
        self,
        playground: Playground,
        *,
        using: settings | None = None,
        seed: int | None = None,
    ) -> None:
        """Check it in a playground. Raises LawBroken.

        `using` are hypothesis's settings in place of the current profile's. The same `seed` makes
        the same examples. Raises MostlyRefused where a CHECK of the tables refuses nearly all rows.

        ```python
        from hypothesis import settings

        from andamios_orm.testing import laws

        with laws.Playground("sqlite://", Hero) as playground:
            laws.roundtrip.check(playground, using=settings(max_examples=5), seed=1)
        ```
        """
        __tracebackhide__ = True
        # Some laws ask the engine what it can do with the tables, and rows that do not fit their
        # models, which another law has left, are no answer.
        playground.empty()
        if self.spared(playground) is not None:
            return
        failed: list[tuple[Example, Exception]] = []
        refused: list[CheckViolation] = []

        def attempt(example: Example) -> None:
            try:
                _try(self, playground, example)
            except HypothesisException as error:
                if isinstance(error.__context__, CheckViolation):
                    refused[:] = [error.__context__]
                raise
            except Exception as error:
                failed[:] = [(example, error)]
                raise

        # Hypothesis tells tests apart by their names: what it remembers, and what it draws.
        names = "_".join(model.__name__ for model in playground.models)
        attempt.__name__ = f"{self.name}_{playground.engine}_{names}"
        test = _settings(using, self.effort)(given(self.examples(playground))(attempt))
        if seed is not None:
            test = seeded(seed)(test)
        try:
            test()
        except (FailedHealthCheck, Unsatisfiable):
            if not refused:
                raise
            raise _mostly_refused(refused[0]) from None
        except Exception as error:
            if not failed or not _is_of(error, failed[0][1]):
                raise
            example, cause = failed[0]
            flaky = isinstance(error, FlakyFailure)
            raise self._broken(playground, example, cause, flaky=flaky) from _shown(cause)

    def replay(self, url: str, *example: object, models: tuple[type[Model], ...] = ()) -> None:
        """Check it with one example, as a failure prints it. Raises LawBroken.

        The models are those of the example, and those in `models`. Raises UsageError for what is
        no example of this law.

        ```python
        from andamios_orm.testing import laws

        laws.roundtrip.replay("sqlite://", [Hero(id=1, name="")])
        ```
        """
        __tracebackhide__ = True
        takes = signature(self.holds)
        try:
            takes.bind(None, *example)
        except TypeError as error:
            _, *names = takes.parameters
            raise UsageError(
                f"an example of {self.name} is {', '.join(names)}; {len(example)} value(s) came",
                f"give them as a failure prints them: `laws.{self.name}.replay(url, ...)`",
            ) from error
        found = (*self._models_in(example), *models)
        if not found:
            raise UsageError(
                f"the example of {self.name} has no instance, so nobody knows its models",
                f"name them: `laws.{self.name}.replay(url, ..., models=(Hero,))`",
            )
        with Playground(url, *found) as playground:
            try:
                _try(self, playground, example)
            except Exception as error:
                raise self._broken(playground, example, error) from _shown(error)

    def _models_in(self, example: Example) -> tuple[type[Model], ...]:
        """Return the models whose tables an example needs."""
        return models_in(example)

    def _broken(
        self, playground: Playground, example: Example, error: Exception, *, flaky: bool = False
    ) -> LawBroken:
        names = ", ".join(model.__name__ for model in playground.models)
        code = self._code(playground, example)
        lines = [
            f"{self.name} does not hold on {playground.engine} for {names}",
            "",
            *wrap(f"law: {self.statement}", 96, initial_indent="  ", subsequent_indent="  "),
            *(f"  {line}" for line in _told(error).splitlines()),
        ]
        if flaky:
            lines += ["", "  It was broken once and held when the same example was tried again."]
        lines += ["", "The smallest example, as code for a test:", "", code]
        text = "\n".join(lines)
        return LawBroken(text, law=self.name, engine=playground.engine, code=code)

    def _code(self, playground: Playground, example: Example) -> str:
        # Of other classes a statement would not say all: they may have validators.
        classes = ClassCode(groups_of(m for m in playground.models if is_made_up(m)))
        writer = Writer(classes.names)
        writer.names.use("andamios_orm.testing", "laws")
        arguments: list[tuple[str | None, object]] = [(None, playground.shown_url)]
        arguments += [(None, argument) for argument in example]
        if set(playground.models) - set(Playground.models_of(self._models_in(example))):
            arguments.append(("models", playground.models))
        call = writer.program(writer.call(f"laws.{self.name}.replay", arguments))
        return f"{classes.text}\n\n{call}" if classes.names else call


def _settings(using: settings | None, effort: int) -> settings:
    base = using or settings()  # those of the current profile
    return settings(
        base,
        max_examples=max(1, base.max_examples // effort),
        deadline=None,
        # What explains a failure by the lines that it ran traces all of them.
        phases=[phase for phase in base.phases if phase is not Phase.explain],
        report_multiple_bugs=False,
        suppress_health_check={*base.suppress_health_check, *_NOT_OURS},
    )


def _mostly_refused(error: CheckViolation) -> MostlyRefused:
    name = error.model.__name__ if error.model else "a table"
    return MostlyRefused(
        f"the constraint {error.constraint} of {name} refuses nearly all rows that are made up",
        "say the same in the model, with bounds such as `field(lt=1000)` or with a validator: rows"
        " are made up from what the model says",
    )


# They tell how fast the machine is, and how large the user's models are.
_NOT_OURS = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)


def _try(law: Law, playground: Playground, example: Example) -> None:
    playground.empty()
    playground.run(_awaited(law.holds(playground, *example)))


async def _awaited(work: Awaitable[None]) -> None:
    await work


def _one_line(value: object) -> str:
    return Writer().text(value)


def _told(error: Exception) -> str:
    if isinstance(error, AssertionError) and str(error):
        return str(error)
    if isinstance(error, AndamiosError):
        return f"{type(error).__name__}: {error.problem}"
    return f"{type(error).__name__}: {error}"


def _is_of(error: Exception, cause: Exception) -> bool:
    """Whether hypothesis reports this failure, and nothing about how it was run."""
    return error is cause or isinstance(error, FlakyFailure)


def _shown(error: Exception) -> Exception | None:
    """Return what is shown as the cause: nothing where the law itself has told it all."""
    if isinstance(error, Broken):
        return None
    return error.with_traceback(_own(error.__traceback__))


def _own(traceback: TracebackType | None) -> TracebackType | None:
    """Leave out how hypothesis came to run the law."""
    at = traceback
    while at is not None and at.tb_frame.f_code is not _try.__code__:
        at = at.tb_next
    return at
