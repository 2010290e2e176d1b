"""Strategies for types of the user's own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from hypothesis.strategies import SearchStrategy

from andamios_orm.testing.strategies.boundary import mixed

__all__ = ["Registry", "register", "registry"]

T = TypeVar("T")


class Registry:
    """The registered types, each with its strategy."""

    def __init__(self) -> None:
        self._strategies: dict[object, SearchStrategy[Any]] = {}
        self.version = 0
        """Another number after each change."""

    def __contains__(self, annotation: object) -> bool:
        return self.get(annotation) is not None

    def get(self, annotation: object) -> SearchStrategy[Any] | None:
        """Return the strategy of exactly this annotation, None if it has none."""
        try:
            return self._strategies.get(annotation)
        except TypeError:  # unhashable, as `Annotated[int, []]` is
            return None

    def add(self, annotation: object, strategy: SearchStrategy[Any]) -> None:
        """Draw what is annotated so from `strategy`."""
        self._strategies[annotation] = strategy
        self.version += 1

    def __bool__(self) -> bool:
        return bool(self._strategies)


registry = Registry()


def register(
    python_type: type[T], strategy: SearchStrategy[T], *, boundary: Iterable[T] = ()
) -> None:
    """Draw values of `python_type` from `strategy` from then on, and from `boundary` often.

    The type may also be a `NewType` or an alias such as `Annotated[str, AfterValidator(check)]`:
    then it holds wherever an annotation names exactly that. Registering a type again replaces its
    strategy.

    ```python
    from hypothesis import strategies as st

    from andamios_orm.testing import strategies


    class Angle:
        def __init__(self, degrees: float) -> None:
            self.degrees = degrees


    strategies.register(Angle, st.builds(Angle, st.floats(0, 360, exclude_max=True)))
    ```
    """
    registry.add(python_type, mixed(strategy, boundary))
