"""A share whose clock is wrong: what is newer is never told by a date."""

import os
import time

import pytest

from tests.links.conftest import Joined
from tests.links.test_links import write

NOW = time.time()
CLOCKS = {
    "before 1970": -1_000_000_000.0,
    "1970": 0.0,
    "an hour behind": NOW - 3600,
    "an hour ahead": NOW + 3600,
    "2105": 4_260_000_000.0,
}


@pytest.mark.parametrize("their_time", CLOCKS.values(), ids=CLOCKS)
async def test_edits_on_both_sides(joined: Joined, their_time: float) -> None:
    def by_their_clock(content: bytes, seconds: int = 0) -> None:
        write(joined.share / "theirs.txt", content)
        os.utime(joined.share / "theirs.txt", (their_time + seconds,) * 2)

    await joined.folder("Shared")
    ours = await joined.add("ours.txt", b"ours")
    by_their_clock(b"first")
    await joined.make()
    assert await joined.here() == joined.there() == {"ours.txt": b"ours", "theirs.txt": b"first"}
    document = await joined.document("theirs.txt")

    # Same size and the same time as before; then a time before that.
    for number, (content, seconds) in enumerate([(b"other", 0), (b"older", -50)], start=2):
        by_their_clock(content, seconds)
        await joined.version(ours, content)
        link = await joined.run()
        assert (link["failed"], link["conflicts"], link["waiting"]) == (0, 0, 0)
        assert await joined.here() == joined.there() == {"ours.txt": content, "theirs.txt": content}
        assert (await joined.get(document))["version"]["number"] == number
    await joined.version(document, b"ours now")
    await joined.run()
    assert joined.there()["theirs.txt"] == b"ours now"

    events = (await joined.call("GET", "/events", params={"limit": 200}))["items"]
    await joined.run()
    assert (await joined.call("GET", "/events", params={"limit": 200}))["items"] == events
    assert (await joined.get(document))["version"]["number"] == 4
