"""A model's class beside its instances, to type checkers."""

from __future__ import annotations

from typing import Protocol, TypeVar

from andamios_orm.models.base import Model

__all__ = ["ClassOf"]

M_contra = TypeVar("M_contra", bound=Model, contravariant=True)


class ClassOf(Protocol[M_contra]):
    """The class of a model whose instances are `M`, or of one that inherits from it.

    A function of `type[M]` and `M` takes a class and an instance of another: to a checker both
    are of `Model`. With `ClassOf[M]` the class is what `M` must at least be.
    """

    def __accepts__(self, instance: M_contra, /) -> None: ...
