"""Declare a Pydantic model once; store it, get it back validated."""

from andamios_orm.database.engine import Database
from andamios_orm.database.loop import run
from andamios_orm.database.session import Session
from andamios_orm.models.base import Model
from andamios_orm.models.columns import Col, field, generated
from andamios_orm.models.keys import UUIDKey, uuid7
from andamios_orm.repositories.query import Query
from andamios_orm.repositories.repository import Repository
from andamios_orm.schema.types import register_type

__all__ = [
    "Col",
    "Database",
    "Model",
    "Query",
    "Repository",
    "Session",
    "UUIDKey",
    "field",
    "generated",
    "register_type",
    "run",
    "uuid7",
]
