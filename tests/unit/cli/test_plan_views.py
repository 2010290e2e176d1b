"""How plans look at a terminal."""

from io import StringIO

from rich.console import Console

from andamios_orm.cli.plan_views import drawn
from andamios_orm.database.query_plans import Advice, PlanNode, QueryPlan


def test_steps_are_drawn_with_their_part_rows_and_time() -> None:
    scan = PlanNode(
        kind="Seq Scan",
        table="hero",
        alias="h",
        condition="age > 40",
        estimated=1200,
        actual=3,
        scanned=5000,
        seconds=1.5,
        reads_all=True,
    )
    look = PlanNode(
        kind="Index Scan", table="team", alias="team", index="pk", actual=1, seconds=0.5
    )
    plan = QueryPlan(
        engine="postgresql",
        sql="",
        root=PlanNode(kind="Join", children=(scan, look)),
        analyzed=True,
        seconds=2.25,
        advice=(Advice(table="hero", rows=5000, more=False, columns=("age",)),),
    )
    console = Console(file=StringIO(), width=120)
    console.print(drawn(plan))

    assert isinstance(console.file, StringIO)
    assert [line.rstrip() for line in console.file.getvalue().splitlines()] == [
        "postgresql  2.25 s  bars: part of the whole time",
        "└── ░░░░░░░░░░   0%  Join",
        "    ├── ████████░░  75%  Seq Scan hero as h"
        "  3 rows, expected 1,200, looked at 5,000, 1.50 s",
        "    │   └── age > 40",
        "    └── ██░░░░░░░░  25%  Index Scan team by pk  1 rows, 500.00 ms",
        "! all 5,000 rows of hero are read; an index on (age) would find them",
    ]


def test_without_numbers_there_are_no_bars() -> None:
    console = Console(file=StringIO(), width=120)
    console.print(drawn(QueryPlan(engine="sqlite", sql="", root=PlanNode(kind="QUERY"))))

    assert isinstance(console.file, StringIO)
    assert console.file.getvalue().split("\n")[:2] == ["sqlite", "└── QUERY"]
