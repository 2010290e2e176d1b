"""What a run found is kept, shown, judged and drawn as it is."""

import xml.etree.ElementTree as ET

import pytest

from benchmarks.harness import Sample, Timing
from benchmarks.peers.speed.__main__ import RECORDED, main
from benchmarks.peers.speed.answers import Answers, Library, loaded
from benchmarks.peers.speed.drawing import drawn
from benchmarks.peers.speed.judgement import faster, judgement
from benchmarks.peers.speed.page import PAGE, chart_of, with_tables
from benchmarks.peers.speed.roster import OURS
from benchmarks.peers.speed.shown import duration, multiple
from benchmarks.peers.speed.tables import backends, tables
from benchmarks.peers.speed.traits import Traits
from benchmarks.report import PYTHON, Result, result

FLOOR = 100e-6


def timing(ratio: float, spread: float = 0.0) -> Timing:
    """Return three samples whose ratios to the floor are near the one given."""
    ratios = (ratio - spread, ratio, ratio + spread)
    return Timing(tuple(Sample(wall=2 * FLOOR * one, cpu=FLOOR * one) for one in ratios))


def measured(operation: str, ratio: float, backend: str = "sqlite", spread: float = 0.0) -> Result:
    return result(operation, operation, backend, timing(ratio, spread), timing(1), calls=10)


def library(name: str, *results: Result, **changes: object) -> Library:
    traits = {"rows": "object", "objects": True, "validated": "no", **changes}
    return Library(
        name=name,
        title=name.title() if name != OURS else OURS,
        version="1.0",
        python="3.13.0",
        traits=Traits(**traits),  # type: ignore[arg-type] # made up in the test
        imported=result("import", "import", PYTHON, timing(3), timing(1), calls=1),
        results=results,
    )


def answers(*libraries: Library) -> Answers:
    machine: dict[str, str | int] = {"cpu": "Some <CPU>", "cores": 2, "system": "Linux"}
    return Answers(machine, {"sqlite": "3.50"}, "The method.", libraries)


def test_answers_are_kept() -> None:
    failed = Library("failing", "Failing", failed={"sqlite": "it ended with an error"})
    absent = Library("absent", "Absent", left_out="it needs Python 3.99")
    given = answers(library(OURS, measured("get_pool", 1.5), keys="rows"), failed, absent)
    kept = loaded(given.text())
    assert kept == loaded(kept.text())
    assert kept.libraries[1:] == given.libraries[1:]
    assert kept.libraries[0].traits == given.libraries[0].traits
    found = kept.libraries[0].result("sqlite", "get_pool")
    assert found is not None
    assert found.cpu.value == pytest.approx(1.5)
    assert '"ours"' not in given.text()


def test_a_table_has_the_ratio_and_the_time_of_each_operation() -> None:
    shown = tables(
        answers(
            library(OURS, measured("get", 1.25)),
            library("slow", *(measured(name, 12) for name in ("get", "get_pool"))),
        )
    )
    (ours,) = (line for line in shown.splitlines() if line.startswith(f"| {OURS} ") and "·" in line)
    assert ours.split("|")[2].strip() == f"{multiple(1.25)} · {duration(250)}"
    assert "–" in ours  # noqa: RUF001 - nothing measured
    (slow,) = (line for line in shown.splitlines() if line.startswith("| Slow ") and "·" in line)
    assert slow.split("|")[2].strip() == f"{multiple(12)} · {duration(2400)}"


def test_a_table_names_what_is_missing() -> None:
    failed = Library("failing", "Failing", failed={"sqlite": "it ended with an error"})
    absent = Library("absent", "Absent", left_out="it needs Python 3.99")
    shown = tables(answers(library(OURS, measured("get", 1)), failed, absent))
    assert "Absent is left out: it needs Python 3.99." in shown
    assert "Failing was not measured on SQLite: it ended with an error." in shown


@pytest.mark.parametrize(
    ("microseconds", "shown"),
    [(0.4, "0 µs"), (999.4, "999 µs"), (1500, "1.5 ms"), (123_456, "123 ms")],  # noqa: RUF001 - micro
)
def test_a_time_is_shown_in_a_fitting_unit(microseconds: float, shown: str) -> None:
    assert duration(microseconds) == shown


def test_half_the_cpu_of_the_best_peer_is_reached_or_not() -> None:
    ours = library(OURS, measured("get_pool", 1.5))
    middling, slow = (
        library("middling", measured("get_pool", 3.1)),
        library("slow", measured("get_pool", 9)),
    )
    assert "2.1 times less than Middling" in judgement(answers(ours, slow, middling))
    assert ": reached" in judgement(answers(ours, slow, middling))
    quick = library("quick", measured("get_pool", 2.9))
    assert ": not reached" in judgement(answers(ours, slow, quick))


def test_a_faster_peer_is_named_with_what_it_leaves_out() -> None:
    ours = library(OURS, measured("bulk", 2), measured("get", 2), measured("insert_pool", 2))
    quick = library(
        "quick",
        measured("bulk", 1),
        measured("get", 1.5),
        measured("insert_pool", 1),
        keys="a count",
        stored="the key",
    )
    said = judgement(answers(ours, quick))
    assert "returns a count, not the rows" in said
    assert "does not check what it reads" in said
    assert "reads back the key" in said


def test_a_peer_that_does_the_same_and_is_faster_has_no_excuse() -> None:
    names = ("bulk", "get", "insert_pool")
    ours = library(OURS, *(measured(name, 2) for name in names))
    quick = library("quick", *(measured(name, 1) for name in names), keys="rows", validated="yes")
    found = list(faster(answers(ours, quick)))
    assert [one.operation for one in found] == ["get", "insert_pool", "bulk"]
    assert not any("(" in str(one) for one in found)


def test_rows_that_are_no_objects_are_not_compared() -> None:
    ours = library(OURS, measured("get", 2))
    rows = library("rows", measured("get", 1), objects=False)
    assert not list(faster(answers(ours, rows)))
    assert judgement(answers(ours, rows)).endswith("none")


def test_a_difference_within_the_noise_is_called_so() -> None:
    ours = library(OURS, measured("get", 2, spread=0.5))
    near, far = (
        library("near", measured("get", 1.9, spread=0.5)),
        library("far", measured("get", 0.5)),
    )
    assert [one.is_certain for one in faster(answers(ours, near))] == [False]
    assert [one.is_certain for one in faster(answers(ours, far))] == [True]
    assert "within the noise" in judgement(answers(ours, near))


def test_wall_time_is_judged_apart() -> None:
    ours, quick = library(OURS, measured("get", 2)), library("quick", measured("get", 1))
    said = judgement(answers(ours, quick))
    assert said.count("SQLite, get, transaction held: Quick") == 2
    assert said.index("needs less CPU") < said.index("answers sooner")


def test_a_part_of_a_run_is_not_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--record", "--libraries", "oxyde"])
    assert "a run of everything" in capsys.readouterr().err


def test_without_andamios_orm_nothing_is_judged() -> None:
    assert "nothing to judge" in judgement(answers(library("alone", measured("get", 2))))


def test_a_chart_is_an_svg_with_every_library() -> None:
    given = answers(
        library(OURS, measured("get", 1.5), validated="yes"), library("slow", measured("get", 9))
    )
    text = "".join(ET.fromstring(drawn(given, "sqlite")).itertext())  # noqa: S314 - our own
    for part in (OURS, "Slow *", "SQLite 3.50", "Some <CPU>", "The method.", "Slow 1.0"):
        assert part in text


def test_the_tables_of_a_page_are_replaced() -> None:
    given = answers(library(OURS, measured("get", 1.5)))
    page = PAGE.read_text(encoding="utf-8")
    once = with_tables(page, given)
    assert tables(given) in once
    assert with_tables(once, given) == once
    assert once.startswith(page.partition("<!--")[0])
    with pytest.raises(ValueError, match="no place"):
        with_tables("nothing", given)


def test_the_page_shows_the_results_that_are_kept() -> None:
    kept = loaded(RECORDED)
    page = PAGE.read_text(encoding="utf-8")
    assert with_tables(page, kept) == page
    for backend in backends(kept):
        assert chart_of(backend).exists()
        assert f"(images/{chart_of(backend).name})" in page
