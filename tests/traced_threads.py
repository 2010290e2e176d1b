"""A measured run must not wait forever for a thread that has ended.

On Python 3.11 a traced function that begins while a pending call runs, and another one waits, never
begins: the interpreter looks at the pending calls before the function's first instruction, may not
run them inside another, and looks again. Later versions do not.

greenlet gives up a thread that has ended in a pending call, and coverage, which keeps a stack for
each greenlet in a `WeakKeyDictionary`, is told of it there, by a function of Python. Two threads
that end at nearly the same time, as aiosqlite's do, are enough. So the dictionaries made from here
on are told by a function of C, which is not traced.
"""

import sys
import weakref
from collections.abc import Iterator
from typing import Generic, TypeVar

__all__ = ["Untraced"]

K = TypeVar("K")
V = TypeVar("V")


class Untraced(weakref.WeakKeyDictionary[K, V], Generic[K, V]):
    """A WeakKeyDictionary that runs no Python when a key goes."""

    data: dict[weakref.ref[K], V]

    def __init__(self, *given: object) -> None:
        super().__init__()
        self._remove = self.data.pop
        self.update(*given)  # type: ignore[call-overload] # what dict() takes

    # A key may go while this is iterated over, and changes the dictionary at once.
    def __iter__(self) -> Iterator[K]:
        return (key for ref in self.data.copy() if (key := ref()) is not None)

    keys = __iter__

    def values(self) -> Iterator[V]:  # type: ignore[override] # as in the class above
        return (value for ref, value in self.data.copy().items() if ref() is not None)

    def items(self) -> Iterator[tuple[K, V]]:  # type: ignore[override] # as in the class above
        return ((k, v) for ref, v in self.data.copy().items() if (k := ref()) is not None)


if sys.version_info < (3, 12):
    weakref.WeakKeyDictionary = Untraced  # type: ignore[assignment, misc] # coverage asks for it by this name
