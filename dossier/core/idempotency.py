"""Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): the answer of a POST is kept in its own transaction.

The same key with the same request gets the first answer again and does nothing; with another request it is refused. An
answer that shows a secret is not kept: its second try is told that the first one was done.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Index, LargeBinary, SmallInteger, String, delete, select
from sqlalchemy.dialects.mysql import MEDIUMBLOB
from sqlalchemy.orm import Mapped, mapped_column

from dossier.core.clock import UtcTime
from dossier.core.db import MYSQL_TABLE, Base
from dossier.core.errors import Conflict, Invalid
from dossier.core.ids import Digest, Uuid, digest
from dossier.core.units import ReadUnit, Unit

KEPT = timedelta(hours=24)


class KeyReused(Invalid):
    """The key came before with another request."""

    code = "idempotency_key_reused"
    title = "This Idempotency-Key was used for another request"


class AlreadyDone(Conflict):
    """The first try was done; its answer held a secret and was not kept."""

    code = "already_done"
    title = "The first request with this Idempotency-Key was done"


class AnswerRow(Base):
    """The kept answer to one key of one member."""

    __tablename__ = "idempotency_keys"
    owner_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    key_digest: Mapped[bytes] = mapped_column(Digest, primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(Digest)
    status: Mapped[int] = mapped_column(SmallInteger)
    etag: Mapped[str | None] = mapped_column(String(200))
    location: Mapped[str | None] = mapped_column(String(500))
    body: Mapped[bytes | None] = mapped_column(LargeBinary().with_variant(MEDIUMBLOB(), "mysql"))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    __table_args__ = (Index(None, "created_at"), MYSQL_TABLE)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a POST answers. ``body`` None for none; ``secret`` keeps it out of the database."""

    status: int
    body: bytes | None
    etag: str | None = None
    location: str | None = None
    secret: bool = False


def fingerprint(*parts: bytes) -> bytes:
    """One digest of what makes two requests the same: method, path, query, body."""
    sha = hashlib.sha256()
    for part in parts:
        sha.update(len(part).to_bytes(8, "big") + part)
    return sha.digest()


async def claim(unit: Unit, key: str, print_: bytes) -> Answer | None:
    """The kept answer; None for a new key, which is the unit's from now on: the same request at the same time waits for it.

    Raises KeyReused or AlreadyDone.
    """
    row = await unit.session.get(AnswerRow, _id(unit, key))
    if row is None:
        owner, key_digest = _id(unit, key)
        unit.session.add(
            AnswerRow(owner_id=owner, key_digest=key_digest, fingerprint=print_, status=0, created_at=unit.now)
        )
        await unit.session.flush()
        return None
    if row.fingerprint != print_:
        raise KeyReused
    if row.body is None and row.status != 204:
        raise AlreadyDone("It was done; what it showed is shown once.")
    return Answer(row.status, row.body, row.etag, row.location)


async def known(unit: ReadUnit, key: str) -> bool:
    """Whether an answer is kept under this key of the actor's."""
    owner, key_digest = _id(unit, key)
    query = select(AnswerRow.status).where(AnswerRow.owner_id == owner, AnswerRow.key_digest == key_digest)
    return (await unit.session.execute(query)).first() is not None


async def keep(unit: Unit, key: str, answer: Answer) -> None:
    """Keep the answer to a claimed key in the Unit's own transaction."""
    row = await unit.session.get_one(AnswerRow, _id(unit, key))
    row.status, row.etag, row.location = answer.status, answer.etag, answer.location
    row.body = None if answer.secret else answer.body


def _id(unit: ReadUnit, key: str) -> tuple[UUID, bytes]:
    return unit.actor.member_id or unit.workspace_id, digest(key)


async def forget_old(unit: Unit) -> None:
    """Drop answers older than a day."""
    await unit.session.execute(delete(AnswerRow).where(AnswerRow.created_at < unit.now - KEPT))
