"""Turns: one at a time, given back when asked for, and never kept by somebody who fell silent."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from dossier.storage import PartBusy
from dossier.uploads import desk
from dossier.uploads.desk import Desk, Turn
from dossier.uploads.errors import UploadStalled


async def chunks(*parts: bytes, go_on: asyncio.Event | None = None) -> AsyncIterator[bytes]:
    """Some chunks, and then silence until ``go_on``."""
    for part in parts:
        yield part
    if go_on is not None:
        await go_on.wait()


async def listen(turn: Turn, source: AsyncIterator[bytes], patience: float = 10) -> bytes:
    return b"".join([chunk async for chunk in turn.heard(source, patience)])


async def holding(desk_: Desk, begun: asyncio.Event, source: AsyncIterator[bytes]) -> bytes:
    """Somebody who has a turn and listens."""
    async with desk_.turn("a") as turn:
        begun.set()
        return await listen(turn, source)


@pytest.fixture
async def silent() -> AsyncIterator[tuple[Desk, "asyncio.Task[bytes]"]]:
    """A desk, and somebody at it who has said something and waits now."""
    desk_, begun = Desk(), asyncio.Event()
    task = asyncio.create_task(holding(desk_, begun, chunks(b"abc", go_on=asyncio.Event())))
    await begun.wait()
    await asyncio.sleep(0)
    yield desk_, task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


class TestHeard:
    async def test_all_of_it(self) -> None:
        assert await listen(Turn(), chunks(b"a", b"", b"bc")) == b"abc"

    async def test_silence(self) -> None:
        with pytest.raises(UploadStalled):
            await listen(Turn(), chunks(b"a", go_on=asyncio.Event()), 0.01)

    async def test_an_error_of_the_source_goes_through(self) -> None:
        async def broken() -> AsyncIterator[bytes]:
            yield b"a"
            raise ConnectionResetError

        with pytest.raises(ConnectionResetError):
            await listen(Turn(), broken())


class TestTurn:
    async def test_one_after_the_other(self) -> None:
        desk_ = Desk()
        for _ in range(2):
            async with desk_.turn("a") as turn:
                assert not turn.over
            assert turn.over

    async def test_of_different_things(self) -> None:
        desk_ = Desk()
        async with desk_.turn("a", 1), desk_.turn("a", 2):
            pass

    async def test_one_who_sends_keeps_it(self, silent: tuple[Desk, "asyncio.Task[bytes]"]) -> None:
        with pytest.raises(PartBusy):
            async with silent[0].turn("a"):
                pass
        assert not silent[1].done()

    async def test_one_who_fell_silent_loses_it(
        self, silent: tuple[Desk, "asyncio.Task[bytes]"], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(desk, "QUIET_SECONDS", 0.0)
        async with silent[0].turn("a"):
            assert isinstance(silent[1].exception(), UploadStalled)

    async def test_wanted_at_once(self, silent: tuple[Desk, "asyncio.Task[bytes]"]) -> None:
        async with silent[0].turn("a", at_once=True):
            assert isinstance(silent[1].exception(), UploadStalled)

    async def test_two_who_want_it(
        self, silent: tuple[Desk, "asyncio.Task[bytes]"], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(desk, "QUIET_SECONDS", 0.0)

        async def want() -> bool:
            async with silent[0].turn("a"):
                await asyncio.sleep(0.02)
                return True

        got = await asyncio.gather(want(), want(), return_exceptions=True)
        assert sorted(map(str, map(type, got))) == sorted(map(str, (bool, PartBusy)))

    async def test_one_who_works_is_waited_for(self) -> None:
        desk_, done = Desk(), asyncio.Event()

        async def work() -> None:
            async with desk_.turn("a"):
                done.set()
                await asyncio.sleep(0.05)

        task = asyncio.create_task(work())
        await done.wait()
        async with desk_.turn("a"):
            assert task.done()

    async def test_but_not_for_ever(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(desk, "LEAVE_SECONDS", 0.01)
        desk_ = Desk()
        async with desk_.turn("a"):
            with pytest.raises(PartBusy):
                async with desk_.turn("a", at_once=True):
                    pass

    async def test_wanted_at_once_from_one_who_works(self) -> None:
        """He is told when he listens again."""
        desk_ = Desk()
        async with desk_.turn("a") as turn:
            assert turn.ask_back(at_once=True)
            with pytest.raises(UploadStalled):
                await listen(turn, chunks(b"abc"))
