"""What needs no database: importing, declaring models, and the memory of an instance.

Each sample is a Python process of its own, because a module is imported and a class made once.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Literal

from benchmarks.harness import Sample, Timing
from benchmarks.report import PYTHON, Result, result

__all__ = ["ALONE", "measure_alone"]

_ROOT = Path(__file__).parents[1]
_INSTANCES = 10_000
_MOST_ROUNDS = 7
"""A process takes a second and more, and is not as noisy as a short call."""

ALONE = {
    "import": "import the library",
    "first_model": "import its names, declare one model",
    "define_50": "declare 50 models with tables",
    "define_500": "declare 500 models with tables",
    "memory": "memory of one instance",
}
"""The operations without a database, and how the table of results calls them."""

_TIMED = """
import json, time
wall, cpu = time.perf_counter(), time.process_time()
{code}
print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu]))
"""

_FIRST = """
from andamios_orm import Col, Database, Model, Query, Repository, Session, field, generated

class Hero(Model, table=True):
    id: Col[int] = generated()
    name: Col[str]
"""
"""The names load at their first use, so that importing the library alone says nothing."""
_FIRST_BY_HAND = """
import sqlalchemy
from pydantic import BaseModel

class Hero(BaseModel):
    id: int
    name: str
"""

_OURS = """
class M{n}(Model, table=True, metadata=metadata):
    id: Col[int] = generated()
    email: Col[str] = field(unique=True)
    name: Col[str]
    age: Col[int]
    active: Col[bool]
    created_at: Col[datetime]
    balance: Col[Decimal] = field(max_digits=12, decimal_places=2)
    meta: Col[dict[str, Any]]
"""
_BY_HAND = """
class M{n}(BaseModel):
    id: int | None = None
    email: str
    name: str
    age: int
    active: bool
    created_at: datetime
    balance: Decimal = Field(max_digits=12, decimal_places=2)
    meta: dict[str, Any]

sa.Table(
    "m{n}",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("email", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("age", sa.BigInteger, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("balance", sa.Numeric(12, 2), nullable=False),
    sa.Column("meta", sa.JSON, nullable=False),
)
"""
_HEAD = """
import json, time
from datetime import datetime
from decimal import Decimal
from typing import Any
import sqlalchemy as sa
from pydantic import BaseModel, Field
metadata = sa.MetaData()
"""
_DEFINED = """
code = compile({source!r}, "models", "exec")
wall, cpu = time.perf_counter(), time.process_time()
exec(code)
{finish}
print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu]))
"""
_MEMORY = """
import gc, json, tracemalloc
from benchmarks.workload import payload
from {module} import User
rows = [dict(payload(number), id=number) for number in range({instances})]
validate = User.__pydantic_validator__.validate_python
found = [validate(row) for row in rows]
del found
gc.collect()
tracemalloc.start()
found = [validate(row) for row in rows]
used = tracemalloc.get_traced_memory()[0] / len(found)
print(json.dumps([used, used]))
"""


def measure_alone(name: str, *, rounds: int) -> Result:
    """Return an operation without a database, next to what one would write by hand."""
    unit: Literal["us", "bytes"] = "bytes" if name == "memory" else "us"
    rounds = 1 if name == "memory" else min(rounds, _MOST_ROUNDS)  # it is the same each time
    programs = _programs(name)
    samples: dict[str, list[Sample]] = {side: [] for side in programs}
    for number in range(rounds + 1):
        for side in random.sample(sorted(programs), len(programs)):
            sample = _run(programs[side])
            if number:  # the first writes bytecode
                samples[side].append(sample)
    ours, floor = (Timing(tuple(samples[side])) for side in ("ours", "floor"))
    return result(name, ALONE[name], PYTHON, ours, floor, calls=1, unit=unit)


def _programs(name: str) -> dict[str, str]:
    if name == "import":
        return {
            "ours": _TIMED.format(code="import andamios_orm"),
            "floor": _TIMED.format(code="import pydantic, sqlalchemy"),
        }
    if name == "first_model":
        return {
            "ours": _TIMED.format(code=_FIRST),
            "floor": _TIMED.format(code=_FIRST_BY_HAND),
        }
    if name == "memory":
        return {
            "ours": _MEMORY.format(module="benchmarks.ours", instances=_INSTANCES),
            "floor": _MEMORY.format(module="benchmarks.raw.base", instances=_INSTANCES),
        }
    number = int(name.partition("_")[2])
    # A table of the library's is made at its first use, which is a part of the time. Its CHECKs,
    # which the one by hand does not have, are made when somebody asks for its constraints.
    tables = f"tables = [globals()['M' + str(n)].__table__ for n in range({number})]"
    imports = "from andamios_orm import Col, Model, field, generated\n"
    return {
        "ours": _HEAD + imports + _DEFINED.format(source=_source(_OURS, number), finish=tables),
        "floor": _HEAD + _DEFINED.format(source=_source(_BY_HAND, number), finish=""),
    }


def _source(template: str, number: int) -> str:
    return "".join(template.replace("{n}", str(n)) for n in range(number))


def _run(program: str) -> Sample:
    done = subprocess.run(
        [sys.executable, "-"],
        input=program,
        cwd=_ROOT,
        # An installed library has its bytecode, as Pydantic and SQLAlchemy have.
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    wall, cpu = json.loads(done.stdout)
    return Sample(wall=wall, cpu=cpu)
