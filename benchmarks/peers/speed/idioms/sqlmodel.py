"""SQLModel: its table models in the sessions of SQLAlchemy's ORM.

Without annotations that are kept as text: its relations need the types themselves.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlmodel import Field, Relationship, SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

from benchmarks.peers.speed.idioms.sqlalchemy_orm import Orm
from benchmarks.peers.speed.traits import Traits

__all__ = ["PEER"]


class User(SQLModel, table=True):
    """A row."""

    __tablename__ = "users"

    id: int | None = Field(default=None, primary_key=True)
    # A sentinel lets SQLite, too, tell the keys of many rows in their order by one statement.
    email: str = Field(
        sa_column=sa.Column(sa.Text, unique=True, nullable=False, insert_sentinel=True)
    )
    name: str = Field(sa_type=sa.Text)
    age: int = Field(sa_type=sa.BigInteger)
    active: bool
    created_at: datetime = Field(sa_type=sa.DateTime(timezone=True))
    balance: Decimal = Field(max_digits=12, decimal_places=2)
    meta: dict[str, Any] = Field(sa_type=sa.JSON().with_variant(postgresql.JSONB(), "postgresql"))


class Team(SQLModel, table=True):
    """A team."""

    __tablename__ = "teams"

    id: int = Field(primary_key=True, sa_type=sa.BigInteger)
    name: str = Field(max_length=50)
    city: str = Field(max_length=50)
    members: list["Member"] = Relationship(sa_relationship_kwargs={"order_by": "Member.id"})


class Member(SQLModel, table=True):
    """A member of a team."""

    __tablename__ = "members"

    id: int = Field(primary_key=True, sa_type=sa.BigInteger)
    name: str = Field(max_length=50)
    age: int = Field(sa_type=sa.BigInteger)
    email: str = Field(max_length=50)
    team_id: int = Field(foreign_key="teams.id", index=True)


class ModelsOfSQLModel(Orm):
    """Objects of a table model, which Pydantic does not validate."""

    traits = Traits(
        rows="SQLModel object",
        objects=True,
        validated="no",
        stored="the key",
        remarks="sessions and bulk insert are SQLAlchemy's",
    )
    model = User
    team_model = Team
    member_model = Member
    metadata = SQLModel.metadata
    session_class = AsyncSession


PEER = ModelsOfSQLModel
