"""A server never runs as root, and never as a user that we made."""

from collections.abc import Callable

import pytest

from andamios_orm.testing.servers import Account, ServerUnavailable, account_for


def users(**known: tuple[int, int]) -> Callable[[str], tuple[int, int]]:
    return known.__getitem__


def test_a_plain_user_stays_who_they_are() -> None:
    account = account_for(1000, users(postgres=(7, 8)))

    assert account == Account(None, None)
    assert account.groups is None


def test_root_becomes_postgres() -> None:
    account = account_for(0, users(nobody=(9, 9), postgres=(7, 8)))

    assert account == Account(7, 8)
    assert account.groups == []


def test_root_becomes_nobody_where_there_is_no_postgres() -> None:
    assert account_for(0, users(nobody=(9, 9))) == Account(9, 9)


def test_root_without_another_user_is_told_what_to_do() -> None:
    with pytest.raises(ServerUnavailable, match="no user `postgres` or `nobody`"):
        account_for(0, users())


def test_the_system_knows_its_users() -> None:
    assert account_for(0).uid != 0
