"""Parameters of a query string: which page, in which order."""

import inspect
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, TypeVar

from fastapi import Query, Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel

from andamios_orm.errors import DeclarationError
from andamios_orm.models.base import Model
from andamios_orm.queries.terms import Attr
from andamios_orm.repositories.paging import Cursor, NumberedPage, Page
from andamios_orm.repositories.reading import Rows
from andamios_orm.schema.compiler import spec_of
from andamios_orm.schema.kept import kept
from andamios_orm.schema.secrets import is_secret
from andamios_orm.schema.spec import FieldSpec, Kind

if TYPE_CHECKING:
    from andamios_orm.queries.expressions import SortKey

__all__ = [
    "ORDERS",
    "REQUEST",
    "CursorParams",
    "PageParams",
    "SortParams",
    "api_name",
    "of_model",
    "public_field",
    "refuse_unknown",
    "why_hidden",
]

M = TypeVar("M", bound=Model)
T = TypeVar("T")

ORDERS = ("lt", "le", "gt", "ge")
"""The operators of filters that compare with a column's order."""

_MOST = 2**31 - 1
_LONGEST_CURSOR = 8192


class CursorParams:
    """`size`, `after` and `before`: which page of a query that has cursors.

    ```python
    from typing import Annotated

    from fastapi import Depends, FastAPI

    from andamios_orm.integrations.fastapi import CursorParams

    app = FastAPI(lifespan=db.lifespan)


    @app.get("/heroes")
    async def list_heroes(page: Annotated[CursorParams, Depends()]) -> Page[Public[Hero]]:
        return await page.read(Repository(Hero, db).order_by(Hero.name))
    ```
    """

    def __init__(
        self,
        size: Annotated[int | None, Query(ge=1, le=_MOST, description="Rows at most.")] = None,
        after: Annotated[
            Cursor | None,
            Query(max_length=_LONGEST_CURSOR, description="`next` of the page before."),
        ] = None,
        before: Annotated[
            Cursor | None,
            Query(max_length=_LONGEST_CURSOR, description="`previous` of the page after."),
        ] = None,
    ) -> None:
        if after is not None and before is not None:
            raise RequestValidationError(
                [_item("before", "a page comes after one row or before another", "value_error")]
            )
        self.size, self.after, self.before = size, after, before

    async def read(self, rows: Rows[T]) -> Page[T]:
        """Return the page of a query. Raises what its `page` raises."""
        return await rows.page(size=self.size, after=self.after, before=self.before)


class PageParams:
    """`page` and `size`: which page of a query, by its number.

    ```python
    from typing import Annotated

    from fastapi import Depends, FastAPI

    from andamios_orm.integrations.fastapi import PageParams

    app = FastAPI(lifespan=db.lifespan)


    @app.get("/heroes")
    async def list_heroes(page: Annotated[PageParams, Depends()]) -> NumberedPage[Public[Hero]]:
        return await page.read(Repository(Hero, db).order_by(Hero.name))
    ```
    """

    def __init__(
        self,
        page: Annotated[int, Query(ge=1, le=_MOST, description="Counted from 1.")] = 1,
        size: Annotated[int | None, Query(ge=1, le=_MOST, description="Rows at most.")] = None,
    ) -> None:
        self.page, self.size = page, size

    async def read(self, rows: Rows[T]) -> NumberedPage[T]:
        """Return the page of a query. Raises what its `numbered_page` raises."""
        return await rows.numbered_page(self.page, size=self.size)


class SortParams(Generic[M]):
    """`sort`: the order of a query's rows, `sort=name&sort=-age` for by name, and the oldest first.

    `SortParams[Hero]` takes the names of all columns that are public and no JSON. A class that
    inherits from it says which: `class HeroSort(SortParams[Hero], fields=[Hero.name])`. Others
    are answered with 422, and so is every parameter that the endpoint does not have.

    ```python
    from typing import Annotated

    from fastapi import Depends, FastAPI

    from andamios_orm.integrations.fastapi import SortParams

    app = FastAPI(lifespan=db.lifespan)


    @app.get("/heroes")
    async def list_heroes(sort: Annotated[SortParams[Hero], Depends()]) -> list[Public[Hero]]:
        return await Repository(Hero, db).order_by(*sort.keys).all()
    ```
    """

    _model: ClassVar[type[Model] | None] = None
    _names: ClassVar[type[StrEnum] | None] = None
    _fields: ClassVar[dict[str, str]] = {}

    def __init__(self, sort: Sequence[str] = (), request: Request | None = None) -> None:
        if request is not None:
            refuse_unknown(request)
        names = self._names
        if names is None or self._model is None:
            raise DeclarationError(
                f"{type(self).__name__} does not know what it sorts", "use SortParams[Hero]"
            )
        self.sort = [names(name) for name in sort]

    @property
    def keys(self) -> "tuple[SortKey, ...]":
        """What `order_by` takes: `order_by(*sort.keys)`."""
        found: dict[str, Any] = {}
        for name in self.sort:
            field = self._fields[name.removeprefix("-")]
            attr = getattr(self._model, field)
            # A column that comes again decides nothing more.
            found.setdefault(field, attr.desc() if name.startswith("-") else attr)
        return tuple(found.values())

    if TYPE_CHECKING:

        def __init_subclass__(cls, *, fields: "Sequence[SortKey]" = ()) -> None: ...
    else:

        def __class_getitem__(cls, item):
            if not (isinstance(item, type) and issubclass(item, Model)):
                return super().__class_getitem__(item)
            return of_model(cls, item)

        def __init_subclass__(cls, *, fields=None, **more):
            super().__init_subclass__(**more)
            if cls._model is not None:
                cls._declare(fields)

        @classmethod
        def _declare(cls, columns):
            if columns is None:
                specs = [f for f in spec_of(cls._model).fields if not _why_unsortable(f)]
            else:
                specs = [
                    public_field(cls.__name__, cls._model, c, _why_unsortable) for c in columns
                ]
            cls._fields = {api_name(spec): spec.name for spec in specs}
            values = [sign + name for name in cls._fields for sign in ("", "-")]
            members = {value.replace("-", "minus_"): value for value in values}
            name = f"{cls._model.__name__}Order" if cls.__name__.endswith("]") else cls.__name__
            cls._names = StrEnum(name, members, module=cls.__module__)
            sort = inspect.Parameter(
                "sort",
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=(),
                annotation=Annotated[
                    list[cls._names],
                    Query(max_length=len(cls._fields), description="A minus sorts downwards."),
                ],
            )
            cls.__signature__ = inspect.Signature([sort, REQUEST])


def of_model(cls: type[T], model: type[Model]) -> type[T]:
    """Return the class of parameters of one model, made once."""
    name = f"{cls.__name__}[{model.__name__}]"
    bound = {"_model": model, "__module__": model.__module__}
    return kept(model, ("parameters", cls), lambda: type(name, (cls,), bound))


REQUEST = inspect.Parameter(
    "request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Request, default=None
)


def api_name(field: FieldSpec) -> str:
    """Return the name of a field in responses, which is that of its parameters."""
    return field.info.serialization_alias or field.info.alias or field.name


def public_field(
    where: str, model: type[Model], column: object, why_not: Callable[[FieldSpec], str | None]
) -> FieldSpec:
    """Return the field of a column that a class statement named. Raises DeclarationError."""
    if not isinstance(column, Attr) or column.model is not model:
        raise DeclarationError(
            f"{where}: {column!r} is no column of {model.__name__}",
            f"name columns, as in `fields=[{model.__name__}.name]`",
        )
    why = why_not(column.field)
    if why is not None:
        raise DeclarationError(f"{where}: {column!r} {why}", "leave it out")
    return column.field


def why_hidden(field: FieldSpec) -> str | None:
    """Return why a field is not public, None if it is."""
    if is_secret(field):
        return "is secret, and its order or its presence would tell of it"
    return "has exclude=True" if field.info.exclude else None


def _why_unsortable(field: FieldSpec) -> str | None:
    return (
        "holds JSON, which has no order" if field.storage.kind is Kind.JSON else why_hidden(field)
    )


def refuse_unknown(request: Request) -> None:
    """Raise RequestValidationError for parameters that the endpoint does not have.

    SortParams and FilterParams ask it themselves; as a dependency it does so for any endpoint, so
    that `?limt=5` is an error and not a list of all.

    ```python
    from fastapi import Depends, FastAPI

    from andamios_orm.integrations.fastapi import refuse_unknown

    app = FastAPI(dependencies=[Depends(refuse_unknown)])
    ```
    """
    known = _names_of(request.scope["route"].dependant)
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        raise RequestValidationError(
            [_item(name, "there is no such parameter", "extra_forbidden") for name in unknown]
        )


def _names_of(dependant: Dependant) -> set[str]:
    """Return the names of an endpoint's query parameters, those of its dependencies included."""
    names: set[str] = set()
    for field in dependant.query_params:
        model = field.field_info.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            names.update(model.model_fields)
            names.update(f.alias for f in model.model_fields.values() if f.alias)
        names.add(field.alias)
    for inner in dependant.dependencies:
        names |= _names_of(inner)
    return names


def _item(name: str, msg: str, kind: str) -> dict[str, object]:
    return {"type": kind, "loc": ("query", name), "msg": msg, "input": None}
