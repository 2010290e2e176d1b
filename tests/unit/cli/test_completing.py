"""What a shell offers while somebody types."""

import pytest

from tests.command_line import CommandLine


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> "Offered":
    return Offered(monkeypatch)


class Offered:
    """Asks as bash does: with variables of the environment, and the answer on stdout."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch

    def by(self, cli: CommandLine, typed: str) -> list[str]:
        words = typed.split()
        self._patch.setenv("_ANDAMIOS_ORM_COMPLETE", "complete_bash")
        self._patch.setenv("COMP_WORDS", typed)
        self._patch.setenv("COMP_CWORD", str(len(words) - (not typed.endswith(" "))))
        return cli.run().out.split()


def test_models_are_offered(project: CommandLine, offered: Offered) -> None:
    assert offered.by(project, "andamios-orm schema show ") == ["Team", "Hero"]
    assert offered.by(project, "andamios-orm audit He") == ["Hero"]


def test_revisions_are_offered_from_the_newest(project: CommandLine, offered: Offered) -> None:
    first, second = "0aaaaaaaaaaa", "0bbbbbbbbbbb"
    folder = project.folder / "migrations" / "sqlite"
    folder.mkdir(parents=True)
    for name, down in ((first, None), (second, first)):
        (folder / f"{name}.py").write_text(
            f'"""Change."""\nrevision = "{name}"\ndown_revision = {down!r}\n'
            "def upgrade() -> None: ...\ndef downgrade() -> None: ...\n"
        )

    assert offered.by(project, "andamios-orm migrate to ") == [second, first, "head", "base"]
    assert offered.by(project, "andamios-orm migrate stamp 0a") == [first]


def test_databases_are_offered(project: CommandLine, offered: Offered) -> None:
    settings = project.folder / "pyproject.toml"
    more = '\n[tool.andamios-orm.databases.archive]\nurl = "sqlite:///archive.db"\n'
    settings.write_text(settings.read_text() + more)

    assert offered.by(project, "andamios-orm audit --database ") == ["archive"]


def test_a_project_that_cannot_be_read_offers_nothing(cli: CommandLine, offered: Offered) -> None:
    assert offered.by(cli, "andamios-orm schema show ") == []
    assert offered.by(cli, "andamios-orm migrate to ") == []
