"""The page about performance shows the ratios of the kept run."""

from __future__ import annotations

import pytest

from benchmarks.harness import Sample, Timing
from benchmarks.page import PAGE, RECORDED, ratios, with_ratios
from benchmarks.report import METHOD, PYTHON, Report, loaded, result

OURS = Timing((Sample(wall=130e-6, cpu=120e-6),) * 2)
FLOOR = Timing((Sample(wall=110e-6, cpu=100e-6),) * 2)


@pytest.fixture
def report() -> Report:
    return Report(
        {"cpu": "A processor", "cores": 2, "system": "Linux"},
        {"python": "3.13.0"},
        METHOD,
        (
            result("get", "get by key", "sqlite", OURS, FLOOR, calls=10),
            result("bulk", "insert many", "duckdb", OURS, FLOOR, calls=10),
            result("import", "import the library", PYTHON, OURS, FLOOR, calls=1),
        ),
    )


def test_the_ratios_stand_by_operation_and_backend(report: Report) -> None:
    lines = [" ".join(line.split()) for line in ratios(report).splitlines()]

    assert "| get by key | 1.20 ±0.00 | – |" in lines  # noqa: RUF001 - a dash
    assert "| insert many | – | 1.20 ±0.00 |" in lines  # noqa: RUF001 - a dash
    assert "| import the library | 1.20 ±0.00 |" in lines
    assert lines[-1] == "A processor, 2 cores, Linux. python 3.13.0."


def test_writing_twice_is_writing_once(report: Report) -> None:
    page = PAGE.read_text(encoding="utf-8")
    once = with_ratios(page, report)

    assert once != page
    assert with_ratios(once, report) == once


def test_the_page_is_that_of_the_kept_run() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert with_ratios(page, loaded(RECORDED)) == page


def test_a_page_without_a_place_is_refused(report: Report) -> None:
    with pytest.raises(ValueError, match="no place"):
        with_ratios("# A page", report)
