"""Passwords: Argon2id (RFC 9106, low-memory profile), worked out in two threads of their own."""

import asyncio
import unicodedata
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from dossier.core.errors import Invalid

SHORTEST, LONGEST = 10, 1000
HASHER = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
# What is verified where there is no hash, so that an unknown e-mail takes as long as a wrong password.
NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$dBT/uCm3YzfMkamjBQkLZA$GopH2sx4/B6aNp5ihzBK5Bf17VeAZDQdNa6gDzjXvtw"
# Two at once: a burst of sign-ins queues here instead of taking 64 MiB each.
_threads = ThreadPoolExecutor(2, thread_name_prefix="argon2")


class UnfitPassword(Invalid):
    """The password is too short, too long, or the e-mail itself."""

    code = "unfit_password"
    title = "This password cannot be used"


async def hash_new(password: str, email: str) -> str:
    """The hash of a new password, for the database. Raises UnfitPassword."""
    password = _normal(password)
    if not SHORTEST <= len(password) <= LONGEST:
        raise UnfitPassword(fields={"password": f"A password has {SHORTEST} to {LONGEST} characters."})
    if password.casefold() == _normal(email).casefold():
        raise UnfitPassword(fields={"password": "The password is the e-mail."})
    return await _hash(password)


async def rehash(password: str) -> str:
    """The hash of a password that is in use already, under today's parameters."""
    return await _hash(_normal(password))


async def _hash(password: str) -> str:
    return await asyncio.get_running_loop().run_in_executor(_threads, HASHER.hash, password)


async def verify(password_hash: str | None, password: str) -> bool:
    """Whether the password is the one; takes the same time where there is no hash (never the one)."""
    loop = asyncio.get_running_loop()
    right = await loop.run_in_executor(_threads, _verify, password_hash or NOBODY, _normal(password))
    return right and password_hash is not None


def _verify(password_hash: str, password: str) -> bool:
    try:
        return HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def outdated(password_hash: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return HASHER.check_needs_rehash(password_hash)


def _normal(password: str) -> str:
    return unicodedata.normalize("NFC", password)
