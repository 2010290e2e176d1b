"""Copies of models in a `MetaData` of their own: nothing is done to the models themselves."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from andamios_orm.models.base import Model
from andamios_orm.seeding.ordering import in_order, referred_models
from andamios_orm.testing.strategies.class_plan import ClassPlan, declare, plan_of

__all__ = ["copies", "plans_of"]


def plans_of(models: Iterable[type[Model]]) -> list[ClassPlan]:
    """Return the class statements of models and of those that they refer to, in order."""
    return [plan_of(model) for model in in_order(referred_models(models))]


def copies(models: Iterable[type[Model]]) -> tuple[type[Model], ...]:
    """Return the models and those that they refer to, declared again in a new `MetaData`."""
    return declare(plans_of(models), sa.MetaData())
