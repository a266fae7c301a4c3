"""Thousands of seeds; a failing one is run again by its number."""

import asyncio

import pytest

from tests.links.simulator import judge, run

SHORT, LONG, CHUNK = 10_000, 100_000, 250


def lives(first: int, count: int) -> list[str]:
    """What is wrong with these seeds."""

    async def all_() -> list[str]:
        wrong = []
        for seed in range(first, first + count):
            try:
                found = judge(await run(seed))
            except Exception as error:  # whatever it is, the seed is what helps
                found = [repr(error)]
            wrong += [f"seed {seed}: {each}" for each in found[:3]]
        return wrong

    return asyncio.run(all_())


@pytest.mark.parametrize("first", range(0, SHORT, CHUNK))
def test_nothing_is_lost_and_both_sides_agree(first: int) -> None:
    assert lives(first, CHUNK) == []


@pytest.mark.long
@pytest.mark.parametrize("first", range(SHORT, LONG, CHUNK))
def test_a_hundred_thousand(first: int) -> None:
    assert lives(first, CHUNK) == []


def test_the_same_seed_gives_the_same_trace() -> None:
    for seed in range(40):
        first, again = asyncio.run(run(seed)), asyncio.run(run(seed))
        assert first.hash() == again.hash()
