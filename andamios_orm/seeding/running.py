"""Run seeds: in the order of the foreign keys, in one transaction, again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import TypeAlias

from andamios_orm.database.engine import Database
from andamios_orm.errors import UsageError
from andamios_orm.models.base import Model
from andamios_orm.schema.compiler import compile_all
from andamios_orm.schema.registry import declarations
from andamios_orm.seeding.declaring import Seed
from andamios_orm.seeding.fixtures import fixtures_in
from andamios_orm.seeding.ordering import in_order, require_tables
from andamios_orm.seeding.references import References
from andamios_orm.seeding.reports import SeedCount, SeedReport
from andamios_orm.seeding.storing import store

__all__ = ["Source", "models_of", "run_seeds"]

Source: TypeAlias = Seed | ModuleType | str | PathLike[str]
"""A seed, a module with seeds, or the folder or file of fixtures."""


async def run_seeds(
    db: Database,
    sources: Iterable[Source],
    *,
    environment: str = "development",
    only: Sequence[type[Model] | str] = (),
    dry_run: bool = False,
    progress: Callable[[SeedCount], object] | None = None,
) -> SeedReport:
    """Give tables the rows of seeds and say what that changed; running it again changes nothing.

    `sources` are seeds, modules with seeds, and folders of fixture files. Seeds that are not meant
    for the `environment` are skipped, and with `only` all but those of some models. They run in
    the order of the foreign keys, all in one transaction, which a `dry_run` undoes. `progress` is
    called after each seed.

    Raises SeedProblem for rows that cannot be stored, and says where they stand; then nothing is
    stored.

    ```python
    from pathlib import Path
    from andamios_orm.seeding import run_seeds

    Path("fixtures").mkdir()
    Path("fixtures/team.csv").write_text("name\\nDefenders\\nEternals\\n")
    assert str(await run_seeds(db, ["fixtures"])) == "Team: 2 created, 0 updated, 0 unchanged"
    assert str(await run_seeds(db, ["fixtures"])) == "Team: 0 created, 0 updated, 2 unchanged"
    ```
    """
    found = [seed for source in sources for seed in _seeds(source, db)]
    wanted = _chosen(found, models_of(db, only) if only else None)
    meant = [seed for seed in wanted if seed.meant_for(environment)]
    skipped = tuple(seed.name for seed in wanted if not seed.meant_for(environment))
    places = {model: n for n, model in enumerate(in_order({seed.model for seed in meant}))}
    counts: dict[type[Model], SeedCount] = {}
    async with db.session() as session:
        await require_tables(session, places)
        references = References(session)
        for seed in sorted(meant, key=lambda seed: places[seed.model]):
            count = await store(seed, session, references)
            counts[seed.model] = counts.get(seed.model, SeedCount(seed.model)) + count
            if progress is not None:
                progress(count)
        if dry_run:
            await session.rollback()
    return SeedReport(tuple(counts.values()), skipped, dry_run)


def models_of(db: Database, names: Sequence[type[Model] | str] = ()) -> list[type[Model]]:
    """Return the models of a database, or those with these names, of classes or tables.

    Raises UsageError for a name that no model has, or several.
    """
    compile_all(db.metadata)
    models = {d.model: d.full_name for d in declarations(db.metadata) if issubclass(d.model, Model)}
    if not names:
        return list(models)
    found: list[type[Model]] = []
    for name in names:
        if not isinstance(name, str):
            found.append(name)
            continue
        same = [model for model, table in models.items() if name in (model.__name__, table)]
        if len(same) != 1:
            shown = ", ".join(sorted(model.__name__ for model in models)) or "none"
            raise UsageError(
                f"{'several models are' if same else 'no model is'} called `{name}`",
                f"name a class or its table; there are {shown}",
            )
        found += same
    return found


def _chosen(seeds: list[Seed], only: list[type[Model]] | None) -> list[Seed]:
    return seeds if only is None else [seed for seed in seeds if seed.model in only]


def _seeds(source: Source, db: Database) -> list[Seed]:
    if isinstance(source, Seed):
        return [source]
    if isinstance(source, ModuleType):
        # A seed that a module imports of another runs once, where it is declared.
        return list({id(v): v for v in vars(source).values() if isinstance(v, Seed)}.values())
    return fixtures_in(Path(source), models_of(db))
