"""Find the tables that tests are about."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

import sqlalchemy as sa

from andamios_orm.errors import UsageError
from andamios_orm.schema.registry import declarations, default_metadata

__all__ = ["metadata_of_models"]


def metadata_of_models(modules: Sequence[str]) -> sa.MetaData:
    """Return the tables of the models that these modules declare, or import; of all for no module.

    Raises UsageError for a module without models, and for models of several metadatas.
    """
    if not modules:
        return default_metadata
    named = [vars(import_module(name)).values() for name in modules]
    classes = {id(value) for values in named for value in values}
    found = {d.metadata: None for d in declarations() if id(d.model) in classes}
    if len(found) == 1:
        return next(iter(found))
    raise UsageError(
        f"the modules {', '.join(modules)} of andamios_models declare"
        f" {'no models' if not found else 'models with several metadata='}",
        "name modules with models of one metadata, or write a fixture `andamios_metadata` in"
        " conftest.py that returns it",
    )
