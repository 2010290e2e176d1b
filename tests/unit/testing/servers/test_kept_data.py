"""Where a server's data are kept, and for whom."""

import os
from pathlib import Path

import pytest

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
