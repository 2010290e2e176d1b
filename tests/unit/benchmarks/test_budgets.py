"""Which results miss a budget, and how that is said."""

from __future__ import annotations

import io
from contextlib import redirect_stdout

import pytest

from benchmarks import __main__ as program
from benchmarks.alone import ALONE
from benchmarks.budgets import Budgets, budgets, judged
from benchmarks.databases import BACKENDS
from benchmarks.harness import Sample, Timing
from benchmarks.report import PYTHON, Result, result
from benchmarks.workload import OPERATIONS

LIMITS = Budgets(cpu_ratio={"get": {"sqlite": 1.3}}, wall_ms={"get": {"sqlite": 1.0}})


def measured(*cpu: float, operation: str = "get", backend: str = "sqlite") -> Result:
    """Return a result of so many microseconds next to a floor of 100."""
    ours = Timing(tuple(Sample(wall=one / 1e6, cpu=one / 1e6) for one in cpu))
    floor = Timing((Sample(wall=100e-6, cpu=100e-6),) * len(cpu))
    return result(operation, operation, backend, ours, floor, calls=1)


def test_a_ratio_below_its_budget_is_kept() -> None:
    (cpu, _) = judged([measured(120, 120, 120)], LIMITS)

    assert cpu.is_kept


def test_a_ratio_above_its_budget_is_missed() -> None:
    (cpu, _) = judged([measured(150, 150, 150)], LIMITS)

    assert not cpu.is_kept


def test_a_ratio_above_its_budget_by_less_than_the_noise_is_kept() -> None:
    (cpu, _) = judged([measured(100, 135, 170)], LIMITS)

    assert cpu.found > cpu.budget
    assert cpu.is_kept


def test_a_wall_time_has_a_budget_of_its_own() -> None:
    (_, wall) = judged([measured(1500, 1500, 1500)], LIMITS)

    assert (wall.measure, wall.budget) == ("wall ms", 1.0)
    assert wall.found == pytest.approx(1.5)
    assert not wall.is_kept


def test_what_has_no_budget_is_not_judged() -> None:
    others = [measured(900, operation="read"), measured(900, backend="duckdb")]

    assert judged(others, LIMITS) == []


def test_a_judgement_names_operation_backend_ratio_budget_and_noise() -> None:
    (cpu, _) = judged([measured(150, 150, 150)], LIMITS)

    assert str(cpu) == "get on sqlite: CPU ratio 1.50 (noise 0.00), budget 1.3"


@pytest.mark.parametrize(("cpu", "code"), [(90, 0), (900, 1)])
def test_the_check_fails_when_a_budget_is_missed(cpu: float, code: int) -> None:
    out = io.StringIO()
    with redirect_stdout(out):
        found = program.checked([measured(cpu, cpu, cpu)])

    assert found == code
    assert ("missed: get on sqlite" in out.getvalue()) == bool(code)


def test_every_budget_is_of_an_operation_that_is_measured() -> None:
    limits = budgets()
    known = {*OPERATIONS, *ALONE}

    assert {*limits.cpu_ratio, *limits.wall_ms} <= known
    for by_backend in (*limits.cpu_ratio.values(), *limits.wall_ms.values()):
        assert by_backend.keys() <= {*BACKENDS, PYTHON}
