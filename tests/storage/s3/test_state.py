"""What is kept of a blob that comes in parts: where it may be cut, who may write, and for how long a lease holds."""

import asyncio

import pytest

from dossier.storage.errors import BlobDamaged, PartBusy
from dossier.storage.s3 import Bucket, S3Blobs
from dossier.storage.s3.answers import Sent
from dossier.storage.s3.state import Kept, Lease, State

KEY = f"{'a' * 32}/{'b' * 32}"
FIRST, SECOND = Sent(1, 100, '"e1"', "s1"), Sent(5, 100, '"e5"', "s5")


class TestCut:
    @pytest.fixture
    def state(self) -> State:
        """Two parts; the last append began with 30 bytes that are in the second one, and ended with 20 behind it."""
        return State("upload", 6, [FIRST, SECOND], {100: b"x" * 30, 200: b"y" * 20})

    @pytest.mark.parametrize(
        ("offset", "parts", "tail"),
        [
            (220, [FIRST, SECOND], b"y" * 20),
            (207, [FIRST, SECOND], b"y" * 7),
            (200, [FIRST, SECOND], b""),
            (130, [FIRST], b"x" * 30),
            (101, [FIRST], b"x"),
            (100, [FIRST], b""),
            (0, [], b""),
        ],
    )
    def test_what_lies_behind_goes(self, state: State, offset: int, parts: list[Sent], tail: bytes) -> None:
        assert state.cut(KEY, offset) == tail
        assert (state.parts, state.tail, state.size) == (parts, tail, offset)
        assert state.number == 6  # numbers are not used again

    @pytest.mark.parametrize("offset", [221, 1, 99, 131, 199])
    def test_where_nothing_can_be_cut(self, state: State, offset: int) -> None:
        with pytest.raises(BlobDamaged):
            state.cut(KEY, offset)

    def test_a_tail_that_became_a_part_is_that_part(self) -> None:
        state = State("upload", 2, [FIRST], {0: b"x" * 100})
        assert (state.cut(KEY, 100), state.parts) == (b"", [FIRST])

    def test_skipping(self, state: State) -> None:
        state.cut(KEY, 220, skipping=True)
        assert state.number > 6


class TestEncoding:
    @pytest.mark.parametrize(
        "state",
        [State(), State("u", 9, [FIRST, SECOND], {100: b"\n{}\n", 200: bytes(range(256))}), State(tails={0: b"x"})],
        ids=["empty", "whole", "tail"],
    )
    def test_there_and_back(self, state: State) -> None:
        assert State.decode(state.encode().getvalue()) == state


@pytest.fixture
def bucket(store: S3Blobs) -> Bucket:
    return store._bucket


@pytest.mark.slow
class TestKept:
    async def test_written_and_read(self, bucket: Bucket) -> None:
        assert await Kept(bucket, KEY).read() is None
        await Kept(bucket, KEY).write(State("u", 2, [FIRST], {100: b"tail"}))
        kept = Kept(bucket, KEY)
        state = await kept.read()
        assert state == State("u", 2, [FIRST], {100: b"tail"})
        await kept.write(State("u", 3))
        await kept.write(State("u", 4))
        assert (await Kept(bucket, KEY).read()) == State("u", 4)

    async def test_only_over_what_was_read(self, bucket: Bucket) -> None:
        mine, other = Kept(bucket, KEY), Kept(bucket, KEY)
        await mine.write(State("u", 2))
        with pytest.raises(PartBusy):
            await other.write(State("other"))
        await other.read()
        await other.write(State("u", 2))
        with pytest.raises(PartBusy):
            await mine.write(State("mine"))
        assert await Kept(bucket, KEY).read() == State("u", 2)

    async def test_not_over_what_was_forgotten(self, bucket: Bucket) -> None:
        kept = Kept(bucket, KEY)
        await kept.write(State("u", 2))
        await Kept(bucket, KEY).forget()
        with pytest.raises(PartBusy):
            await kept.write(State("u", 3))
        assert await kept.head() is None


@pytest.mark.slow
class TestLease:
    async def test_one_at_a_time(self, bucket: Bucket) -> None:
        async with Lease(bucket, KEY) as lease:
            with pytest.raises(PartBusy):
                await Lease(bucket, KEY).__aenter__()
            assert not lease.stolen
        async with Lease(bucket, KEY) as lease:
            assert not lease.stolen
        assert [each async for each in bucket.list_("leases/")] == []

    async def test_many_at_once(self, bucket: Bucket) -> None:
        refused, all_others = 0, asyncio.Event()

        async def take() -> bool:
            nonlocal refused
            try:
                async with Lease(bucket, KEY):  # as long as it takes, on a busy machine too
                    await asyncio.wait_for(all_others.wait(), 60)
            except PartBusy:
                refused += 1
                if refused == 7:
                    all_others.set()
                return False
            return True

        assert sum(await asyncio.gather(*(take() for _ in range(8)))) == 1

    async def test_of_a_dead_process(self, bucket: Bucket) -> None:
        await Lease(bucket, KEY, 3)._take()
        with pytest.raises(PartBusy):
            await Lease(bucket, KEY, 3).__aenter__()
        await asyncio.sleep(4.1)  # the store tells times in whole seconds
        taken = await asyncio.gather(*(Lease(bucket, KEY, 3)._take() for _ in range(4)), return_exceptions=True)
        assert [type(each) for each in taken].count(PartBusy) == 3
        assert taken.count(None) == 1

    async def test_renewed(self, bucket: Bucket) -> None:
        async with Lease(bucket, KEY, 3) as lease:
            for _ in range(10):
                await asyncio.sleep(0.5)
                with pytest.raises(PartBusy):
                    await Lease(bucket, KEY, 3).__aenter__()
            assert not lease.lost

    async def test_lost(self, bucket: Bucket) -> None:
        async with Lease(bucket, KEY, 1) as lease:
            await bucket.delete(f"leases/{KEY}")
            async with Lease(bucket, KEY, 60) as other:
                await asyncio.sleep(1)
                assert lease.lost and not other.lost
            async with Lease(bucket, KEY, 60):
                pass
