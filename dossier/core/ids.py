"""Ids and secrets: UUIDv7 (RFC 9562 §5.7) for rows, random bits for what opens something."""

import hashlib
import secrets
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import LargeBinary
from sqlalchemy.dialects.mysql import BINARY, VARBINARY
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine
from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A UUIDv7: opaque to users, sorted by time for the index."""
    return uuid7()


def new_secret() -> str:
    """256 random bits, URL-safe. Shown once; only its ``digest`` is stored."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """SHA-256 of a secret, 32 bytes. A plain digest is enough: the secrets are random, not chosen by people."""
    return hashlib.sha256(secret.encode()).digest()


class Uuid(TypeDecorator[UUID]):
    """A UUID as 16 bytes: BINARY(16) on MySQL, BLOB on SQLite."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "mysql":
            return dialect.type_descriptor(BINARY(16))
        return dialect.type_descriptor(LargeBinary(16))

    def process_bind_param(self, value: UUID | None, dialect: Dialect) -> bytes | None:
        return _bytes(value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> UUID | None:
        return _uuid(value)

    # A list or a batch has hundreds: nothing goes between the driver and these.

    def bind_processor(self, dialect: Dialect) -> Callable[[UUID | None], bytes | None]:
        return _bytes

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[bytes | None], UUID | None]:
        return _uuid


def _bytes(value: UUID | None) -> bytes | None:
    return None if value is None else value.bytes


@lru_cache(8192)  # the folder and the author of a whole page are mostly the same
def _uuid(value: bytes | None) -> UUID | None:
    return None if value is None else UUID(int=int.from_bytes(value))


class Digest(TypeDecorator[bytes]):
    """A SHA-256 as 32 bytes: BINARY(32) on MySQL, BLOB on SQLite."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "mysql":
            return dialect.type_descriptor(BINARY(32))
        return dialect.type_descriptor(LargeBinary(32))


class NameKey(TypeDecorator[bytes]):
    """A name for comparison and sorting: ``NFC(casefold(NFC(name)))`` in UTF-8; VARBINARY on MySQL, BLOB on SQLite."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "mysql":
            return dialect.type_descriptor(VARBINARY(1024))
        return dialect.type_descriptor(LargeBinary(1024))
