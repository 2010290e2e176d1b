"""Laws about tables: their examples are classes, which a failure prints as class statements."""

from __future__ import annotations

from dataclasses import dataclass

from andamios_orm.models.base import Model
from andamios_orm.testing.laws.base import Example, Law
from andamios_orm.testing.laws.finding import models_in
from andamios_orm.testing.laws.playground import Playground
from andamios_orm.testing.laws.showing import Writer
from andamios_orm.testing.strategies.changing import SchemaChange
from andamios_orm.testing.strategies.class_code import ClassCode, groups_of
from andamios_orm.testing.strategies.importable import is_importable

__all__ = ["SchemaLaw"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaLaw(Law):
    """A law whose examples are table classes, or changes to them.

    It does its work on databases of its own beside the playground's.
    """

    def _models_in(self, example: Example) -> tuple[type[Model], ...]:
        changes = [each for each in example if isinstance(each, SchemaChange)]
        # What a table is after a change has the same name as what it was before.
        return tuple(change.before for change in changes) or models_in(example)

    def _code(self, playground: Playground, example: Example) -> str:
        models = models_in(example)
        groups = groups_of(model for model in models if not is_importable(model))
        classes = ClassCode(groups)
        writer = Writer(classes.names)
        writer.names.use("andamios_orm.testing", "laws")
        arguments = [(None, playground.shown_url), *((None, argument) for argument in example)]
        call = writer.program(writer.call(f"laws.{self.name}.replay", arguments))
        return f"{classes.text}\n\n{call}" if groups else call
