"""The changelog has a place for the next change."""

import re
from pathlib import Path

CHANGELOG = Path(__file__).parents[2] / "CHANGELOG.md"


def test_the_first_section_is_unreleased() -> None:
    sections = re.findall(r"^## (.+)$", CHANGELOG.read_text(encoding="utf-8"), re.MULTILINE)

    assert sections[:1] == ["[Unreleased]"]
