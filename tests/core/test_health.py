"""Health: what each part's failure makes of the whole, in bounded time, and what strangers are told of it."""

import asyncio
import contextlib
import time
from typing import Any

import pytest
from sqlalchemy import text

from dossier.core import health
from dossier.core.errors import Unavailable
from dossier.core.health import Health, Probe, Unfit
from dossier.storage import StorageFailed
from tests.conftest import World
from tests.lines import Lines


class Part:
    """A part that does as it is told."""

    def __init__(self, name: str, *, needed: bool = True) -> None:
        self.error: Exception | None = None
        self.hangs, self.asked = False, 0
        self.probe = Probe(name, self.ask, needed)

    async def ask(self) -> None:
        self.asked += 1
        if self.hangs:
            await asyncio.sleep(3600)
        if self.error:
            raise self.error


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is kept for a second."""
    monkeypatch.setattr(health, "KEEP_SECONDS", 0.0)


async def states(of: Health) -> dict[str, str]:
    try:
        parts = (await of.ready())["parts"]
    except Unavailable as refusal:
        parts = refusal.extra["parts"]
    return {name: part["state"] for name, part in parts.items()}


class TestReady:
    async def test_all_well(self) -> None:
        told = await Health([Part("a").probe, Part("b", needed=False).probe]).ready()
        assert told["status"] == "ok"
        assert all(part["state"] == "ok" and part["ms"] < 1000 for part in told["parts"].values())

    async def test_without_one_that_is_needed(self) -> None:
        good, bad = Part("good"), Part("bad")
        bad.error = OSError("canary")
        with pytest.raises(Unavailable) as caught:
            await Health([good.probe, bad.probe]).ready()
        assert {name: part["state"] for name, part in caught.value.extra["parts"].items()} == {
            "good": "ok",
            "bad": "failed",
        }
        assert "canary" not in str(caught.value.extra)

    async def test_degraded_without_one_that_is_not(self) -> None:
        bad = Part("redis", needed=False)
        bad.error = Unfit("made up")
        told = await Health([Part("database").probe, bad.probe]).ready()
        assert (told["status"], told["parts"]["redis"]["state"]) == ("degraded", "failed")

    async def test_one_that_hangs_is_late_and_asked_by_nobody_else(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(health, "PATIENCE_SECONDS", 0.05)
        hung = Part("hung")
        hung.hangs = True
        whole = Health([hung.probe])
        begun = time.perf_counter()
        assert await asyncio.gather(*(states(whole) for _ in range(20))) == [{"hung": "late"}] * 20
        assert await states(whole) == {"hung": "late"}
        assert time.perf_counter() - begun < 1
        assert hung.asked == 1
        whole._asked["hung"].cancel()

    async def test_many_that_ask_within_a_second_cost_one(self) -> None:
        part = Part("a")
        whole = Health([part.probe])
        await asyncio.gather(*(whole.ready() for _ in range(20)))
        await whole.ready()
        assert part.asked == 1

    @pytest.mark.usefixtures("always")
    async def test_back_again_and_told_once_each(self, capfd: pytest.CaptureFixture[str]) -> None:
        part, lines = Part("a"), Lines(capfd)
        whole = Health([part.probe])
        seen = []
        for error in (None, OSError(), OSError(), None, None):
            part.error = error
            seen.append((await states(whole))["a"])
        assert seen == ["ok", "failed", "failed", "ok", "ok"]
        assert [line["state"] for line in lines.of("health.changed")] == ["failed", "ok"]

    @pytest.mark.parametrize("what", ["starting", "leaving"])
    async def test_not_here_yet_or_any_more(self, what: str) -> None:
        part = Part("a")
        whole = Health([part.probe])
        setattr(whole, what, True)
        with pytest.raises(Unavailable, match={"starting": "starting", "leaving": "stopping"}[what]):
            await whole.ready()
        assert part.asked == 0


@pytest.mark.usefixtures("always")
class TestProgram:
    async def ask(self, world: World) -> tuple[int, dict[str, str], Any]:
        answer = await world.anonymous.get("/health/ready")
        told = answer.json()
        return answer.status_code, {name: part["state"] for name, part in told["parts"].items()}, told

    async def test_well(self, world: World) -> None:
        parts = {"database", "schema", "storage"} | ({"redis"} if world.parts.redis else set())
        assert (await self.ask(world))[:2] == (200, dict.fromkeys(parts, "ok"))

    async def test_an_older_schema(self, world: World) -> None:
        async with world.parts.database.writer.begin() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
        status, found, told = await self.ask(world)
        assert (status, found["database"], found["schema"]) == (503, "ok", "failed")
        assert "0001" not in str(told), "strangers learn no versions"

    async def test_a_storage_that_fails(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        async def check() -> None:
            raise StorageFailed("canary")

        probes = world.parts.health.probes
        monkeypatch.setattr(world.parts.health, "probes", [*probes[:2], Probe("storage", check)])
        status, found, told = await self.ask(world)
        assert (status, found["storage"], told["code"]) == (503, "failed", "unavailable")
        assert "canary" not in str(told)

    @pytest.mark.slow
    async def test_a_database_that_hangs_is_told_within_two_seconds(self, world: World) -> None:
        """All connections are taken, so that the next one waits for half a minute."""
        async with contextlib.AsyncExitStack() as held:
            for _ in range(8):
                await held.enter_async_context(world.parts.database.reader.connect())
            begun = time.perf_counter()
            status, found, _ = await self.ask(world)
            assert time.perf_counter() - begun < 2
            assert (status, found["database"], found["storage"]) == (503, "late", "ok")
            assert (await world.anonymous.get("/health/live")).status_code == 200
        await world.parts.health._asked["database"]
        assert (await self.ask(world))[0] == 200
