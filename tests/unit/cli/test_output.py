"""What commands write: tables for people, one document for programs, the rest to stderr."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from andamios_orm.cli.output import Output, plain


@dataclass
class Found:
    file: Path
    names: frozenset[str]
    more: dict[int, tuple[int, ...]]
    kind: Any = print


def test_a_document_has_dataclasses_as_objects_without_their_functions() -> None:
    found = Found(Path("a/b"), frozenset({"x"}), {1: (2, 3)})

    assert plain([found, Found]) == [
        {"file": "a/b", "names": ["x"], "more": {"1": [2, 3]}},
        Found,
    ]


def test_a_document_is_all_that_is_said_where_one_was_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = Output(as_json=True)

    output.say("for people", document={"a": 1})
    output.note("aside")

    told = capsys.readouterr()
    assert json.loads(told.out) == {"a": 1}
    assert told.err == "aside\n"


def test_markup_in_a_value_is_written_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    Output().say("[red]not red[/red]" + " long" * 60)

    assert capsys.readouterr().out == "[red]not red[/red]" + " long" * 60 + "\n"


def test_markup_in_a_table_is_written_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    Output().table(("name",), [("[red]x[/red]",)])

    assert "[red]x[/red]" in capsys.readouterr().out


def test_what_is_put_aside_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=True).aside().say("a part of it")

    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "a part of it\n")


@pytest.mark.parametrize(("color", "variable"), [(False, None), (True, "1")])
def test_without_colors_there_are_none(
    color: bool, variable: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable is not None:
        monkeypatch.setenv("NO_COLOR", variable)

    assert Output(color=color).console.no_color


def test_nobody_is_asked_where_a_program_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)

    assert Output().asks()
    assert not Output(as_json=True).asks()
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    assert not Output().asks()
