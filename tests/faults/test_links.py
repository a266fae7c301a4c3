"""Parts that die under a link at work: it goes on where it was, nothing is lost and nothing is there twice."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.faults.work import API, client_of, every, sha256
from tools.servers import Server, until
from tools.stack import Stack

#: So many on each side: a few seconds of work.
FILES = 30


class Link:
    """A folder here and a share there, of which each side has files that the other lacks."""

    def __init__(self, client: httpx.Client, share: Path) -> None:
        self.client, self.share, self.id = client, share, ""
        self.folder_id = self._post("/folders", json={"name": share.name})["id"]
        self.wanted: dict[str, str] = {}
        self._write_both()

    def _write_both(self) -> None:
        old = time.time() - 60
        for number in range(FILES):
            ours, theirs = (f"{side} {number} of {self.share.name}".encode() * 500 for side in ("ours", "theirs"))
            self._post("/documents", params={"name": f"ours {number}", "folder_id": self.folder_id}, content=ours)
            path = self.share / f"theirs {number}"
            path.write_bytes(theirs)
            os.utime(path, (old, old))
            self.wanted |= {f"ours {number}": sha256(ours), path.name: sha256(theirs)}

    def _post(self, path: str, **how: Any) -> Any:
        answer = self.client.post(f"{API}{path}", headers={"Idempotency-Key": uuid4().hex}, **how)
        assert answer.is_success, answer.text
        return answer.json()

    def begin(self) -> None:
        """Make the link, and wait for the first of its work."""
        place = {"kind": "folder", "path": str(self.share)}
        told = {"name": self.share.name, "folder_id": self.folder_id, "place": place}
        self.id = self._post("/links", json=told)["id"]
        until(lambda: len(self.there()) > FILES, 20, lambda: "The link does not begin")
        assert not self.is_done()

    def here(self) -> list[dict[str, Any]]:
        """The documents in the folder."""
        return list(every(self.client, "/documents", folder_id=self.folder_id))

    def there(self) -> dict[str, str]:
        """Name → SHA-256."""
        return {path.name: sha256(path.read_bytes()) for path in self.share.iterdir() if path.suffix != ".part"}

    def is_done(self) -> bool:
        """Whether both sides have everything."""
        here = {each["name"]: each["version"]["sha256"] for each in self.here()}
        return here == self.there() == self.wanted

    def how(self) -> str:
        """How it stands, for a failed test."""
        link = self.client.get(f"{API}/links/{self.id}").json()
        return f"{len(self.here())} here, {len(self.there())} there of {len(self.wanted)}: {link}"

    def check(self) -> None:
        """Nothing is there twice, neither as a document nor as a version; no job has failed for good."""
        documents = self.here()
        assert len(documents) == len(self.wanted)
        assert {each["version"]["number"] for each in documents} == {1}
        assert self.client.get(f"{API}/jobs", params={"state": "failed"}).json()["items"] == []


@pytest.fixture
def link(stack: Stack, token: str) -> Iterator[Link]:
    """A link that is not made yet."""
    share = stack.folder / "shares" / "acme" / f"share {uuid4().hex[:8]}"
    share.mkdir(parents=True)
    with client_of(stack, token) as client:
        yield Link(client, share)


class TestGone:
    def test_redis(self, stack: Stack, link: Link) -> None:
        """All of it gets done while it is away; a change on each side afterwards as well."""
        link.begin()
        stack.redis.kill()
        until(link.is_done, 60, link.how)
        link.check()
        (link.share / "more").write_bytes(b"more")
        link.wanted["more"] = sha256(b"more")
        link.client.post(f"{API}/links/{link.id}/run").raise_for_status()
        until(link.is_done, 30, link.how)
        assert link.client.get("/health/ready").json()["parts"]["redis"]["state"] == "failed"
        link.check()

    # Long: what nobody could give back is another's after a minute.

    @pytest.mark.parametrize("part", ["storage", pytest.param("database", marks=pytest.mark.long)])
    def test_what_holds_our_side(self, stack: Stack, link: Link, part: str) -> None:
        link.begin()
        server: Server = getattr(stack, part)
        server.kill()
        time.sleep(3)
        server.start()
        until(link.is_done, 90 if part == "storage" else 120, link.how)
        link.check()

    @pytest.mark.long
    def test_the_workers(self, stack: Stack, link: Link) -> None:
        """Both are killed, one that has the link in hand among them; one comes back."""
        link.begin()
        for worker in stack.workers:
            worker.kill()
        time.sleep(1)
        stack.workers[0].start()
        until(link.is_done, 120, link.how)
        link.check()
