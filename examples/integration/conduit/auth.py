"""Passwords that nobody can read, and tokens that nobody can make."""

import asyncio
import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta

import jwt
from pydantic import SecretStr

__all__ = ["hash_password", "password_fits", "read_token", "token_for"]

_ALGORITHM = "HS256"
_LIFETIME = timedelta(days=7)


async def hash_password(password: SecretStr, cost: int) -> str:
    """Return what is stored of a password: the cost, a salt and the hash."""
    salt = secrets.token_bytes(16)
    return f"{cost}${salt.hex()}${(await _scrypt(password, salt, cost)).hex()}"


async def password_fits(password: SecretStr, stored: str | None, cost: int) -> bool:
    """Return whether a password is the one of a stored hash, in the time that takes.

    Without a hash, of a user there is not, it takes as long: the answer's time tells nobody which
    addresses are registered.
    """
    stored_cost, salt, expected = (stored or f"{cost}$00$").split("$")
    found = await _scrypt(password, bytes.fromhex(salt), int(stored_cost))
    return hmac.compare_digest(found, bytes.fromhex(expected))


async def _scrypt(password: SecretStr, salt: bytes, cost: int) -> bytes:
    # It takes long on purpose; in a thread nobody else waits for it.
    return await asyncio.to_thread(
        hashlib.scrypt, password.get_secret_value().encode(), salt=salt, n=cost, r=8, p=5, dklen=32
    )


def token_for(user_id: int, key: bytes) -> str:
    """Return the token of a user, who is somebody for a week."""
    now = datetime.now(UTC)
    claims = {"sub": str(user_id), "iat": now, "exp": now + _LIFETIME}
    return jwt.encode(claims, key, algorithm=_ALGORITHM)


def read_token(token: str, key: bytes) -> int | None:
    """Return whose token it is; None for one that is not ours, or no longer valid."""
    try:
        claims = jwt.decode(
            token, key, algorithms=[_ALGORITHM], options={"require": ["exp", "sub"]}
        )
        return int(claims["sub"])
    except (jwt.InvalidTokenError, ValueError):
        return None
