"""Parameters of a query string that say which rows, typed by the columns they are compared with."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Generic,
    TypeVar,
    Union,
    get_args,
    get_origin,
)

from fastapi import Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, NaiveDatetime, create_model

from andamios_orm.errors import DeclarationError
from andamios_orm.integrations.fastapi.parameters import (
    ORDERS,
    REQUEST,
    api_name,
    of_model,
    public_field,
    refuse_unknown,
    why_hidden,
)
from andamios_orm.models.base import Model
from andamios_orm.schema.spec import FieldSpec, Kind

if TYPE_CHECKING:
    from andamios_orm.queries.expressions import Predicate, SortKey

__all__ = ["FilterParams"]

M = TypeVar("M", bound=Model)


class FilterParams(Generic[M]):
    """Which rows of a query: `age__ge=18&name__startswith=A`, each with the type of its column.

    A class that inherits from it names the columns. Each of them is a parameter of its name for
    "equals", and has others by what it holds:

    | Parameters | Columns |
    |---|---|
    | `name`, `name__ne`, `name__in` (repeated) | all |
    | `name__lt`, `name__le`, `name__gt`, `name__ge` | those with an order |
    | `name__contains`, `name__startswith` | text |
    | `name__null` | those that may be None |

    A column of an enum has no order here. A parameter that the endpoint does not have, and a
    value that the column cannot hold, are answered with 422. Raises DeclarationError for a column
    that is secret or excluded, or holds JSON or bytes.

    ```python
    from typing import Annotated

    from fastapi import Depends, FastAPI

    from andamios_orm.integrations.fastapi import FilterParams

    app = FastAPI(lifespan=db.lifespan)


    class HeroFilter(FilterParams[Hero], fields=[Hero.name, Hero.age]):
        pass


    @app.get("/heroes")
    async def list_heroes(filters: Annotated[HeroFilter, Depends()]) -> list[Public[Hero]]:
        return await Repository(Hero, db).where(*filters.conditions).all()


    assert await Repository(Hero, db).where(*HeroFilter(age__ge=80).conditions).count() == 1
    ```
    """

    _model: ClassVar[type[Model] | None] = None
    _values: ClassVar[type[BaseModel] | None] = None
    _meanings: ClassVar[Mapping[str, tuple[str, str]]] = {}

    def __init__(self, request: Request | None = None, **given: object) -> None:
        if request is not None:
            refuse_unknown(request)
        if self._values is None:
            raise DeclarationError(
                f"{type(self).__name__} does not know what it filters",
                "declare `class HeroFilter(FilterParams[Hero], fields=[Hero.name])`",
            )
        self.given = self._values.model_validate({n: v for n, v in given.items() if v is not None})

    @property
    def conditions(self) -> "tuple[Predicate, ...]":
        """What `where` takes: `where(*filters.conditions)`."""
        found: list[Any] = []
        for name, (field, operator) in self._meanings.items():
            if name in self.given.model_fields_set:
                condition = _OPERATORS[operator](getattr(self._model, field))
                found.append(condition(getattr(self.given, name)))
        return tuple(found)

    if TYPE_CHECKING:

        def __init_subclass__(cls, *, fields: "Sequence[SortKey]" = ()) -> None: ...
    else:

        def __class_getitem__(cls, item):
            if not (isinstance(item, type) and issubclass(item, Model)):
                return super().__class_getitem__(item)
            return of_model(cls, item)

        def __init_subclass__(cls, *, fields=(), **more):
            super().__init_subclass__(**more)
            if fields:
                cls._declare(fields)

        @classmethod
        def _declare(cls, columns):
            parameters, values, meanings = [], {}, {}
            for column in columns:
                spec = public_field(cls.__name__, cls._model, column, _why_unfilterable)
                for operator, annotation in _operators(spec):
                    name = spec.name if operator == "eq" else f"{spec.name}__{operator}"
                    alias = api_name(spec) if operator == "eq" else f"{api_name(spec)}__{operator}"
                    if name in values or name in _TAKEN:
                        raise DeclarationError(
                            f"{cls.__name__}: two parameters would be called {name}",
                            f"leave out {column!r}, or filter by it with a parameter of your own",
                        )
                    most = _MOST_VALUES if operator == "in" else None
                    values[name] = (annotation | None, Field(default=None, max_length=most))
                    meanings[name] = (spec.name, operator)
                    parameters.append(
                        inspect.Parameter(
                            name,
                            inspect.Parameter.KEYWORD_ONLY,
                            default=None,
                            annotation=Annotated[
                                annotation | None, Query(alias=alias, max_length=most)
                            ],
                        )
                    )
            config = ConfigDict(extra="forbid", protected_namespaces=(), hide_input_in_errors=True)
            cls._values = create_model(cls.__name__, __config__=config, **values)
            cls._meanings = meanings
            cls.__signature__ = inspect.Signature([REQUEST, *parameters])


_TAKEN = ("self", REQUEST.name)
_MOST_VALUES = 100
_ORDERED = frozenset(
    {
        Kind.INTEGER,
        Kind.FLOAT,
        Kind.DECIMAL,
        Kind.TEXT,
        Kind.DATE,
        Kind.TIME,
        Kind.DATETIME,
        Kind.NAIVE_DATETIME,
        Kind.INTERVAL,
    }
)

_OPERATORS: Mapping[str, Callable[[Any], Callable[[Any], Any]]] = {
    "eq": lambda attr: attr.__eq__,
    "ne": lambda attr: attr.__ne__,
    "in": lambda attr: attr.in_,
    "lt": lambda attr: attr.__lt__,
    "le": lambda attr: attr.__le__,
    "gt": lambda attr: attr.__gt__,
    "ge": lambda attr: attr.__ge__,
    "contains": lambda attr: attr.contains,
    "startswith": lambda attr: attr.startswith,
    "null": lambda attr: lambda null: attr == None if null else attr != None,  # noqa: E711 - SQL
}


def _why_unfilterable(field: FieldSpec) -> str | None:
    if field.storage.kind in (Kind.JSON, Kind.BYTES):
        return f"holds {field.storage.kind}, which no parameter is compared with"
    return why_hidden(field)


def _operators(field: FieldSpec) -> list[tuple[str, Any]]:
    """Return the operators of a column, and the types of their parameters."""
    kind, value = field.storage.kind, _annotation(field)
    listed: Any = list[value]  # type: ignore[valid-type]  # known here only
    found: list[tuple[str, Any]] = [("eq", value), ("ne", value), ("in", listed)]
    named = any(bound.kind == "one_of" for bound in field.bounds)
    if kind in _ORDERED and not named:
        found += [(operator, value) for operator in ORDERS]
    if kind is Kind.TEXT and not named:
        found += [("contains", str), ("startswith", str)]
    if field.nullable:
        found.append(("null", bool))
    return found


def _annotation(field: FieldSpec) -> Any:
    """Return the type of a column's values, without None and with what the column can hold."""
    annotation: Any = field.info.annotation
    if get_origin(annotation) in (Union, UnionType):
        parts = [part for part in get_args(annotation) if part is not NoneType]
        annotation = Union[tuple(parts)]  # noqa: UP007 - of parts that are known here only
    if annotation is int:
        return Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
    if annotation is float:
        return Annotated[float, Field(allow_inf_nan=False)]
    kind = field.storage.kind
    if kind is Kind.DATETIME:
        return AwareDatetime
    return NaiveDatetime if kind is Kind.NAIVE_DATETIME else annotation
