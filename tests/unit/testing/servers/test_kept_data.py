"""Where a server's data are kept, and for whom."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa

from andamios_orm import Database
from andamios_orm.testing.servers import MariaDBServer
from andamios_orm.testing.servers.accounts import Account
from andamios_orm.testing.servers.base import _link
from andamios_orm.testing.servers.programs import ServerUnavailable


def test_data_stay_ours_where_we_run_the_server_ourselves(tmp_path: Path) -> None:
    _link(tmp_path / "kept" / "data", tmp_path / "link", Account())

    assert (tmp_path / "link").resolve() == (tmp_path / "kept" / "data").resolve()


def test_another_account_has_to_be_able_to_enter(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    account = Account(os.getuid(), os.getgid())

    with pytest.raises(ServerUnavailable, match="nobody else may enter"):
        _link(closed / "data", tmp_path / "link", account)

    assert not (tmp_path / "link").exists()


async def test_a_mariadb_goes_on_with_the_data_that_it_had(mariadb_binaries: Path) -> None:
    # Every user may enter it: a server does not run as root.
    with TemporaryDirectory(prefix="andamios-") as folder:
        Path(folder).chmod(0o755)  # noqa: ASYNC240 - nothing else runs here
        data = Path(folder, "data")
        with MariaDBServer(data=data, binaries=mariadb_binaries) as server:
            async with Database(server.create_database("kept")) as db:
                await db.execute(sa.text("CREATE TABLE hero (id INT)"))

        with MariaDBServer(data=data, binaries=mariadb_binaries) as server:
            async with Database(server.url("kept")) as db:
                rows = await db.execute(sa.text("SELECT count(*) FROM hero"))

    assert [tuple(row) for row in rows] == [(0,)]
