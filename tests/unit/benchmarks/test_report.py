"""A report can be kept, read again, printed and drawn."""

from __future__ import annotations

import platform
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.drawing import drawn
from benchmarks.harness import Sample, Timing
from benchmarks.machine import machine, versions
from benchmarks.report import METHOD, PYTHON, Report, loaded, result, tables

OURS = Timing(tuple(Sample(wall=w * 1e-6, cpu=c * 1e-6) for w, c in ((130, 120), (150, 125))))
FLOOR = Timing((Sample(wall=110e-6, cpu=100e-6),) * 2)


@pytest.fixture
def report() -> Report:
    return Report(
        {"cpu": "A processor", "cores": 2, "system": "Linux"},
        {"python": "3.13.0"},
        METHOD,
        (
            result("get", "get by key", "sqlite", OURS, FLOOR, calls=10),
            result("import", "import the library", PYTHON, OURS, FLOOR, calls=1),
        ),
    )


def test_what_was_kept_is_read_again(report: Report, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(report.text())

    again = loaded(path)

    assert again.text() == report.text()
    assert again.results[0].cpu.value == pytest.approx(1.225)


def test_the_tables_give_ratio_noise_and_times(report: Report) -> None:
    found = tables(report.results)

    assert "1.23 ±" in found or "1.22 ±" in found
    assert "140 us / 110 us" in found
    assert "130 us / 110 us" in found
    assert "import the library" in found


def test_the_chart_tells_machine_versions_and_method(report: Report) -> None:
    picture = ElementTree.fromstring(drawn(report))  # noqa: S314 - text of our own

    said = " ".join("".join(one.itertext()) for one in picture.iter())
    for part in ("A processor, 2 cores, Linux", "python 3.13.0", "take turns", "Median of 2"):
        assert part in said


def test_neither_the_name_nor_a_folder_of_the_machine_is_told() -> None:
    told = f"{machine()} {versions()}"

    assert str(Path.home()) not in told
    assert str(Path.cwd()) not in told
    assert not platform.node() or platform.node() not in told
