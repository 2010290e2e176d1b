"""All laws by their names, and how several are checked one after another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import MappingProxyType

from hypothesis import settings

from andamios_orm.errors import NotSupported, UsageError
from andamios_orm.models.base import Model
from andamios_orm.testing.laws.base import Law, LawBroken
from andamios_orm.testing.laws.bulk_equiv import bulk_equiv
from andamios_orm.testing.laws.constraints import constraint_parity
from andamios_orm.testing.laws.ddl_reflect import ddl_reflect
from andamios_orm.testing.laws.dialect_equiv import dialect_equiv
from andamios_orm.testing.laws.filter_parity import filter_parity
from andamios_orm.testing.laws.json_round_trip import json_roundtrip
from andamios_orm.testing.laws.load_parity import load_parity
from andamios_orm.testing.laws.migrate_updown import migrate_updown
from andamios_orm.testing.laws.page_partition import page_partition
from andamios_orm.testing.laws.playground import Playground
from andamios_orm.testing.laws.round_trip import roundtrip
from andamios_orm.testing.laws.shape_parity import shape_parity
from andamios_orm.testing.laws.unit_of_work import unit_of_work
from andamios_orm.testing.laws.update_frame import update_frame

__all__ = ["LAWS", "Verdict", "check_all", "law_named", "verdict_of"]

LAWS: Mapping[str, Law] = MappingProxyType(
    {
        law.name: law
        for law in (
            roundtrip,
            json_roundtrip,
            constraint_parity,
            filter_parity,
            page_partition,
            load_parity,
            shape_parity,
            update_frame,
            unit_of_work,
            bulk_equiv,
            dialect_equiv,
            ddl_reflect,
            migrate_updown,
        )
    }
)
"""Every law by its name."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one law on one engine."""

    law: Law
    engine: str
    broken: LawBroken | None = None
    spared: str | None = None
    """Why the law says nothing there."""


def law_named(name: str) -> Law:
    """Return a law by its name. Raises UsageError for a name that there is not."""
    if name not in LAWS:
        raise UsageError(f"there is no law `{name}`", f"laws: {', '.join(LAWS)}")
    return LAWS[name]


def verdict_of(
    law: Law,
    url: str,
    *models: type[Model],
    using: settings | None = None,
    seed: int | None = None,
) -> Verdict:
    """Return what comes of a law; models that the engine cannot have are spared, too.

    See `Law.check` for the parameters.

    ```python
    from hypothesis import settings

    from andamios_orm.testing import laws

    few = settings(max_examples=5)
    assert laws.verdict_of(laws.roundtrip, "sqlite://", Hero, using=few).broken is None
    ```
    """
    engine = Playground(url, *models).engine
    try:
        with _opened(Playground(url, *models)) as playground:
            spared = law.spared(playground)
            if spared is None:
                law.check(playground, using=using, seed=seed)
    except LawBroken as broken:
        return Verdict(law, engine, broken=broken)
    except _NotThere as error:
        return Verdict(law, engine, spared=str(error))
    return Verdict(law, engine, spared=spared)


class _NotThere(Exception):
    """The engine cannot have the models."""


@contextmanager
def _opened(playground: Playground) -> Iterator[Playground]:
    with ExitStack() as stack:
        try:
            stack.enter_context(playground)
        except NotSupported as error:
            raise _NotThere(error.problem) from error
        yield playground


def check_all(
    url: str,
    *models: type[Model],
    laws: Iterable[Law | str] = LAWS,
    using: settings | None = None,
    seed: int | None = None,
) -> None:
    """Check all laws, or some. Raises LawBroken, and an ExceptionGroup of them for several.

    ```python
    from hypothesis import settings

    from andamios_orm.testing import laws

    few = settings(max_examples=5)
    laws.check_all("sqlite://", Hero, laws=["roundtrip", "json_roundtrip"], using=few)
    ```
    """
    __tracebackhide__ = True
    chosen = [law_named(law) if isinstance(law, str) else law for law in laws]
    verdicts = [verdict_of(law, url, *models, using=using, seed=seed) for law in chosen]
    found = [verdict.broken for verdict in verdicts if verdict.broken]
    if len(found) == 1:
        raise found[0]
    if found:
        raise ExceptionGroup(f"{len(found)} laws do not hold", found)
