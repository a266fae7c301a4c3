"""One append to a blob that comes in parts: chunks into parts, and what counts written down now and then."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable

from dossier.core.errors import DossierError
from dossier.core.log import log
from dossier.storage.errors import PartBusy
from dossier.storage.parts import DUE_BYTES, DUE_SECONDS
from dossier.storage.s3.sending import Sending
from dossier.storage.s3.state import Kept, Lease, State
from dossier.storage.sums import Sums


class Appending:
    """The way of chunks into parts and, where they end inside of one, into the state.

    The tail that the append began with is kept until the next append: a caller who was not able to write down how far it
    came begins there again, and the parts of an upload that is not complete cannot be read.
    """

    def __init__(
        self,
        sending: Sending,
        kept: Kept,
        state: State,
        lease: Lease,
        synced: Callable[[int], Awaitable[None]],
    ) -> None:
        self._sending, self._kept, self._state, self._lease, self._synced = sending, kept, state, lease, synced
        self._first = dict(state.tails)
        self.durable = self._told = state.size
        self._told_at, self._whole = time.monotonic(), False

    @property
    def upload(self) -> str:
        """The multipart upload, where there is one."""
        return self._sending.target.upload

    @property
    def hash(self) -> Sums | None:
        """The hash of the ``durable`` bytes, where it is known."""
        return self._sending.hash if self._whole else None

    async def run(self, chunks: AsyncIterator[bytes]) -> None:
        async for chunk in chunks:
            await self._sending.feed(chunk)
            if self._is_due():
                await self._sending.sent()
                await self._write({})
                await self._tell()
        await self._sending.sent()
        await self._end()

    def _is_due(self) -> bool:
        """Whether there are new parts, and many of them or none told of for long."""
        new = self._sending.target.size - self.durable
        return new >= DUE_BYTES or (new > 0 and time.monotonic() - self._told_at >= DUE_SECONDS)

    async def _end(self) -> None:
        """Keep the tail too: all that has come is durable then."""
        body, _digest = await self._sending.rest()
        size = self._sending.target.size
        await self._write({size: body.getvalue()} if body.getbuffer() else {})
        self._whole = True

    async def _write(self, tail: dict[int, bytes]) -> None:
        if self._lease.lost:
            raise PartBusy
        target = self._sending.target
        self._state.upload, self._state.number, self._state.parts = target.upload, target.number, target.parts
        self._state.tails = {**self._first, **tail}
        size = self._state.size
        await self._kept.write(self._state)
        self.durable = size

    async def _tell(self) -> None:
        self._told_at = time.monotonic()
        if self.durable > self._told:
            self._told = self.durable
            await self._synced(self._told)

    async def settle(self) -> None:
        """Make durable what has come and say so, after an error that is on its way to the caller."""
        try:
            await self._sending.settle()
            if self._sending.failed:
                await self._write({})
            else:
                await self._end()
            await self._tell()
        except DossierError as error:
            log.warning("storage.part_not_settled", code=error.code)
