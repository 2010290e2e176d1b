"""The chart is an XML document that shows every ratio."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from benchmarks.chart import Bar, Panel, chart

SVG = "{http://www.w3.org/2000/svg}"


def drawn(*bars: Bar) -> ElementTree.Element:
    text = chart("Ratios <of> things", "less & more", [[Panel("SQLite", bars)]], ["A caption."])
    return ElementTree.fromstring(text)  # noqa: S314 - text of our own


def texts(picture: ElementTree.Element) -> list[str | None]:
    return [one.text for one in picture.iter(f"{SVG}text")]


def widths(picture: ElementTree.Element) -> list[float]:
    bars = [one for one in picture.iter(f"{SVG}rect") if one.get("class") in ("bar", "accent")]
    return [float(one.get("width", "")) for one in bars]


def test_it_is_well_formed_and_says_its_labels_and_caption() -> None:
    found = texts(drawn(Bar("get <by> key", 1.2)))

    assert {"Ratios <of> things", "less & more", "SQLite", "get <by> key", "A caption."} <= {*found}


@pytest.mark.parametrize(("value", "shown"), [(1.234, "1.23"), (0.5, "0.50"), (31.4, "31")])
def test_a_bar_says_its_ratio(value: float, shown: str) -> None:
    assert shown in texts(drawn(Bar("get", value)))


def test_what_was_not_measured_has_a_dash_and_no_bar() -> None:
    picture = drawn(Bar("get", None), Bar("filter", 2.0))

    assert "–" in texts(picture)  # noqa: RUF001 - a dash
    assert len(widths(picture)) == 1


def test_bars_begin_behind_the_longest_label() -> None:
    picture = drawn(Bar("get", 1.0), Bar("a label that is longer than most of them are", 1.0))

    [get, _] = (one for one in picture.iter(f"{SVG}rect") if one.get("class") == "bar")
    # No character of these is wider on average, at this size.
    assert float(get.get("x", "")) > 24 + 44 * 6.5


def test_small_ratios_are_as_long_as_they_are_great() -> None:
    one, two = widths(drawn(Bar("get", 1.0), Bar("filter", 2.0)))

    assert two == pytest.approx(2 * one, abs=0.2)


def test_great_ratios_are_drawn_from_the_floor_on_a_logarithmic_axis() -> None:
    four, sixteen, half = widths(drawn(Bar("a", 4.0), Bar("b", 16.0), Bar("c", 0.5)))

    assert sixteen == pytest.approx(2 * four, abs=0.2)
    assert half == pytest.approx(four / 2, abs=0.2)


def test_a_dark_system_has_colours_of_its_own() -> None:
    assert "prefers-color-scheme: dark" in chart("t", "s", [[Panel("p", (Bar("a", 1.0),))]], [])
