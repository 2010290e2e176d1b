"""Answer errors with problem details (RFC 9457), and say so in the OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, TypeAlias, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.utils import is_body_allowed_for_status_code
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from andamios_orm.errors import (
    CheckViolation,
    ConstraintViolation,
    DatabaseUnavailable,
    ForeignKeyViolation,
    InvalidCursor,
    InvalidRow,
    LimitExceeded,
    NotFound,
    NotNullViolation,
    NotStorable,
    NotSupported,
    StaleVersion,
    TransactionConflict,
    UniqueViolation,
)
from andamios_orm.integrations.fastapi.dependencies import METADATA, SAFE_METHODS
from andamios_orm.integrations.fastapi.parameters import ORDERS, api_name
from andamios_orm.schema.compiler import spec_of
from andamios_orm.schema.registry import declarations

__all__ = ["MEDIA_TYPE", "Problem", "ProblemItem", "answer", "install"]

MEDIA_TYPE = "application/problem+json"


class ProblemItem(BaseModel):
    """One value that was refused."""

    loc: list[str | int]
    """Where it is: `["body", "name"]`, `["query", "sort"]`, `["path", "key"]`."""
    msg: str
    type: str
    """What is wrong, for programs: pydantic's word, or the problem's `code`."""


class Problem(BaseModel):
    """Why a request was not answered as asked (RFC 9457)."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    type: str = Field(default="about:blank", description="Nothing more than the status.")
    title: str = Field(description="The status in words.")
    status: int
    detail: str | None = Field(default=None, description="What is wrong, for people.")
    code: str | None = Field(default=None, description="What is wrong, for programs.")
    errors: list[ProblemItem] | None = Field(default=None, description="The values refused.")


Respond: TypeAlias = Callable[[Problem], Response]
"""Makes the response of a problem."""


def install(app: FastAPI, *, retry_after: int = 1, respond: Respond | None = None) -> None:
    """Have an application answer its errors with `Problem`s, and document them.

    | Status | Error |
    |---|---|
    | 404 | NotFound |
    | 409 | UniqueViolation, StaleVersion, a row that others refer to, a foreign key at the commit |
    | 412 | StaleVersion of a request with If-Match |
    | 422 | what FastAPI refuses; CheckViolation, NotNullViolation, a foreign key to no row, \
NotStorable, InvalidRow of a request that writes, InvalidCursor, LimitExceeded, NotSupported for \
the column of a parameter |
    | 503 | DatabaseUnavailable, TransactionConflict; Retry-After is `retry_after` seconds |

    HTTPExceptions become problems too. Every other error stays what it is: a mistake of the
    program, answered with 500 and logged by the server. No answer holds a value of a row, nor
    what the request held: FastAPI itself repeats refused values, passwords too.

    Where clients know errors of another form, `respond` makes the response of a `Problem`, also
    with another status; Retry-After and the like are added to it. The OpenAPI document then has
    what the application itself declares with `responses=`.

    ```python
    from fastapi import FastAPI
    from fastapi.responses import JSONResponse

    from andamios_orm.integrations.fastapi import Problem, install

    app = FastAPI(lifespan=db.lifespan)
    install(app)


    def in_one_line(problem: Problem) -> JSONResponse:
        return JSONResponse({"error": problem.detail}, problem.status)


    other = FastAPI(lifespan=db.lifespan)
    install(other, respond=in_one_line)
    ```
    """
    made_by = respond or _as_json
    for kind, answered in _ANSWERS.items():
        app.add_exception_handler(kind, partial(_handled, answered, made_by, retry_after))
    app.add_exception_handler(RequestValidationError, partial(_invalid, made_by))
    app.add_exception_handler(HTTPException, partial(_http, made_by))
    if respond is not None:
        return
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _document(made())
        return made()

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def _as_json(problem: Problem) -> Response:
    content = problem.model_dump(exclude_none=True)
    return JSONResponse(content, problem.status, media_type=MEDIA_TYPE)


def answer(
    status: int,
    detail: str | None,
    code: str | None,
    errors: Iterable[ProblemItem] = (),
    headers: Mapping[str, str] | None = None,
    respond: Respond = _as_json,
) -> Response:
    """Return the response for a problem."""
    problem = Problem(
        title=_phrase(status),
        status=status,
        detail=detail,
        code=code,
        errors=list(errors) or None,
    )
    response = respond(problem)
    response.headers.update(headers or {})
    return response


def _phrase(status: int) -> str:
    # Python before 3.13 says "Unprocessable Entity", as HTTP did before RFC 9110.
    return "Unprocessable Content" if status == 422 else HTTPStatus(status).phrase


# ---- errors ------------------------------------------------------------------------------------

_Answer: TypeAlias = "tuple[int, str, str, list[ProblemItem]]"
"""Status, detail, code, and the values that were refused."""


async def _handled(
    answered: Callable[[Request, Any], _Answer],
    respond: Respond,
    retry_after: int,
    request: Request,
    error: Exception,
) -> Response:
    status, detail, code, items = answered(request, error)
    headers = {"Retry-After": str(retry_after)} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return answer(status, detail, code, items, headers, respond)


def _not_found(request: Request, error: NotFound) -> _Answer:
    return 404, error.problem, "not_found", []


def _unique(request: Request, error: UniqueViolation) -> _Answer:
    names = ", ".join(error.fields)
    detail = f"another row already has this {names or 'value'}"
    return 409, detail, "unique", _refused(request, error, detail, "unique")


def _foreign_key(request: Request, error: ForeignKeyViolation) -> _Answer:
    if error.referenced is False:
        detail = f"there is no row that {', '.join(error.fields) or 'the value'} could refer to"
        return 422, detail, "foreign_key", _refused(request, error, detail, "foreign_key")
    if error.referenced:
        return 409, "other rows still refer to this one", "referenced", []
    detail = "a row that is referred to is not there, or is referred to and cannot go"
    return 409, detail, "foreign_key", []


def _check(request: Request, error: CheckViolation) -> _Answer:
    detail = f"{', '.join(error.fields) or 'a value'} breaks a rule of the table"
    return 422, detail, "check", _refused(request, error, detail, "check")


def _not_null(request: Request, error: NotNullViolation) -> _Answer:
    detail = f"{', '.join(error.fields) or 'a field'} needs a value"
    return 422, detail, "not_null", _refused(request, error, detail, "not_null")


def _not_storable(request: Request, error: NotStorable) -> _Answer:
    detail = "a value cannot be stored exactly"
    if error.field is None:
        return 422, detail, "not_storable", []
    owner, _, name = error.field.rpartition(".")
    known = declarations(request.scope.get(METADATA))
    models = [d.model for d in known if d.model.__name__ == owner]
    alias = _alias(models[0] if len(models) == 1 else None, name)
    item = ProblemItem(loc=_where(request, name, alias), msg=detail, type="not_storable")
    return 422, f"{name} cannot be stored exactly", "not_storable", [item]


def _invalid_row(request: Request, error: InvalidRow) -> _Answer:
    if request.method in SAFE_METHODS:
        raise error  # a row in the database is wrong, not the request
    items = [
        ProblemItem(
            loc=["body", *([] if path == "(model)" else path.split("."))],
            msg=f"refused: {kind}",
            type=kind,
        )
        for path, kind in error.fields.items()
    ]
    return 422, "the row would not be valid", "invalid_row", items


def _stale(request: Request, error: StaleVersion) -> _Answer:
    detail = "the row was changed since it was read"
    return (412 if "if-match" in request.headers else 409), detail, "stale", []


def _cursor(request: Request, error: InvalidCursor) -> _Answer:
    detail = "this cursor is not one of this query"
    name = next((n for n in ("after", "before") if n in request.query_params), "after")
    return 422, detail, "cursor", [ProblemItem(loc=["query", name], msg=detail, type="cursor")]


def _limit(request: Request, error: LimitExceeded) -> _Answer:
    return 422, f"more than {error.limit} rows were asked for", "limit", []


def _not_supported(request: Request, error: NotSupported) -> _Answer:
    if error.column is None:
        raise error
    model, field = error.column
    names = dict.fromkeys(_asking_for_order(request, api_name(spec_of(model).by_name[field])))
    if not names:
        raise error  # the program asked for it, not the request
    detail = f"the database does not sort or compare by {field}"
    items = [ProblemItem(loc=["query", n], msg=detail, type="not_supported") for n in names]
    return 422, detail, "not_supported", items


def _asking_for_order(request: Request, column: str) -> Iterator[str]:
    """Yield the query parameters that sort by a column, or compare with its order."""
    compared = {f"{column}__{operator}" for operator in ORDERS}
    for key, value in request.query_params.multi_items():
        if key in compared or (key == "sort" and value.removeprefix("-") == column):
            yield key


def _conflict(request: Request, error: TransactionConflict) -> _Answer:
    return 503, "other requests were in the way; try again", "conflict", []


def _unavailable(request: Request, error: DatabaseUnavailable) -> _Answer:
    return 503, "the database does not answer; try again", "unavailable", []


_ANSWERS: Mapping[type[Exception], Callable[[Request, Any], _Answer]] = {
    NotFound: _not_found,
    UniqueViolation: _unique,
    ForeignKeyViolation: _foreign_key,
    CheckViolation: _check,
    NotNullViolation: _not_null,
    NotStorable: _not_storable,
    InvalidRow: _invalid_row,
    StaleVersion: _stale,
    InvalidCursor: _cursor,
    LimitExceeded: _limit,
    NotSupported: _not_supported,
    TransactionConflict: _conflict,
    DatabaseUnavailable: _unavailable,
}


def _refused(
    request: Request, error: ConstraintViolation, msg: str, kind: str
) -> list[ProblemItem]:
    return [
        ProblemItem(loc=_where(request, name, _alias(error.model, name)), msg=msg, type=kind)
        for name in error.fields
    ]


def _alias(model: type[BaseModel] | None, name: str) -> str:
    """Return the name of a field in the bodies of requests."""
    field = None if model is None else spec_of(model).by_name.get(name)
    alias = None if field is None else field.info.validation_alias
    return alias if isinstance(alias, str) else name


def _where(request: Request, name: str, alias: str) -> list[str | int]:
    """Return where in a request the value of a field is."""
    if name in request.path_params:
        return ["path", name]
    for key in request.query_params:
        if key == alias or key.startswith(f"{alias}__"):
            return ["query", key]
    return ["body", alias]


async def _invalid(respond: Respond, request: Request, error: Exception) -> Response:
    found: Sequence[Mapping[str, Any]] = cast("RequestValidationError", error).errors()
    items = [ProblemItem(loc=list(e["loc"]), msg=e["msg"], type=e["type"]) for e in found]
    return answer(422, "the request is not valid", "invalid", items, respond=respond)


async def _http(respond: Respond, request: Request, error: Exception) -> Response:
    http: Any = error  # FastAPI takes any `detail`
    if not is_body_allowed_for_status_code(http.status_code):
        return Response(status_code=http.status_code, headers=http.headers)
    detail = http.detail if isinstance(http.detail, str) else None
    return answer(http.status_code, detail, None, headers=http.headers, respond=respond)


# ---- the OpenAPI document ----------------------------------------------------------------------

_UNSAFE = frozenset({"post", "put", "patch", "delete"})
_METHODS = _UNSAFE | {"get"}


def _document(schema: dict[str, Any]) -> None:
    """Add the problems to an OpenAPI document."""
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    own = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(own.pop("$defs"))
    schemas["Problem"] = own
    for path, operations in schema.get("paths", {}).items():
        for method in _METHODS & operations.keys():
            responses = operations[method].setdefault("responses", {})
            for status in _statuses(path, method, operations[method]):
                if status not in responses or _is_fastapis(responses[status]):
                    responses[status] = _described(status)
    _drop_unused(schema, "HTTPValidationError", "ValidationError")


def _statuses(path: str, method: str, operation: Mapping[str, Any]) -> Iterable[str]:
    responses = operation["responses"]
    if "{" in path:
        yield "404"
    if method in _UNSAFE:
        yield "409"
    if any(p.get("name") == "If-Match" for p in operation.get("parameters", ())):
        yield "412"
    if method in _UNSAFE or "422" in responses:
        yield "422"
    yield "503"
    yield "default"


def _is_fastapis(response: Mapping[str, Any]) -> bool:
    return "HTTPValidationError" in str(response.get("content"))


def _described(status: str) -> dict[str, Any]:
    phrase = "Any other error" if status == "default" else _phrase(int(status))
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    described: dict[str, Any] = {"description": phrase, "content": content}
    if status == "503":
        seconds = {"type": "integer", "minimum": 0}
        described["headers"] = {"Retry-After": {"schema": seconds, "description": "Seconds."}}
    return described


def _drop_unused(schema: dict[str, Any], *names: str) -> None:
    """Take out schemas of FastAPI's own that nothing refers to any more."""
    for name in names:
        if not re.search(rf"schemas/{name}['\"]", str(schema)):
            schema["components"]["schemas"].pop(name, None)
