"""Moving in a service: a rename where it has one, else a copy, and then what was copied is deleted."""

from collections.abc import Sequence
from contextlib import suppress

from dossier.connectors.contract import RemoteError
from dossier.connectors.service.calls import Calls
from dossier.connectors.service.reading import pieces, tag_of
from dossier.connectors.service.sending import fits, send, way
from dossier.connectors.service.traits import Storage


class Mover:
    """Moves below one base. That nothing has the new name was looked before."""

    def __init__(self, storage: Storage, calls: Calls, base: str) -> None:
        self._storage, self._calls, self._base = storage, calls, base

    async def file(self, item_id: str, target: str) -> None:
        """One file. Raises ``changed`` where it is another once it was copied: it stays then, and the copy goes."""
        if self._calls.can.rename:
            return await self._calls.rename(self._base + item_id, self._base + target)
        tag = await self._copy(item_id, target)
        try:
            await self._forget(item_id, tag)
        except RemoteError as error:
            if error.kind == "changed":
                await self._calls.delete(self._base + target)
            raise

    async def folder(self, item_id: str, target: str, inside: Sequence[str]) -> None:
        """A folder with all in it. Where a copy fails, those that were made are taken back; renames are not."""
        moved = {each: target + each.removeprefix(item_id) for each in inside}
        made, tags = [target], dict[str, str]()
        try:
            await self._calls.make_folder(self._base + target)
            for each, there in moved.items():
                made.append(there)
                if there.endswith("/"):
                    await self._calls.make_folder(self._base + there)
                elif self._calls.can.rename:
                    await self._calls.rename(self._base + each, self._base + there)
                else:
                    tags[each] = await self._copy(each, there)
        except BaseException:
            if not self._calls.can.rename:
                for there in reversed(made):
                    with suppress(RemoteError):
                        await self._calls.delete(self._base + there)
            raise
        for each, tag in tags.items():
            await self._forget(each, tag)
        for each in sorted([each for each in moved if each.endswith("/")], key=len, reverse=True):
            await self._calls.delete(self._base + each)
        await self._calls.delete(self._base + item_id)

    async def _copy(self, item_id: str, target: str) -> str:
        """A file's copy; the tag of what was copied. Through this machine where the service copies nothing itself."""
        about = await self._calls.stat(self._base + item_id)
        if about is None:
            raise RemoteError("missing", "There is no such file or folder.")
        if self._calls.can.copy:
            await self._calls.copy(self._base + item_id, self._base + target)
            return tag_of(item_id, about)
        fits(self._calls, about.content_length)
        async with way(self._storage, self._calls, self._base, target) as (calls, path):
            source = pieces(await self._calls.reader(self._base + item_id, about.etag or ""))
            await send(calls, path, source, about.content_type or "")
        copied = await self._calls.stat(self._base + target)
        if copied is None or copied.content_length != about.content_length:
            await self._calls.delete(self._base + target)
            raise RemoteError("unreachable", "The copy is not as large as the file.")
        return tag_of(item_id, about)

    async def _forget(self, item_id: str, tag: str) -> None:
        """Delete what was copied, unless it is another by now. Raises ``changed``."""
        there = await self._calls.stat(self._base + item_id)
        if there is None:
            return
        if tag_of(item_id, there) != tag:
            raise RemoteError("changed", "The file was changed while it was moved.")
        await self._calls.delete(self._base + item_id, there.etag or "")
