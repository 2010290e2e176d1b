"""SQLAlchemy Core, and a Pydantic model validated from each row by hand."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from benchmarks.peers.speed.idioms.sqlalchemy_core import Core
from benchmarks.peers.speed.traits import Traits
from benchmarks.raw.base import NewUser, User
from benchmarks.workload import payload

__all__ = ["PEER"]

# The documentation of pydantic: one adapter for a list, made once.
USERS = TypeAdapter(list[User])


class CoreAndPydantic(Core):
    """What is written where rows have to be checked."""

    traits = Traits(rows="Pydantic model", objects=True, validated="yes", remarks="by hand")

    def new(self, number: int) -> Any:
        return NewUser(**payload(number)).model_dump()

    async def get(self, key: int) -> Any:
        return User.model_validate((await super().get(key))._mapping)

    async def filter(self, age: int) -> list[Any]:
        return USERS.validate_python([row._mapping for row in await super().filter(age)])

    async def read(self) -> list[Any]:
        return USERS.validate_python([row._mapping for row in await super().read()])

    async def insert(self, new: Any) -> Any:
        return User.model_validate((await super().insert(new))._mapping)

    async def update(self, key: int, name: str) -> Any:
        return User.model_validate((await super().update(key, name))._mapping)


PEER = CoreAndPydantic
