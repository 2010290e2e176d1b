"""Where settings come from, and what is said of wrong ones."""

import json
import os
import sys
from pathlib import Path

import pytest

from andamios_orm.cli.config import load_config, load_modules, masked
from andamios_orm.errors import ConfigurationProblem
from tests.command_line import CommandLine

PYPROJECT = """\
[tool.andamios-orm]
url = "sqlite:///file.db"
models = ["app.models"]

[tool.andamios-orm.databases.reports]
url = "duckdb:///reports.duckdb"
migrations = "reports"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("ANDAMIOS_URL", "DATABASE_URL", "ANDAMIOS_MODELS", "ANDAMIOS_ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    return tmp_path


def test_an_option_comes_before_the_environment_before_the_file_before_pyproject(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def url(option: str | None = None) -> tuple[str, str]:
        config = load_config({"url": option}, folder=folder)
        return config.url, config.settings["url"].origin

    assert url() == ("sqlite:///file.db", "pyproject.toml [tool.andamios-orm]")
    (folder / ".env").write_text("DATABASE_URL=sqlite:///dotenv.db\nOTHER\n")
    assert url() == ("sqlite:///dotenv.db", ".env DATABASE_URL")
    monkeypatch.setenv("DATABASE_URL", "sqlite:///general.db")
    assert url() == ("sqlite:///general.db", "DATABASE_URL")
    monkeypatch.setenv("ANDAMIOS_URL", "sqlite:///own.db")
    assert url() == ("sqlite:///own.db", "ANDAMIOS_URL")
    assert url("sqlite:///option.db") == ("sqlite:///option.db", "--url")


def test_what_dotenv_says_stays_out_of_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SECRET_OF_DOTENV", raising=False)
    (folder / ".env").write_text("SECRET_OF_DOTENV=1\n")

    load_config(folder=folder)

    assert "SECRET_OF_DOTENV" not in os.environ


def test_settings_are_found_from_a_folder_below(folder: Path) -> None:
    below = folder / "app" / "deep"
    below.mkdir(parents=True)

    config = load_config(folder=below)

    assert config.root == folder
    assert config.migrations == folder / "migrations"


def test_without_pyproject_the_folder_itself_is_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "is_file", lambda path: False)

    config = load_config({"url": "sqlite://"}, folder=tmp_path)

    assert (config.root, config.url, config.environment) == (tmp_path, "sqlite://", "development")
    assert not config.environment_is_given


def test_a_further_database_has_its_own_url_and_the_rest_of_the_project(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANDAMIOS_URL", "sqlite:///not-this-one.db")

    config = load_config(database="reports", folder=folder)

    assert config.url == "duckdb:///reports.duckdb"
    assert config.migrations == folder / "reports"
    assert config.models == ("app.models",)
    (folder / ".env").write_text("ANDAMIOS_REPORTS_URL=duckdb:///dotenv.duckdb\n")
    assert load_config(database="reports", folder=folder).url == "duckdb:///dotenv.duckdb"
    monkeypatch.setenv("ANDAMIOS_REPORTS_URL", "duckdb:///elsewhere.duckdb")
    assert load_config(database="reports", folder=folder).url == "duckdb:///elsewhere.duckdb"


def test_a_database_that_is_not_configured_is_refused_with_those_that_are(folder: Path) -> None:
    with pytest.raises(ConfigurationProblem, match=r"no database `other`.*there are: reports"):
        load_config(database="other", folder=folder)


def test_without_further_databases_there_are_none_to_name(folder: Path) -> None:
    (folder / "pyproject.toml").write_text("[tool.andamios-orm]\n")

    with pytest.raises(ConfigurationProblem, match="there are: none"):
        load_config(database="other", folder=folder)


def test_a_further_database_without_url_has_none(folder: Path) -> None:
    (folder / "pyproject.toml").write_text(
        '[tool.andamios-orm]\nurl = "sqlite://"\n[tool.andamios-orm.databases.empty]\n'
    )

    with pytest.raises(ConfigurationProblem, match="the database empty has no url") as refused:
        _ = load_config(database="empty", folder=folder).url

    assert "set ANDAMIOS_EMPTY_URL" in refused.value.fix


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[tool.andamios-orm]\nurll = 1", "has no setting urll"),
        ("[tool.andamios-orm]\nurl = 1", "url of .* is no text"),
        ("[tool.andamios-orm]\nmodels = [1]", "models of .* is no list of texts"),
        ("[tool]\nandamios-orm = 1", "is no table"),
        ("[tool", "cannot be read"),
        ("[tool.andamios-orm.databases.a]\nurll = 1", "databases.a. in .* has no setting urll"),
    ],
)
def test_a_wrong_pyproject_is_refused_with_what_is_wrong(
    folder: Path, text: str, problem: str
) -> None:
    (folder / "pyproject.toml").write_text(text)

    with pytest.raises(ConfigurationProblem, match=problem):
        load_config(database="a" if "databases" in text else None, folder=folder)


def test_a_project_of_something_else_has_only_defaults(folder: Path) -> None:
    (folder / "pyproject.toml").write_text("tool = 1\n")

    config = load_config(folder=folder)

    assert config.seeds == ()
    with pytest.raises(ConfigurationProblem, match="no module with models"):
        _ = config.models


def test_a_list_in_the_environment_has_commas(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANDAMIOS_MODELS", "app.models, app.more,")

    assert load_config(folder=folder).models == ("app.models", "app.more")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ann:secret@db/shop", "postgresql://ann:***@db/shop"),
        ("postgresql://db/shop?sslpassword=secret", "postgresql://db/shop?sslpassword=***"),
        ("duckdb:///shop.db?motherduck_token=secret", "duckdb:///shop.db?motherduck_token=***"),
        ("not a url with secret", "(a URL that cannot be read)"),
    ],
)
def test_a_shown_url_has_no_secret(url: str, shown: str) -> None:
    assert masked(url) == shown


def test_a_module_that_there_is_not_is_a_problem_of_the_settings(folder: Path) -> None:
    with pytest.raises(ConfigurationProblem, match=r"there is no module `nowhere.models`"):
        load_modules(load_config(folder=folder), ["nowhere.models"])


def test_a_module_that_a_module_misses_is_told_as_python_tells_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (folder / "incomplete_models.py").write_text("import something_missing\n")

    with pytest.raises(ModuleNotFoundError, match="something_missing"):
        load_modules(load_config(folder=folder), ["incomplete_models"])


def test_config_shows_where_each_setting_comes_from(project: CommandLine) -> None:
    shown = project.done("config", "--url", "postgresql://ann:secret@db/shop").out

    assert "secret" not in shown
    assert [line.split()[:3] for line in shown.splitlines() if "--url" in line] == [
        ["url", "postgresql://ann:***@db/shop", "--url"]
    ]


def test_config_is_a_document_for_programs(project: CommandLine) -> None:
    found = json.loads(project.done("config", "--json").out)

    assert found["migrations"] == {"value": "migrations", "origin": "default"}
