"""Laws checked on schemas that nobody wrote, and how often the library says what it cannot do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from andamios_orm import Model
from andamios_orm.errors import NotSupported
from andamios_orm.testing import strategies
from andamios_orm.testing.laws import Law, LawBroken, Playground
from andamios_orm.testing.strategies.class_code import code_of_classes
from andamios_orm.testing.strategies.classes import EngineName

__all__ = ["Tally", "check_on_random_schemas"]

Models = tuple[type[Model], ...]


@dataclass
class Tally:
    """What came of laws on many schemas."""

    schemas: int = 0
    refused: int = 0
    """Schemas that the engine cannot have."""
    held: Counter[str] = field(default_factory=Counter)
    """By law: on how many schemas it holds."""
    said: Counter[str] = field(default_factory=Counter)
    """By law: on how many it says nothing, or the library that the engine cannot do it."""


def check_on_random_schemas(
    url: str, engine: EngineName, laws: Iterable[Law], *, schemas: int, rows: int, again: bool
) -> Tally:
    """Check laws on random schemas, each with some examples of rows. Raises LawBroken.

    What it raises has the classes and the example as a program. With `again` the same schemas are
    drawn each time; without, `--hypothesis-seed` says which.
    """
    tally, chosen, drawn = Tally(), [*laws], count()

    usual = strategies.schema_models(most=2)
    own = strategies.schema_models(most=3, engine=engine)

    @settings(_drawn(schemas + 1), derandomize=again)
    @given(st.one_of(usual, own), st.integers(0, 2**32))
    def check(models: Models, seed: int) -> None:
        if next(drawn) == 0:
            return  # the simplest one, which all other tests are about
        tally.schemas += 1
        try:
            with Playground(url, *models) as playground:
                for law in chosen:
                    _count(law, playground, rows, seed, tally)
        except NotSupported:
            tally.refused += 1
        except LawBroken:
            raise
        except Exception as error:
            error.add_note(f"with these classes:\n\n{code_of_classes(models)}")
            raise

    check()
    return tally


def _count(law: Law, playground: Playground, rows: int, seed: int, tally: Tally) -> None:
    if law.spared(playground) is not None:
        tally.said[law.name] += 1
        return
    try:
        law.check(playground, using=_drawn(rows), seed=seed)
    except LawBroken as broken:
        if not isinstance(broken.__cause__, NotSupported):
            raise
        tally.said[law.name] += 1
    else:
        tally.held[law.name] += 1


def _drawn(examples: int) -> settings:
    return settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
