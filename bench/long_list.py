"""A folder of 50,000 documents in a real browser: how soon the first rows stand, and whether scrolling stutters.

    python -m bench.long_list [--documents N]

Documents are added by the same verb as everybody's, 500 a Unit; what follows events (search, notices) is then told that it
has seen them, so that the server is at rest. A frame longer than 50 ms counts as a stutter, a task of the page longer than
100 ms as a long one (the figure of the goals).
"""

import argparse
import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

from playwright.sync_api import Page

from dossier import documents, storage
from dossier.app import build
from dossier.core.actor import Actor
from dossier.core.settings import Settings
from dossier.worker import CONSUMERS
from tests.e2e import portal
from tests.trust.server import Nursery

UNIT, CONTENTS, ROUNDS, WHEELS = 500, 20, 5, 240
WATCH = """() => {
  const seen = { frames: [], tasks: [] }
  window.seen = seen
  let last = performance.now()
  const frame = now => { seen.frames.push(now - last); last = now; requestAnimationFrame(frame) }
  requestAnimationFrame(frame)
  const heard = list => seen.tasks.push(...list.getEntries().map(each => each.duration))
  new PerformanceObserver(heard).observe({ entryTypes: ['longtask'] })
}"""


async def fill(data: Path, count: int) -> UUID:
    """A folder with ``count`` documents in workspace ``acme``; its id."""
    parts = build(Settings(data_dir=data))
    with sqlite3.connect(data / "dossier.sqlite3") as database:
        (workspace,) = database.execute("SELECT id FROM workspaces WHERE slug = 'acme'").fetchone()
        (root,) = database.execute(
            "SELECT id FROM folders WHERE workspace_id = ? AND parent_id IS NULL", (workspace,)
        ).fetchone()
    actor = Actor.system(UUID(bytes=workspace))
    stored = [
        await parts.store.put(actor.workspace_id, _one(f"content {number}".encode())) for number in range(CONTENTS)
    ]
    for first in range(0, count, UNIT):

        async def add(unit: Any, first: int = first) -> None:
            for number in range(first, min(first + UNIT, count)):
                bytes_ = storage.Received(stored[number % CONTENTS])
                upload = documents.Upload(bytes_, f"{number:06} invoice of the year.txt")
                await documents.add(unit, upload, UUID(bytes=root))

        await parts.units.run(actor, add)
    await parts.close()
    with sqlite3.connect(data / "dossier.sqlite3") as database:
        (seq,) = database.execute("SELECT seq FROM event_counters WHERE workspace_id = ?", (workspace,)).fetchone()
        database.executemany(
            "INSERT OR REPLACE INTO consumer_cursors (consumer, workspace_id, seq) VALUES (?, ?, ?)",
            [(consumer.name, workspace, seq) for consumer in CONSUMERS],
        )
        database.execute("DELETE FROM jobs")
    return UUID(bytes=root)


async def _one(content: bytes) -> AsyncIterator[bytes]:
    yield content


def first_rows(page: Page, path: str) -> float:
    """Seconds from asking for the page to the first row on the screen."""
    started = time.perf_counter()
    page.goto(path)
    page.get_by_text("000000 invoice").first.wait_for()
    return time.perf_counter() - started


def scroll(page: Page, pixels: int) -> dict[str, Any]:
    """Turn the wheel all the way, as fast as a person can; what the frames and the page's tasks took, in ms."""
    page.mouse.move(640, 500)
    page.evaluate(WATCH)
    for _ in range(WHEELS):
        page.mouse.wheel(0, pixels)
        page.wait_for_timeout(16)
    page.wait_for_timeout(500)
    seen: dict[str, Any] = page.evaluate("window.seen")
    return seen


def main() -> None:
    """Print the figures."""
    options = argparse.ArgumentParser()
    options.add_argument("--documents", type=int, default=50_000)
    count = options.parse_args().documents
    nursery = Nursery()
    with tempfile.TemporaryDirectory(prefix="long-list-") as name:
        folder = Path(name)
        template = portal.prepare(nursery, folder / "template")
        started = time.perf_counter()
        asyncio.run(fill(folder / "template", count))
        print(f"{count} documents added in {time.perf_counter() - started:.0f} s")
        server = portal.serve(template, folder)
        playwright, browser = portal.launch()
        try:
            window = portal.Window(browser, portal.address(server)).sign_in("mara")
            page = window.page
            times = [first_rows(page, "/documents") for _ in range(ROUNDS + 1)]
            print(
                f"first rows, nothing cached: {times[0] * 1000:.0f} ms; again, median of {ROUNDS}: "
                f"{statistics.median(times[1:]) * 1000:.0f} ms"
            )
            for what, pixels in (("slow wheel", 100), ("fast wheel", 1000)):
                seen = scroll(page, pixels)
                frames = sorted(seen["frames"])
                tasks = seen["tasks"]
                print(
                    f"{what}: {len(frames)} frames, p50 {statistics.median(frames):.0f} ms, "
                    f"p95 {frames[int(len(frames) * 0.95)]:.0f} ms, {sum(each > 50 for each in frames)} over 50 ms; "
                    f"{sum(each > 100 for each in tasks)} tasks over 100 ms, the longest {max(tasks, default=0):.0f} ms"
                )
            started = time.perf_counter()
            page.locator("#main [role=grid]").focus()
            page.keyboard.press("End")
            page.get_by_text(f"{count - 1:06} invoice").first.wait_for(timeout=120_000)
            print(f"the End key, all pages fetched on the way: {time.perf_counter() - started:.1f} s")
            window.close()
        finally:
            browser.close()
            playwright.stop()
            server.kill()
            nursery.close()


if __name__ == "__main__":
    main()
