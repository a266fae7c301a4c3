"""What a link knows, on the database: both sides of each item as last seen, and what they agreed on; each verb a Unit."""

from asyncio import to_thread as in_thread
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import select

from dossier import documents, folders, storage
from dossier.connectors import Content
from dossier.core.actor import Actor
from dossier.core.errors import DossierError, PreconditionFailed, Unavailable
from dossier.core.jobs import NOBODY
from dossier.core.units import ReadUnit, Unit, Units
from dossier.links import items
from dossier.links.errors import LinkGone
from dossier.links.models import LinkItemRow, LinkRow
from dossier.links.sync.books import Cycle, NotEmpty, Received, Refused, Stale, Terms, View
from dossier.links.sync.office import same_work

T = TypeVar("T")
PATH_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Got:
    """Bytes of theirs, durable here."""

    stored: storage.Received

    @property
    def digest(self) -> bytes:
        """Their SHA-256."""
        return self.stored.stored.sha256


class Notes:
    """What one link knows of both sides, for as long as ``holder`` has its lease. Raises LinkGone afterwards."""

    def __init__(
        self, units: Units, store: storage.BlobStore, actor: Actor, link_id: UUID, holder: UUID = NOBODY
    ) -> None:
        self.units, self.store, self.actor, self.link_id, self.holder = units, store, actor, link_id, holder

    async def _do(self, verb: Callable[[Unit, LinkRow], Awaitable[T]]) -> T:
        """A Unit on the link. Refusals of the rooms below become the engine's own words."""

        async def run(unit: Unit) -> T:
            return await verb(unit, await self._link(unit))

        try:
            return await self.units.run(self.actor, run)
        except (Unavailable, LinkGone):
            raise
        except folders.FolderCycle:
            raise Cycle from None
        except folders.FolderNotEmpty:
            raise NotEmpty from None
        except (documents.DocumentNotFound, documents.DocumentTrashed, folders.FolderNotFound, PreconditionFailed):
            raise Stale from None
        except DossierError as error:
            if error.status >= 500:
                raise
            raise Refused(error.code, error.detail) from error

    async def _read(self, verb: Callable[[ReadUnit, LinkRow], Awaitable[T]]) -> T:
        async with self.units.read(self.actor) as unit:
            return await verb(unit, await self._link(unit))

    async def _link(self, unit: ReadUnit) -> LinkRow:
        query = select(LinkRow).where(LinkRow.id == self.link_id, LinkRow.workspace_id == unit.workspace_id)
        link = (await unit.session.execute(query)).scalar_one_or_none()
        if link is None or link.leased_by != self.holder:
            # Deleted, or another run has it: what this one saw may be older than what that one did.
            raise LinkGone
        return link

    async def _checked(self, unit: Unit, link: LinkRow, view: View) -> LinkItemRow:
        """The row that a decision was made on, locked. Raises Stale where anything is different now."""
        row = await items.get(unit, link, view.key, lock=True)
        if row is None or row.revision != view.revision:
            raise Stale
        now = await items.views(unit, link, [row])
        if not now or now[0].ours != view.ours:
            raise Stale
        return row

    async def _node(self, unit: Unit, link: LinkRow, key: UUID | None) -> UUID:
        """The living folder here that an item is, or the link's own."""
        if key is None:
            return link.folder_id
        row = await items.get(unit, link, key)
        if row is None or row.node_id is None or await folders.find(unit, row.node_id) is None:
            raise Stale
        return row.node_id

    # The link

    async def terms(self) -> Terms:
        """As the link says now."""

        async def verb(_unit: ReadUnit, link: LinkRow) -> Terms:
            limits = link.limits | {"types": tuple(link.limits.get("types", ()))}
            return Terms(direction=link.direction, cursor=link.cursor, released=link.released, **limits)  # type: ignore[arg-type]

        return await self._read(verb)

    async def keep_cursor(self, cursor: str | None) -> None:
        """How far the feed was read."""

        async def verb(_unit: Unit, link: LinkRow) -> None:
            link.cursor = cursor

        await self._do(verb)

    async def brake(self, deleted: int, replaced: int) -> None:
        """Stop, and say so."""

        async def verb(unit: Unit, link: LinkRow) -> None:
            link.state, link.trouble = "braked", "link_braked"
            link.detail = f"The next run would delete {deleted} and replace {replaced} items; look, and release it."
            told: dict[str, Any] = {
                "link_id": str(link.id),
                "name": link.name,
                "deleted": deleted,
                "replaced": replaced,
            }
            unit.record("link.braked", folder_id=link.folder_id, **told)

        await self._do(verb)

    # Items

    async def waiting(self) -> list[View]:
        """What is due."""

        async def verb(unit: ReadUnit, link: LinkRow) -> list[View]:
            rows = await unit.session.execute(items.of(link).where(items.due(unit)).order_by(LinkItemRow.id))
            return await items.views(unit, link, rows.scalars().all())

        return await self._read(verb)

    async def count(self) -> int:
        """All items."""
        return await self._read(items.count)

    async def view(self, key: UUID) -> View | None:
        """One item."""

        async def verb(unit: ReadUnit, link: LinkRow) -> View | None:
            row = await items.get(unit, link, key)
            found = await items.views(unit, link, [row]) if row else []
            return found[0] if found else None

        return await self._read(verb)

    async def at(self, remote_id: str) -> View | None:
        """The item with this id there."""

        async def verb(unit: ReadUnit, link: LinkRow) -> View | None:
            row = await items.by_remote(unit, link, remote_id)
            found = await items.views(unit, link, [row]) if row else []
            return found[0] if found else None

        return await self._read(verb)

    async def content(self, view: View, number: int) -> Content:
        """The bytes of a version."""

        async def verb(unit: ReadUnit, link: LinkRow) -> Content:
            row = await items.get(unit, link, view.key)
            if row is None or row.node_id is None:
                raise Stale
            found = await documents.visible_version(unit, row.node_id, number)
            return Content(found.size, found.sha256, found.media_type, lambda start: self.store.open(found.key, start))

        try:
            return await self._read(verb)
        except (documents.DocumentNotFound, documents.VersionNotFound):
            raise Stale from None

    async def versions_after(self, view: View, number: int) -> list[tuple[int, bytes]]:
        """The newer ones, the oldest first."""

        async def verb(unit: ReadUnit, link: LinkRow) -> list[tuple[int, bytes]]:
            row = await items.get(unit, link, view.key)
            if row is None:
                raise Stale
            return await documents.digests_after(unit, row.node_id, number) if row.node_id else []

        try:
            return await self._read(verb)
        except documents.DocumentNotFound:
            return []

    @asynccontextmanager
    async def receive(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[Got]:
        """Durable bytes, for as long as it takes to name them."""
        async with storage.received(self.store, self.actor.workspace_id, chunks) as bytes_:
            yield Got(bytes_)

    async def rewritten(self, view: View, received: Received, number: int) -> bool:
        """Whether only the properties of an Office file differ."""
        mine = await self._key(view, number)
        theirs = got(received).stored.stored.key
        if mine is None:
            return False
        async with storage.on_disk(self.store, mine) as one, storage.on_disk(self.store, theirs) as other:
            return await in_thread(same_work, one, other)

    async def _key(self, view: View, number: int) -> str | None:
        """The blob of a version that may be an Office file."""

        async def verb(unit: ReadUnit, link: LinkRow) -> str | None:
            row = await items.get(unit, link, view.key)
            if row is None or row.node_id is None:
                raise Stale
            found = await documents.visible_version(unit, row.node_id, number)
            return found.key if "officedocument" in found.media_type else None

        try:
            return await self._read(verb)
        except (documents.DocumentNotFound, documents.VersionNotFound):
            return None


def got(received: Received | None) -> Got:
    if not isinstance(received, Got):
        raise Stale
    return received
