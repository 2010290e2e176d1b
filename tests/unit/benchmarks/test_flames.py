"""A flame graph is an XML document that shows where the time went."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.flames.drawing import flame, shown
from benchmarks.flames.frames import Frame, kind_of, own_time
from benchmarks.flames.pictures import FLAMES, path_of
from benchmarks.page import PAGE
from benchmarks.workload import OPERATIONS

SVG = "{http://www.w3.org/2000/svg}"
PICTURES = [path_of(backend, name) for backend, names in FLAMES.items() for name in names]


def called(name: str, microseconds: float, *children: Frame) -> Frame:
    return Frame("asyncpg.connection", name, "driver", microseconds * 1e-6, list(children))


def call(*children: Frame) -> Frame:
    seconds = sum(child.seconds for child in children)
    return Frame("", "one call", "python", seconds, list(children))


def drawn(root: Frame) -> ElementTree.Element:
    return ElementTree.fromstring(flame("get <by> key", "a & b", root))  # noqa: S314 - our own


def widths(picture: ElementTree.Element) -> dict[str, float]:
    found = {}
    for group in picture.iter(f"{SVG}g"):
        title, box = group.find(f"{SVG}title"), group.find(f"{SVG}rect")
        assert title is not None
        assert box is not None
        found[title.text or ""] = float(box.get("width", ""))
    return found


def test_it_is_well_formed_whatever_functions_are_called() -> None:
    text = "".join(drawn(call(called('<lambda> & "x"', 20))).itertext())

    assert 'asyncpg.connection:<lambda> & "x"' in text
    assert "get <by> key" in text


def test_a_frame_is_as_wide_as_its_time() -> None:
    found = widths(drawn(call(called("slow", 30), called("fast", 10))))

    assert found["asyncpg.connection:slow 30 \N{MICRO SIGN}s"] == pytest.approx(
        3 * found["asyncpg.connection:fast 10 \N{MICRO SIGN}s"], abs=0.2
    )


def test_what_is_too_narrow_to_be_seen_is_left_out() -> None:
    assert len(widths(drawn(call(called("slow", 30), called("none", 0.001))))) == 2


def test_a_label_that_does_not_fit_is_cut() -> None:
    narrow = called("a_function_with_a_long_name", 8)
    labels = [one.text or "" for one in drawn(call(called("slow", 100), narrow)).iter(f"{SVG}text")]

    assert any(re.fullmatch(r"a_funct\w*…", label) for label in labels)


def test_the_legend_counts_each_functions_own_time() -> None:
    inner = Frame("pydantic_core", "validate", "pydantic", 30e-6)
    picture = drawn(call(called("fetch", 40, inner)))
    labels = [one.text for one in picture.iter(f"{SVG}text")]

    assert "pydantic 30 \N{MICRO SIGN}s (75 %)" in labels
    assert "driver 10 \N{MICRO SIGN}s (25 %)" in labels


def test_a_dark_system_has_colours_of_its_own() -> None:
    assert "prefers-color-scheme: dark" in flame("t", "s", call(called("f", 1)))


def test_calls_of_one_function_are_laid_on_top_of_each_other() -> None:
    root = call(called("fetch", 10, called("a", 4)), called("fetch", 20, called("a", 5))).merged()

    assert [round(one.seconds * 1e6) for one in root.walk()] == [30, 30, 9]
    assert own_time(root)["driver"] == pytest.approx(30e-6)


@pytest.mark.parametrize(
    ("module", "kind"),
    [
        ("andamios_orm.rows.plan", "library"),
        ("pydantic_core", "pydantic"),
        ("asyncpg.pool", "driver"),
        ("asyncio.tasks", "loop"),
        ("contextlib", "python"),
    ],
)
def test_a_function_belongs_to_its_package(module: str, kind: str) -> None:
    assert kind_of(module) == kind


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1.24e-6, "1.2 \N{MICRO SIGN}s"), (34e-6, "34 \N{MICRO SIGN}s"), (5.6e-3, "5.6 ms")],
)
def test_a_time_is_short(seconds: float, text: str) -> None:
    assert shown(seconds) == text


def test_pictures_are_of_known_operations() -> None:
    assert {name for names in FLAMES.values() for name in names} <= OPERATIONS.keys()


def test_the_page_shows_every_picture_and_has_every_image() -> None:
    page = PAGE.read_text(encoding="utf-8")
    images = {PAGE.parent / name for name in re.findall(r"\]\((images/[^)]+)\)", page)}

    assert {*PICTURES} <= images
    assert all(image.is_file() for image in images)


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.stem)
def test_a_kept_picture_is_well_formed_and_names_no_folder(picture: Path) -> None:
    text = picture.read_text(encoding="utf-8")
    ElementTree.fromstring(text)  # noqa: S314 - our own

    assert not re.search(r"/(home|root|tmp|usr|work)/", text)
