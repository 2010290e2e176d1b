"""`Create`, `Patch` and `Public`: what an API takes and gives in a model's place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Generic, TypeVar

from pydantic import BaseModel

from andamios_orm.models import deriving
from andamios_orm.models.base import Model

__all__ = ["Create", "Patch", "Public"]

M = TypeVar("M", bound=Model)
T = TypeVar("T")

if TYPE_CHECKING:
    from andamios_orm.queries.expressions import Attr

    Create = Annotated[M, "create"]
    """A new row from outside: `data: Create[Hero]` is a `Hero` without what the server makes.

    It has no generated fields, none with `read_only=True`, no key with a `default_factory` and no
    relations, and refuses unknown fields. Constraints, validators, aliases and defaults are the
    model's. `Repository.add` stores it and returns a `Hero`.
    """

    Public = Annotated[M, "public"]
    """A row for outside: `-> Public[Hero]` is a `Hero` without secrets.

    It has no field with `secret=True` or `exclude=True`, none of a type like `SecretStr`, and no
    JSON that holds one; every other field has a value. A `Hero` may be returned where FastAPI is
    told `Public[Hero]`.
    """

    class Patch(BaseModel, Generic[M]):
        """Changes to a row: `Patch[Hero]` has the fields that were given, and no others.

        Each field is optional by absence: null is refused where the model refuses None. What the
        server makes, the primary key, fields with `read_only=True` or `frozen=True` and unknown
        ones are refused. Constraints and validators that look at one field hold as in the model.

        `Repository.patch` stores it. Whether a field was given is asked with `in`:

        ```python
        change = Patch[Hero].model_validate({"age": 37})

        assert Hero.age in change and Hero.name not in change
        assert change[Hero.age] == 37
        assert (await heroes.patch(1, change)).age == 37
        ```
        """

        def __contains__(self, column: Attr[T], /) -> bool:
            """Whether a field was given. Raises UsageError for what is no column of the model."""
            ...

        def __getitem__(self, column: Attr[T], /) -> T:
            """Return the value of a field that was given. Raises NotLoaded, UsageError."""
            ...

        def apply(self, instance: M, /) -> M:
            """Return the instance with the fields that were given, validated as a whole.

            The instance itself is left as it is. Raises pydantic's ValidationError.
            """
            ...

else:
    Create = deriving.Form("create")
    Public = deriving.Form("public")
    Patch = deriving.Patch
