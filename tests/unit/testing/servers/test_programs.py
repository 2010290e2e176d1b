"""The programs of a server are found in the usual places, and run without the user's settings."""

from pathlib import Path

from andamios_orm.testing.servers.programs import environment, folders_below

PATTERNS = (
    "usr/bin",
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "opt/homebrew/opt/postgresql@*/bin",
    "no/such/*/folder",
)


def test_the_newest_version_of_a_distribution_comes_first(tmp_path: Path) -> None:
    folders = [
        "usr/lib/postgresql/17/bin",
        "usr/pgsql-16/bin",
        "opt/homebrew/opt/postgresql@15/bin",
        "usr/lib/postgresql/9.6/bin",
        "usr/bin",
    ]
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)

    found = folders_below(tmp_path, PATTERNS)

    assert [folder.relative_to(tmp_path).as_posix() for folder in found] == folders


def test_the_settings_of_the_user_do_not_reach_the_server() -> None:
    ours = {"PGDATA": "/x", "LC_MESSAGES": "xx", "LANG": "xx", "HOME": "/home/ann"}

    assert environment(ours, ("PG",)) == {"HOME": "/home/ann", "LC_ALL": "C"}
