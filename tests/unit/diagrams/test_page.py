"""The HTML page, opened in a browser: what is drawn, what a search and a click show."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from html import unescape
from itertools import combinations
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from andamios_orm.diagrams import Column, Diagram, Entity, Relation, to_html
from andamios_orm.testing.engines import unavailable
from tests.unit.diagrams.schemas import KEY, generated, relation, schema

Look: TypeAlias = Callable[..., list[dict[str, Any]]]

MEASURE = Path(__file__).with_name("measure.js").read_text(encoding="utf-8")
"""What the test adds to a page: it does some things there, and writes down what is to be seen."""


@pytest.fixture(scope="session")
def browser() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    return unavailable("no Chromium to open pages in: apt-get install chromium")


@pytest.fixture
def looks(browser: str, tmp_path: Path) -> Look:
    """Open a page, do some things there, and return what was to be seen before and after each."""

    def open_page(
        diagram: Diagram, *actions: str, hash: str = "", options: tuple[str, ...] = ()
    ) -> list[dict[str, Any]]:
        page = to_html(diagram)
        # The page allows its own script only, and this one is not.
        page, count = re.subn(r'<meta http-equiv="Content-Security-Policy".*?>', "", page)
        assert count == 1
        measure = MEASURE.replace("ACTIONS", f"[{', '.join(actions)}]")
        path = tmp_path / "page.html"
        path.write_text(
            page.replace("</body>", f"<script>{measure}</script></body>"), encoding="utf-8"
        )
        dom = dumped(browser, f"{path.as_uri()}{hash}", tmp_path, *options)
        measured = re.search(r'<pre id="measured">(.*?)</pre>', dom, re.DOTALL)
        assert measured is not None, dom[-2000:]
        found: list[dict[str, Any]] = json.loads(unescape(measured[1]))
        return found

    return open_page


def dumped(browser: str, address: str, profile: Path, *options: str) -> str:
    """What a page is after its scripts have run."""
    command = (
        browser,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1400,900",
        "--virtual-time-budget=2000",
        f"--user-data-dir={profile / 'browser'}",
        *options,
        "--dump-dom",
        address,
    )
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


LARGE = generated(60, seed=6)


def test_every_table_and_relation_is_drawn_and_nothing_overlaps(looks: Look) -> None:
    (seen,) = looks(LARGE)
    boxes = seen["boxes"]

    assert sorted(boxes) == sorted(entity.name for entity in LARGE.entities)
    assert seen["listed"] == [entity.name for entity in LARGE.entities]
    for (one, a), (other, b) in combinations(boxes.items(), 2):
        assert a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1], (one, other)
    left, top, right, bottom = seen["canvas"]
    for box in boxes.values():
        assert left <= box[0] < box[2] <= right
        assert top <= box[1] < box[3] <= bottom
    drawn = sorted((child, parent) for child, parent, _ in seen["relations"])
    assert drawn == sorted((r.child, r.parent) for r in LARGE.relations)
    assert all(length > 20 for _, _, length in seen["relations"])
    assert seen["inside"]
    assert seen["apart"]


def test_a_search_and_a_click_show_what_was_asked_for(looks: Look) -> None:
    diagram = schema(city=[], team=["city"], hero=["team"], power=[])
    first, chosen, cleared, emptied, searched, gone = looks(
        diagram,
        """({ click }) => click('.entity[data-name="hero"]')""",
        "({ key }) => key('Escape')",
        "({ key }) => key('Escape')",
        "({ key }) => key('/')",
        """({ click }) => click('#tables li:last-child button')""",
        hash="#q=TEAM",
    )

    assert first["bright"] == first["listed"] == ["team", "hero"]
    assert first["hits"] == ["team_0"]
    assert (first["count"], first["details"], first["lit"]) == ("2 of 4", "", 0)

    assert chosen["bright"] == ["team", "hero"]
    assert chosen["lit"] == 1
    assert chosen["hash"] == "#q=TEAM&table=hero"
    for told in ("team_0", "BIGINT", "NOT NULL", "hero(team_0) -> team(id)"):
        assert told in chosen["details"]

    assert (cleared["lit"], cleared["details"], cleared["count"]) == (0, "", "2 of 4")
    assert emptied["bright"] == emptied["listed"] == ["city", "team", "hero", "power"]
    assert (emptied["count"], emptied["hash"]) == ("", "")
    assert searched["focus"] == "search"
    assert gone["bright"] == ["power"]


def test_a_link_opens_a_table_with_all_that_is_known_of_it(looks: Look) -> None:
    columns = (
        KEY,
        Column(
            name="pay",
            field="salary",
            type="NUMERIC(10, 2)",
            default="0",
            rules=("CHECK (pay >= 0)",),
            comment="before tax",
        ),
        Column(name="boss_id", type="BIGINT", nullable=True, foreign_key=True),
    )
    employee = Entity(
        name="employee",
        model="Employee",
        comment="Who works here.",
        columns=columns,
        rules=("INDEX (boss_id)",),
    )
    own = Relation(
        child="employee",
        columns=("boss_id",),
        parent="employee",
        parent_columns=("id",),
        optional=True,
        enforced=False,
    )
    other = Entity(name="desk", columns=(KEY, Column(name="of", type="BIGINT")))
    diagram = Diagram(
        title="A firm",
        entities=(employee, other),
        relations=(own, relation("desk", "of", "employee")),
    )

    seen, followed = looks(
        diagram,
        "({ click }) => click('aside ul:last-of-type button')",
        hash="#table=employee",
    )

    assert (seen["title"], seen["heading"]) == ("A firm", "A firm")
    for told in (
        "model Employee",
        "Who works here.",
        "PK",
        "NUMERIC(10, 2)",
        "field salary",
        "before tax",
        "DEFAULT 0",
        "CHECK (pay >= 0)",
        "INDEX (boss_id)",
        "employee(boss_id) -> employee(id) (no constraint)",
        "desk(of) -> employee(id)",
    ):
        assert told in seen["details"]
    assert followed["hash"] == "#table=desk"


def test_keys_move_the_picture_and_choose_tables(looks: Look) -> None:
    start, larger, smaller, moved, fitted, chosen, dragged = looks(
        schema(team=[], hero=["team"]),
        "({ key }) => key('+')",
        "({ key }) => { key('-'); key('-'); }",
        "({ key, document }) => key('ArrowRight', document.getElementById('canvas'))",
        "({ key }) => key('0')",
        "({ key, document }) => key('Enter', document.querySelector('.entity'))",
        """({ key, document, window }) => {
            key('Escape');
            const at = (x) => ({ clientX: x, clientY: 300, button: 0, bubbles: true });
            const box = document.querySelector('.entity[data-name="team"]');
            box.dispatchEvent(new PointerEvent('pointerdown', at(300)));
            window.dispatchEvent(new PointerEvent('pointermove', at(420)));
            window.dispatchEvent(new PointerEvent('pointerup', at(420)));
            box.dispatchEvent(new MouseEvent('click', { bubbles: true }));
        }""",
    )

    assert larger["viewBox"][2] < start["viewBox"][2] < smaller["viewBox"][2]
    assert moved["viewBox"][0] > smaller["viewBox"][0]
    assert fitted["viewBox"] == start["viewBox"]
    assert "team" in chosen["details"]
    # Whoever drags the picture has not clicked the table under the pointer.
    assert dragged["details"] == ""
    assert dragged["viewBox"][0] < start["viewBox"][0]


def test_the_page_is_light_or_dark_as_its_reader_likes_or_says(looks: Look) -> None:
    toggle = "({ click }) => click('#theme')"
    light, dark, again = looks(schema(team=[]), toggle, toggle)
    (preferred,) = looks(schema(team=[]), options=("--blink-settings=preferredColorScheme=0",))

    assert light["paper"] == again["paper"] == "rgb(255, 255, 255)"
    assert dark["paper"] == preferred["paper"] == "rgb(18, 22, 29)"


HOSTILE = "</script><script>window.ran = true</script><img src=x onerror='window.ran = true'>"


def test_names_and_comments_are_text_and_never_run(looks: Look) -> None:
    name = f"[[data]] {HOSTILE}"
    column = Column(name=name, type=HOSTILE, rules=(HOSTILE,), comment=HOSTILE, default=HOSTILE)
    diagram = Diagram(
        title=HOSTILE,
        entities=(Entity(name=name, model=HOSTILE, columns=(column,), comment=HOSTILE),),
    )

    seen, chosen = looks(diagram, "({ click }) => click('.entity')")

    assert list(seen["boxes"]) == [name]
    assert seen["title"] == HOSTILE
    assert chosen["details"].count("</script><script>") == 8
    assert not seen["ran"]
    assert not chosen["ran"]
    assert chosen["scripts"] == 0


def test_the_page_runs_no_script_but_its_own(browser: str, tmp_path: Path) -> None:
    page = to_html(schema(team=[]))
    path = tmp_path / "page.html"
    path.write_text(
        page.replace("</body>", "<script>document.body.id = 'foreign'</script></body>"),
        encoding="utf-8",
    )

    dom = dumped(browser, path.as_uri(), tmp_path)

    assert 'id="foreign"' not in dom
    assert 'aria-label="team, 1 columns"' in dom


def test_the_page_needs_nothing_from_elsewhere() -> None:
    page = to_html(LARGE)

    assert page == to_html(LARGE)
    assert not re.findall(
        r"""(?:src|href)\s*=|url\(|@import|https?://(?!www\.w3\.org/2000/svg)""", page
    )
    assert "60 tables · " in page
    assert "1 table · 0 relations · types of sqlite" in to_html(
        Diagram(engine="sqlite", entities=(Entity(name="one", columns=()),))
    )
