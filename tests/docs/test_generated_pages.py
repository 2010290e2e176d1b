"""The pages that are written from the code say what the code says."""

import re
from dataclasses import fields

from andamios_orm import Database
from andamios_orm.backends.base import Capabilities
from tests.docs import changes_page, checkers_page, drawn_pages, engine_page
from tests.engines import ENGINES, only_on, server_of
from tests.fidelity.__main__ import ALONE, PAGE
from tests.fidelity.alone import alone
from tests.fidelity.report import outcome, prepared
from tests.fidelity.traps import TRAPS


def test_the_page_of_the_engines_is_that_of_their_capabilities() -> None:
    assert engine_page.PAGE.read_text(encoding="utf-8") == engine_page.page()


def test_the_page_of_the_changes_is_that_of_the_tests() -> None:
    assert changes_page.PAGE.read_text(encoding="utf-8") == changes_page.page()


def test_the_page_of_the_type_checkers_is_that_of_their_tests() -> None:
    assert checkers_page.PAGE.read_text(encoding="utf-8") == checkers_page.page()


def test_the_drawn_tables_are_those_of_the_examples() -> None:
    drawn = "draw them again with `python -m tests.docs.drawn_pages`"
    assert drawn_pages.PICTURE.read_text(encoding="utf-8") == drawn_pages.picture(), drawn
    assert drawn_pages.README.read_text(encoding="utf-8") == drawn_pages.readme(), drawn


def test_every_capability_is_described() -> None:
    assert list(engine_page.descriptions()) == [field.name for field in fields(Capabilities)]


@only_on(*ENGINES)
async def test_the_fidelity_report_is_what_the_engine_does(db: Database) -> None:
    rows = [
        [cell.strip() for cell in line.split(" | ")]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    ]
    header = next(
        line
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| Field |")
    )
    names = [cell.strip(" |").lower() for cell in header.split(" | ")]
    column = names.index(server_of(db))
    assert len(rows) == len(TRAPS)

    await prepared(db)
    found = {trap.name: await outcome(db, trap) for trap in TRAPS}

    assert found == {
        trap.name: row[column].strip(" |") for trap, row in zip(TRAPS, rows, strict=True)
    }
    assert all(text.startswith(("equal", "refused")) for text in found.values())
    assert "equal, but not found by it" not in found.values()


async def test_the_page_of_what_engines_do_alone_is_what_one_does() -> None:
    page = ALONE.read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| `")]
    outcomes = await alone("duckdb:///:memory:")
    told = {" ".join(row[:2]).strip("| "): row[2] for row in rows[-len(TRAPS) :]}

    assert told == {
        f"`{trap.kind}` {trap.says}": outcomes[trap].replace("|", "\\|") for trap in TRAPS
    }


def test_the_page_of_what_was_found_names_tests_that_are_there() -> None:
    root = PAGE.parents[2]
    page = (root / "docs" / "explanation" / "found.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/\S+\.py)::(\w+)`", page)

    assert len(named) == page.count("| `tests/") > 10
    for path, name in named:
        assert f"def {name}(" in (root / path).read_text(encoding="utf-8"), name
