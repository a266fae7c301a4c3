"""What was made on the other side between the version that both agreed on and the newest, where versions are kept there.

Where a listing tells each version's tag, the one agreed on is known by it. Elsewhere it is looked for by its bytes, from
the newest backwards. Where it is not found (it was pruned, or lies too far back) nothing is guessed: the newest alone comes.
"""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

from dossier.connectors import Connector, OldVersion, RemoteError
from dossier.links.sync.books import Books, Earlier, Received, View
from dossier.links.sync.planner import Base

MOST_MISSED: Final = 100
"""Versions that are looked at for one document in one step; the newest of them."""
NOT_TOLD = {"unsupported", "missing", "refused"}
"""What is no reason to do without the newest as well."""


class Missed:
    """The versions in between, for one link."""

    def __init__(self, books: Books, remote: Connector, max_bytes: int | None) -> None:
        self.books, self.remote, self.max_bytes = books, remote, max_bytes

    async def candidates(self, view: View) -> list[OldVersion]:
        """What may have been made since, newest first. To be asked before the newest is opened under its tag: then what is
        listed first is that one, or one that came before it."""
        base, theirs, id_ = view.base, view.theirs, view.remote_id
        if not self.remote.caps.versions or base is None or theirs is None or id_ is None or base.tag == theirs.tag:
            return []
        try:
            kept = await self.remote.versions(id_)
        except RemoteError as error:
            if error.kind not in NOT_TOLD:
                raise
            return []
        tags = [each.tag for each in kept]
        if not any(tags):
            return kept[1 : MOST_MISSED + 1]
        if theirs.tag not in tags:
            return []
        newest = tags.index(theirs.tag)
        if base.tag not in tags[newest:]:
            return []
        return kept[newest + 1 : tags.index(base.tag, newest)][:MOST_MISSED]

    async def fetch(
        self, view: View, candidates: Sequence[OldVersion], newest: Received, kept: AsyncExitStack
    ) -> list[Earlier]:
        """Those of them that are news, the oldest first. Their bytes stay for as long as ``kept`` is open."""
        if view.base is None or not candidates:
            return []
        told = any(each.tag for each in candidates)
        found: list[Earlier] = []
        ended = told
        for version in candidates:
            if self.max_bytes is not None and (version.size or 0) > self.max_bytes:
                continue
            received = await self._bytes(view, version, kept)
            if received is None:
                if not told:
                    return []
            elif not told and await self._is(view, received, view.base.digest, view.base.number):
                ended = True
                break
            else:
                found.append(Earlier(received, version))
        return await self._news(view, view.base, found[::-1], newest) if ended else []

    async def _bytes(self, view: View, version: OldVersion, kept: AsyncExitStack) -> Received | None:
        """A version's; None where it is gone by now, or not handed out."""
        try:
            chunks = await kept.enter_async_context(self.remote.open_version(view.remote_id or "", version.id))
            return await kept.enter_async_context(self.books.receive(chunks))
        except RemoteError as error:
            if error.kind not in NOT_TOLD:
                raise
            return None

    async def _news(self, view: View, base: Base, found: Sequence[Earlier], newest: Received) -> list[Earlier]:
        """Without what is the same as the one before it, or came from here."""
        ours = await self.books.versions_after(view, base.number) if found else []
        news: list[Earlier] = []
        before = base.digest
        for each in found:
            digest = each.received.digest
            known = digest == before or (not news and await self._is(view, each.received, base.digest, base.number))
            if not known and not [number for number, own in ours if await self._is(view, each.received, own, number)]:
                news.append(each)
                before = digest
        return news[:-1] if news and before == newest.digest else news

    async def _is(self, view: View, received: Received, digest: bytes, number: int) -> bool:
        """Whether these bytes are a version of ours, or what their system made of it."""
        if received.digest == digest:
            return True
        return number > 0 and view.ours is not None and await self.books.rewritten(view, received, number)
