"""Mixed work on the stack by several hands, and a journal of what was answered: what is answered has to be there afterwards.

A hand sends what got no answer, or a 503, again until it is answered, a POST under the same Idempotency-Key: so at the end
there is nothing that nobody knows of, either.
"""

import hashlib
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from tests.deploy.asking import trusting
from tools.stack import Stack

API = "/api/v1"
LARGEST = 300_000
AGAIN = (502, 503, 504)


def client_of(stack: Stack, token: str) -> httpx.Client:
    """A client of the edge."""
    context = trusting(stack.pki.path("ca", "crt"))
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=stack.url, verify=context, headers=headers, timeout=60)


@dataclass
class Journal:
    """What was answered: versions by number with their SHA-256, and tasks, by document."""

    versions: dict[str, dict[int, str]] = field(default_factory=dict)
    tasks: dict[str, set[str]] = field(default_factory=dict)
    answered: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    odd: list[str] = field(default_factory=list)
    slowest: float = 0.0
    run: str = field(default_factory=lambda: uuid4().hex[:8])

    @property
    def writes(self) -> int:
        """How many writes were answered."""
        return sum(map(len, self.versions.values())) + sum(map(len, self.tasks.values()))


class Hand(threading.Thread):
    """One thread of work on documents of its own."""

    def __init__(self, stack: Stack, token: str, journal: Journal, name: str, seed: int, pause: float) -> None:
        super().__init__(name=name)
        self.client, self.journal, self.random = client_of(stack, token), journal, random.Random(seed)
        self.mine: list[str] = []
        self.pause = pause
        self.over = threading.Event()

    def run(self) -> None:
        """Work until told that it is over."""
        with self.client:
            try:
                while not self.over.wait(self.pause):
                    self._step()
            except Exception as error:
                self.journal.odd.append(f"{self.name} ended: {error!r}")
                raise

    def _step(self) -> None:
        does = self.random.choices((self._add, self._version, self._task, self._list, self._download), (3, 3, 2, 4, 4))[
            0
        ]
        does()

    def _ask(self, what: str, method: str, path: str, **how: Any) -> httpx.Response | None:
        """Ask until it is answered. What is neither done nor refused for a while is odd."""
        if method == "POST":
            how["headers"] = {"Idempotency-Key": uuid4().hex}
        while True:
            began = time.monotonic()
            try:
                answer = self.client.request(method, f"{API}{path}", **how)
            except httpx.HTTPError as error:
                self.journal.refused[f"{what}: {type(error).__name__}"] += 1
                time.sleep(0.2)
                continue
            self.journal.slowest = max(self.journal.slowest, time.monotonic() - began)
            if answer.is_success:
                self.journal.answered[what] += 1
                return answer
            code = self._code(answer)
            if answer.status_code not in AGAIN and code != "request_in_progress":
                self.journal.odd.append(f"{what}: {answer.status_code} {answer.text[:300]}")
                return None
            if "retry-after" not in answer.headers:
                self.journal.odd.append(f"{what}: {answer.status_code} without Retry-After")
            self.journal.refused[f"{what}: {answer.status_code} {code}"] += 1
            time.sleep(0.2)

    @staticmethod
    def _code(answer: httpx.Response) -> str:
        told = answer.json() if "json" in answer.headers.get("content-type", "") else {}
        return str(told.get("code", "no problem+json"))

    def _bytes(self) -> bytes:
        return self.random.randbytes(self.random.randint(1, LARGEST))

    def _add(self) -> None:
        body = self._bytes()
        name = {"name": f"{self.name} {len(self.mine)}.bin"}
        answer = self._ask("add", "POST", "/documents", params=name, content=body)
        if answer is not None:
            id_ = answer.json()["id"]
            self.mine.append(id_)
            self.journal.versions[id_], self.journal.tasks[id_] = {1: sha256(body)}, set()

    def _version(self) -> None:
        if self.mine:
            id_, body = self.random.choice(self.mine), self._bytes()
            answer = self._ask("version", "POST", f"/documents/{id_}/versions", content=body)
            if answer is not None:
                self.journal.versions[id_][answer.json()["version"]["number"]] = sha256(body)

    def _task(self) -> None:
        if self.mine:
            id_ = self.random.choice(self.mine)
            answer = self._ask("task", "POST", f"/documents/{id_}/tasks", json={"title": "Look at it"})
            if answer is not None:
                self.journal.tasks[id_].add(answer.json()["id"])

    def _list(self) -> None:
        self._ask("list", "GET", self.random.choice(("/documents?limit=50", "/tasks?limit=50", "/events?limit=50")))

    def _download(self) -> None:
        if self.mine:
            id_ = self.random.choice(self.mine)
            answer = self._ask("download", "GET", f"/documents/{id_}/content", follow_redirects=True)
            known = self.journal.versions[id_]
            if answer is not None and sha256(answer.content) != known[max(known)]:
                self.journal.odd.append(f"download of {id_}: other bytes")


def sha256(content: bytes) -> str:
    """As the API shows it."""
    return hashlib.sha256(content).hexdigest()


@contextmanager
def working(stack: Stack, token: str, hands: int = 4, pause: float = 0.1) -> Iterator[Journal]:
    """Hands at work for as long as the block lasts, with a pause after each request; each ends with an answer."""
    journal = Journal()
    all_ = [Hand(stack, token, journal, f"{journal.run} {number}", number, pause) for number in range(hands)]
    for hand in all_:
        hand.start()
    try:
        yield journal
    finally:
        for hand in all_:
            hand.over.set()
        for hand in all_:
            hand.join(120)
    assert not any(hand.is_alive() for hand in all_), "a hand still waits for its answer"


def every(client: httpx.Client, path: str, **query: str) -> Iterator[dict[str, Any]]:
    """All items of a list."""
    after: str | None = ""
    while after is not None:
        page = client.get(f"{API}{path}", params=query | {"limit": 200} | ({"after": after} if after else {})).json()
        yield from page["items"]
        after = page["next"]


def check(stack: Stack, token: str, journal: Journal) -> None:
    """All that was answered is there and whole, once, and nothing else is."""
    assert not journal.odd, journal.odd
    with client_of(stack, token) as client:
        assert {each["id"] for each in every(client, "/documents") if each["name"].startswith(journal.run)} == set(
            journal.versions
        )
        for id_, versions in journal.versions.items():
            found = client.get(f"{API}/documents/{id_}/versions", params={"limit": 200}).json()["items"]
            there = {each["number"]: each["sha256"] for each in found}
            assert there == versions, f"{id_}: answered {versions}, there {there}"
            for number, digest in versions.items():
                content = client.get(f"{API}/documents/{id_}/versions/{number}/content", follow_redirects=True)
                assert sha256(content.content) == digest, f"{id_} v{number}"
            tasks = client.get(f"{API}/documents/{id_}/tasks", params={"limit": 200}).json()["items"]
            assert {each["id"] for each in tasks} == journal.tasks[id_]
