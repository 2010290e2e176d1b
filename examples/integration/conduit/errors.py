"""Errors in the form that the specification gives them."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from andamios_orm.integrations.fastapi import Problem, install
from examples.integration.conduit.repositories import NotYours, UnknownUser

__all__ = ["answers", "install_errors"]


class Messages(BaseModel):
    body: list[str]


class GenericError(BaseModel):
    errors: Messages


_MEANINGS = {
    401: "Nobody has logged in, or the token is not valid",
    403: "It belongs to somebody else",
    404: "There is no such thing",
    422: "What was sent is not valid, or is taken",
    503: "The database is busy or away; try again",
}


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what an OpenAPI document says of the errors that an endpoint answers with."""
    return {s: {"model": GenericError, "description": _MEANINGS[s]} for s in statuses}


def install_errors(app: FastAPI) -> None:
    install(app, respond=_respond)
    app.add_exception_handler(NotYours, _not_yours)
    app.add_exception_handler(UnknownUser, _unknown_user)


def _respond(problem: Problem) -> JSONResponse:
    # The specification has one status for all that is wrong with a request.
    status = 422 if problem.status in (400, 409) else problem.status
    found = [f"{item.loc[-1]}: {item.msg}" for item in problem.errors or ()]
    return _answer(status, found or [problem.detail or problem.title])


async def _not_yours(request: Request, error: Exception) -> JSONResponse:
    return _answer(403, ["it belongs to somebody else"])


async def _unknown_user(request: Request, error: Exception) -> JSONResponse:
    return _answer(401, ["log in first"], {"WWW-Authenticate": "Token"})


def _answer(
    status: int, messages: list[str], headers: Mapping[str, str] | None = None
) -> JSONResponse:
    content = GenericError(errors=Messages(body=messages)).model_dump()
    return JSONResponse(content, status, headers=headers)
