"""What declares a relation in a class body: `Related`, `RelatedList` and `relation`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Generic, Literal, Never, TypeAlias, TypeVar

from pydantic import BaseModel

from andamios_orm.schema.spec import ColumnReference, RelatedTo, RelationOptions

__all__ = ["Related", "RelatedList", "relation"]

T = TypeVar("T")

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import overload

    from andamios_orm.queries.expressions import SortKey, ToMany, ToOne

    X = TypeVar("X", bound=BaseModel)
    O = TypeVar("O", bound=BaseModel)  # noqa: E741 - the owner

    Order: TypeAlias = str | SortKey
    Orders: TypeAlias = Order | Sequence[Order]

    class Related(Generic[T]):
        """The row that this one belongs to: `Related[Team]`, `Related[Team | None]`.

        `Hero.team` is for queries (`.has()`, `.to.name`, `load(Hero.team)`), `hero.team` the
        loaded row; reading it without a `load` raises NotLoaded.
        """

        @overload
        def __get__(self: Related[X | None], instance: None, owner: type[O]) -> ToOne[O, X]: ...
        @overload
        def __get__(self: Related[X], instance: None, owner: type[O]) -> ToOne[O, X]: ...
        @overload
        def __get__(self, instance: object, owner: type) -> T: ...
        def __get__(self, instance: object, owner: type) -> object: ...
        # No instance takes one; the type of the value is there for Pyrefly, which compares it.
        def __set__(self, instance: Never, value: T) -> None: ...

    class RelatedList(Generic[T]):
        """The rows that belong to this one: `RelatedList[Hero]`.

        `Team.heroes` is for queries (`.any()`, `.none()`, `.count()`, `load(Team.heroes)`),
        `team.heroes` the loaded list; reading it without a `load` raises NotLoaded.
        """

        @overload
        def __get__(self: RelatedList[X], instance: None, owner: type[O]) -> ToMany[O, X]: ...
        @overload
        def __get__(self, instance: object, owner: type) -> list[T]: ...
        def __get__(self, instance: object, owner: type) -> object: ...
        def __set__(self, instance: Never, value: list[T]) -> None: ...

else:

    class Related:
        """The row that this one belongs to: `Related[Team]`, `Related[Team | None]`.

        `Hero.team` is for queries (`.has()`, `.to.name`, `load(Hero.team)`), `hero.team` the
        loaded row; reading it without a `load` raises NotLoaded.
        """

        def __class_getitem__(cls, item):
            return RelatedTo(item, many=False)

    class RelatedList:
        """The rows that belong to this one: `RelatedList[Hero]`.

        `Team.heroes` is for queries (`.any()`, `.none()`, `.count()`, `load(Team.heroes)`),
        `team.heroes` the loaded list; reading it without a `load` raises NotLoaded.
        """

        def __class_getitem__(cls, item):
            return RelatedTo(item, many=True)


def relation(
    *,
    fk: ColumnReference | str | Sequence[ColumnReference | str] | None = None,
    through: type[BaseModel] | str | None = None,
    order_by: Orders | Callable[[], Orders] | None = None,
    init: Literal[False] = False,
) -> Any:
    """Declare a relation to the rows of another table, or of the same one.

    Which foreign key it follows is found by itself; where there are several, `fk` names the
    field, or the fields of a composite one: of this class for `Related`, of the other class for
    `RelatedList`, and of the link for `through`, where it is the key that points to this class,
    and after it, if need be, the one that points to the other.

    * `through`: the link's table class for many to many, such as `HeroPower`, or its name.
    * `order_by`: how loaded lists are sorted: a field's name, `"-name"` for descending order, or
      a function that gives columns of the other class.

    A relation is no column and no field of the model: it is not in its JSON, and not a parameter
    of the class. `init` is there for type checkers only.

    ```python
    class Club(Model, table=True):
        id: Col[int] = generated()
        name: Col[str]
        members: RelatedList["Member"] = relation(order_by="name")


    class Member(Model, table=True):
        id: Col[int] = generated()
        name: Col[str]
        club_id: Col[int] = field(foreign_key=Club.id)
        club: Related[Club] = relation()
    ```
    """
    return RelationOptions(fk=fk, through=through, order_by=order_by)
