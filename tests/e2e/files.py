"""Hands for files: a tree on the disk, a real drop out of a file manager, a slow line."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.e2e.portal import Api


def tree(folder: Path, files: dict[str, bytes]) -> Path:
    """Files below a folder, by their relative paths."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def drop(page: Page, paths: list[Path], on: Locator) -> None:
    """Drag files or folders out of the file manager onto something, as the system does it."""
    box = on.bounding_box()
    assert box
    place = {"x": box["x"] + min(box["width"] / 2, 200), "y": box["y"] + box["height"] / 2}
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})
    session.detach()


@contextmanager
def slow_line(page: Page, bytes_a_second: int) -> Iterator[Any]:
    """Nothing goes up faster than this."""
    session = page.context.new_cdp_session(page)
    how = {"offline": False, "latency": 0, "downloadThroughput": -1}
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", {**how, "uploadThroughput": bytes_a_second})
    yield session
    session.send("Network.emulateNetworkConditions", {**how, "uploadThroughput": -1})


def pick(page: Page, kind: str, paths: list[Path] | Path) -> None:
    """Choose files (``files``), a folder (``folder``), a version or a file again, without the system's dialog."""
    page.locator(f"input[data-pick={kind}]").set_input_files(paths)


def tray(page: Page) -> Locator:
    """The tray of uploads."""
    return page.get_by_role("region", name="Uploads", exact=True)


def line(page: Page, name: str) -> Locator:
    """A file's line in the tray."""
    return tray(page).get_by_role("listitem").filter(has_text=name)


def row(page: Page, name: str) -> Locator:
    """A line of the document list."""
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def wait_for_list(page: Page) -> Locator:
    """The list, once it stands."""
    grid = page.get_by_role("grid")
    expect(grid).to_be_visible()
    return grid


def content_of(api: Api, document_id: str) -> bytes:
    """A document's newest bytes."""
    return api.client.get(f"/documents/{document_id}/content").content


def documents_in(api: Api, folder_id: str) -> dict[str, Any]:
    """What lies in a folder, by name."""
    found: dict[str, Any] = {}
    after: str | None = None
    while True:
        query: dict[str, Any] = {"folder_id": folder_id, "limit": 200} | ({"after": after} if after else {})
        page = api.call("GET", "/documents", params=query)
        found |= {each["name"]: each for each in page["items"]}
        after = page["next"]
        if after is None:
            return found


def noise(size: int, seed: str = "x") -> bytes:
    """Bytes that differ everywhere, the same ones for a seed."""
    block = b"".join(hashlib.sha256(f"{seed}{n}".encode()).digest() for n in range(2048))
    return (block * (size // len(block) + 1))[:size]
