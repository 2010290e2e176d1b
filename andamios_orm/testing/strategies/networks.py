"""Addresses: e-mail, URLs, IP addresses and networks."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pydantic import IPvAnyAddress, IPvAnyInterface, IPvAnyNetwork, NameEmail

from andamios_orm.testing.strategies.boundary import mixed
from andamios_orm.testing.strategies.numbers import Rules

__all__ = ["ADDRESSES", "ANY_ADDRESS", "emails", "multi_host_urls", "name_emails", "urls"]

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_CODE = st.text(_LETTERS + "0123456789", min_size=1, max_size=10)
_LABEL = st.text(_LETTERS, min_size=1, max_size=10)
_TOP = st.sampled_from(("com", "org", "net", "io"))
_HOST = st.builds("{}.{}".format, _LABEL, _TOP)

_EMAIL_TRAPS = (
    "a@a.com", "a+b@example.com", "A@example.com", "a.b_c-d@sub.example.co.uk", "é@example.com",
    "0@example.org", "o'hara@example.com", f"{'a' * 64}@example.com",
)  # fmt: skip


def emails(rules: Rules) -> SearchStrategy[str]:
    """Return a strategy of addresses that need no further normalizing."""
    least, most = rules.get("min_length") or 0, rules.get("max_length")
    room = 64 if most is None else min(64, most - len("@a.io"))
    if room < 1:
        return st.nothing()
    low = min(max(1, least - len("@a.com")), room)
    name = st.text(_LETTERS + "0123456789", min_size=low, max_size=max(room, low))
    host = _HOST if room > 20 else st.just("a.io")
    if most is not None and most < 64 + 20:
        host = st.just("a.io")
    found = st.builds("{}@{}".format, name, host)
    pool = [m for m in _EMAIL_TRAPS if least <= len(m) and (most is None or len(m) <= most)]
    return mixed(found, pool)


def name_emails() -> SearchStrategy[NameEmail]:
    """Return a strategy of addresses with the names of their owners."""
    name = st.text(_LETTERS + "ABC", min_size=1, max_size=10)
    return st.builds(NameEmail, name, emails({}))


# ---- URLs --------------------------------------------------------------------------------------

_PATHS = st.lists(_CODE, max_size=3).map("/".join)
_SUFFIXES = st.sampled_from(("", "", "?q=1", "?q=%20a&b=", "#top", "?a=%C3%A9#x"))
_PORTS = st.sampled_from(("", "", ":8080", ":1", ":65535"))
_USERS = st.sampled_from(("", "", "", "user@", "user:pass@", "us%40er:p%2Fw@"))
_HOSTS = st.one_of(
    _HOST, _HOST, st.sampled_from(("localhost", "127.0.0.1", "[::1]", "xn--bcher-kva.example"))
)


def urls(rules: Rules) -> SearchStrategy[str]:
    """Return a strategy of URLs of the allowed schemes, each with a host."""
    schemes = rules.get("allowed_schemes") or ("http", "https", "ftp", "custom")
    if "file" in schemes:
        # A file has no port and nobody's name.
        return _fitting([st.builds("file:///{}".format, _PATHS)], ["file"], rules)
    made = st.builds(
        "{}://{}{}{}/{}{}".format,
        st.sampled_from(tuple(schemes)), _USERS, _HOSTS, _PORTS, _PATHS, _SUFFIXES,
    )  # fmt: skip
    short = st.builds("{}://{}/{}".format, st.sampled_from(tuple(schemes)), _LABEL, _LABEL)
    return _fitting([made, short], schemes, rules)


def multi_host_urls(rules: Rules) -> SearchStrategy[str]:
    """Return a strategy of URLs of the allowed schemes that may have several hosts."""
    schemes = rules.get("allowed_schemes") or ("postgresql",)
    host = st.builds("{}{}".format, _HOSTS, st.sampled_from((":5432", ":1", "")))
    hosts = st.lists(host, min_size=1, max_size=3).map(",".join)
    made = st.builds(
        "{}://{}{}/{}".format,
        st.sampled_from(tuple(schemes)), st.sampled_from(("", "user:pass@")), hosts, _LABEL,
    )  # fmt: skip
    return _fitting([made], schemes, rules)


def _fitting(found: list[SearchStrategy[str]], schemes: Any, rules: Rules) -> SearchStrategy[str]:
    most = rules.get("max_length")
    if most is None or most > 120:
        return found[0]
    # The shortest URL, made as long as there is room for it; pydantic may add a slash.
    fitting = [scheme for scheme in schemes if len(scheme) + len("://a/") <= most]
    if not fitting:
        return st.nothing()

    def of(scheme: str) -> SearchStrategy[str]:
        room = most - len(scheme) - len("://a/")
        return st.text(_LETTERS, max_size=room).map(lambda path: f"{scheme}://a/{path}")

    return st.sampled_from(fitting).flatmap(of)


# ---- IP ----------------------------------------------------------------------------------------

_V4 = st.ip_addresses(v=4)
_V6 = st.ip_addresses(v=6)
_V4_NETWORK = st.builds(
    lambda address, bits: ipaddress.IPv4Network((int(address), bits), strict=False),
    _V4, st.integers(0, 32),
)  # fmt: skip
_V6_NETWORK = st.builds(
    lambda address, bits: ipaddress.IPv6Network((int(address), bits), strict=False),
    _V6, st.integers(0, 128),
)  # fmt: skip
_V4_INTERFACE = st.builds(
    lambda address, bits: ipaddress.IPv4Interface((int(address), bits)), _V4, st.integers(0, 32)
)
_V6_INTERFACE = st.builds(
    lambda address, bits: ipaddress.IPv6Interface((int(address), bits)), _V6, st.integers(0, 128)
)

ADDRESSES: Mapping[type, SearchStrategy[Any]] = {
    ipaddress.IPv4Address: _V4,
    ipaddress.IPv6Address: _V6,
    ipaddress.IPv4Network: _V4_NETWORK,
    ipaddress.IPv6Network: _V6_NETWORK,
    ipaddress.IPv4Interface: _V4_INTERFACE,
    ipaddress.IPv6Interface: _V6_INTERFACE,
}
ANY_ADDRESS: Mapping[object, SearchStrategy[Any]] = {
    IPvAnyAddress: st.one_of(_V4, _V6),
    IPvAnyNetwork: st.one_of(_V4_NETWORK, _V6_NETWORK),
    IPvAnyInterface: st.one_of(_V4_INTERFACE, _V6_INTERFACE),
}
