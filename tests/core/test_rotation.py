"""When the database's password is read again, by whom, and what happens where it cannot be."""

import asyncio

import pytest

from dossier.core import rotation
from dossier.core.rotation import Rotating
from tests.lines import Lines

FIRST, SECOND = {"user": "u", "password": "first"}, {"user": "u", "password": "second"}


class Place:
    """Where the password lies."""

    def __init__(self) -> None:
        self.holds, self.reads, self.away = FIRST, 0, False

    def read(self) -> dict[str, str]:
        self.reads += 1
        if self.away:
            raise OSError("canary")
        return dict(self.holds)


@pytest.fixture
def place() -> Place:
    return Place()


async def settled(rotating: Rotating) -> None:
    """Wait for a reading in the background."""
    assert rotating._renewing is not None
    await asyncio.wait_for(rotating._renewing, 5)


class TestCurrent:
    async def test_is_not_read_while_it_is_young(self, place: Place) -> None:
        rotating = Rotating(FIRST, place.read, 60)
        place.holds = SECOND
        assert [await rotating.current() for _ in range(3)] == [FIRST] * 3
        assert place.reads == 0

    async def test_is_read_again_when_it_is_old(self, place: Place) -> None:
        rotating = Rotating(FIRST, place.read, 0)
        place.holds = SECOND
        assert await rotating.current() == FIRST, "nobody waits for the reading"
        await settled(rotating)
        assert await rotating.current() == SECOND

    async def test_goes_on_with_what_it_has(self, place: Place, capfd: pytest.CaptureFixture[str]) -> None:
        rotating, lines = Rotating(FIRST, place.read, 0), Lines(capfd)
        place.away = True
        await rotating.current()
        await settled(rotating)
        assert (await rotating.current(), rotating.stale) == (FIRST, True)
        (line,) = lines.of("secrets.not_read")
        assert "canary" not in str(line)


class TestRenewed:
    async def test_tells_what_is_new(self, place: Place) -> None:
        rotating = Rotating(FIRST, place.read, 60)
        told = await rotating.current()
        place.holds = SECOND
        assert await rotating.renewed(told) == SECOND
        assert await rotating.current() == SECOND

    async def test_none_where_nothing_has_changed(self, place: Place) -> None:
        rotating = Rotating(FIRST, place.read, 60)
        assert await rotating.renewed(await rotating.current()) is None

    async def test_many_at_once_read_once(self, place: Place) -> None:
        rotating = Rotating(FIRST, place.read, 60)
        told = await rotating.current()
        place.holds = SECOND
        assert await asyncio.gather(*(rotating.renewed(told) for _ in range(8))) == [SECOND] * 8
        assert place.reads == 1

    async def test_one_that_is_away_is_not_asked_by_each_anew(self, place: Place) -> None:
        rotating = Rotating(FIRST, place.read, 60)
        place.away = True
        assert [await rotating.renewed(await rotating.current()) for _ in range(5)] == [None] * 5
        assert place.reads == 1

    async def test_back_again(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rotation, "RETRY_SECONDS", 0.0)
        rotating = Rotating(FIRST, place.read, 60)
        place.away = True
        assert await rotating.renewed(await rotating.current()) is None
        place.away, place.holds = False, SECOND
        assert await rotating.renewed(await rotating.current()) == SECOND
        assert not rotating.stale
