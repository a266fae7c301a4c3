"""Resumable uploads under SIGKILL (R4): the server dies amid their bytes, and each goes on to the same digest.

What a PATCH was answered for is there after the start, `HEAD` never tells more than was sent, and a file becomes exactly one
document, also where the answer to its last byte was lost.
"""

import base64
import os
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.trust import evidence, invariants
from tests.trust.server import Answer, Client, Server
from tests.trust.traffic import CUT, sha256
from tests.trust.wire import Wire

SEED = int(os.environ.get("TRUST_SEED", "0")) or random.SystemRandom().randrange(10**9)
KILLS, LONG_KILLS, HANDS, WARM = 8, 300, 4, 8
TUS: dict[str, Any] = {"Tus_Resumable": "1.0.0"}
BYTES = TUS | {"Content_Type": "application/offset+octet-stream"}
Serving = Callable[..., Server]


@dataclass
class Sending:
    """One file on its way, and what was acknowledged of it."""

    name: str
    body: bytes
    address: str = ""
    acked: int = 0
    sent: int = 0  # no byte behind this one has left

    def begin(self, client: Client) -> None:
        """Promise it. One whose answer was lost is promised again, and the first promise expires."""
        told = f"filename {base64.b64encode(self.name.encode()).decode()},on_conflict dmVyc2lvbg=="
        headers = TUS | {"Upload_Length": str(len(self.body)), "Upload_Metadata": told}
        answer = client.ask("POST", "/uploads", **headers)
        assert answer.status == 201, answer.body
        self.address = answer.headers["location"].removeprefix("/api/v1")

    def resume(self, client: Client) -> Answer:
        """Ask where to go on."""
        answer = client.ask("HEAD", self.address, **TUS)
        assert answer.status == 200, answer.status
        offset = int(answer.headers["upload-offset"])
        assert self.acked <= offset <= self.sent, f"{self.name}: {self.acked} acknowledged, {offset} told"
        self.acked = self.sent = offset
        return answer

    def step(self, client: Client, size: int) -> Answer:
        """Send a piece."""
        piece = self.body[self.acked : self.acked + size]
        self.sent = self.acked + len(piece)
        answer = client.ask("PATCH", self.address, piece, Upload_Offset=str(self.acked), **BYTES)
        assert answer.status == 204, answer.body
        assert int(answer.headers["upload-offset"]) == self.sent
        self.acked = self.sent
        return answer


@dataclass
class Journal:
    """What all hands were told, over all starts of the server."""

    done: dict[str, tuple[str, str]] = field(default_factory=dict)  # name → document id, digest
    steps: int = 0
    resumed: int = 0
    faults: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    warm: threading.Event = field(default_factory=threading.Event)


class Hand(threading.Thread):
    """Uploads one file after the other until the server is gone; the next hand goes on with what this one leaves."""

    def __init__(self, server: Server, journal: Journal, seed: str, left: Sending | None) -> None:
        super().__init__(name=f"hand {seed}")
        self.random, self.client, self.journal = random.Random(seed), server.client(), journal
        self.seed, self.sending, self.count = seed.replace("/", "-"), left, 0

    def run(self) -> None:
        """Work until the connection breaks."""
        try:
            while True:
                self._upload()
        except CUT:
            pass
        except AssertionError as error:
            self.journal.faults.append(str(error))
        finally:
            self.client.close()

    def finish(self) -> None:
        """Bring the file to its end, and no other."""
        if self.sending is not None:
            self._upload()
        self.client.close()

    def _upload(self) -> None:
        sending = self.sending or self._new()
        self.sending = sending
        if sending.address:
            answer = sending.resume(self.client)
            self.journal.resumed += 1
        else:
            sending.begin(self.client)
            answer = None
        while answer is None or "dossier-document" not in answer.headers:
            assert sending.acked < len(sending.body), "all bytes, and no document"
            answer = sending.step(self.client, self.random.choice((1, 5000, 100_000, 700_000)))
            self._count()
        with self.journal.lock:
            assert answer.headers["dossier-version"] == "1"
            self.journal.done[sending.name] = answer.headers["dossier-document"], sha256(sending.body)
        self.sending = None

    def _count(self) -> None:
        with self.journal.lock:
            self.journal.steps += 1
            if self.journal.steps % WARM == 0:
                self.journal.warm.set()

    def _new(self) -> Sending:
        self.count += 1
        size = self.random.choice((1, 2000, 300_000, 1_500_000))
        return Sending(f"{self.seed}-{self.count}.bin", self.random.randbytes(size))


def loop(server: Server, kills: int, seed: int) -> Journal:
    """Kill again and again; then let each upload end."""
    print(f"TRUST_SEED={seed}")
    journal, chance = Journal(), random.Random(seed)
    left: list[Sending | None] = [None] * HANDS
    for number in range(kills):
        journal.warm.clear()
        hands = [Hand(server, journal, f"{seed}/{number}/{n}", left[n]) for n in range(HANDS)]
        for hand in hands:
            hand.start()
        assert journal.warm.wait(30) or journal.faults
        time.sleep(chance.uniform(0.01, 0.15))
        server.kill()
        for hand in hands:
            hand.join(30)
            assert not hand.is_alive()
        assert journal.faults == []
        left = [hand.sending for hand in hands]
        server.start()
    for n in range(HANDS):
        Hand(server, journal, f"{seed}/last/{n}", left[n]).finish()
    return journal


def check(server: Server, journal: Journal) -> invariants.Found:
    """Every file is there once, whole, and nothing lies about but what was promised and never begun."""
    client = server.client()
    listed = {wire["name"]: wire for wire in client.every("/documents")}
    assert {name: wire["id"] for name, wire in listed.items()} == {name: id_ for name, (id_, _) in journal.done.items()}
    for name, (_, digest) in journal.done.items():
        assert (listed[name]["version"]["number"], listed[name]["version"]["sha256"]) == (1, digest)
    client.close()
    assert server.stop() == 0
    found = invariants.check(server.data)
    assert found.temporary == 0, "parts of uploads that have ended"
    server.doctor()
    return found


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_each_goes_on_to_the_same_digest(serving: Serving) -> None:
    server = serving()
    journal = loop(server, KILLS, SEED)
    check(server, journal)
    assert journal.resumed >= KILLS
    print(f"{len(journal.done)} files, {journal.steps} pieces, {journal.resumed} resumed")


@pytest.mark.long
def test_hundreds_of_kills(serving: Serving) -> None:
    begun = time.perf_counter()
    server = serving()
    journal = loop(server, LONG_KILLS, SEED)
    found = check(server, journal)
    minutes = (time.perf_counter() - begun) / 60
    figures = f"{journal.steps:,} acknowledged pieces, {len(journal.done):,} files, {journal.resumed:,} resumed, "
    figures += f"{found.orphans:,} orphans; {minutes:.0f} min; seed {SEED}"
    evidence.record("R4 resumable uploads", f"{LONG_KILLS} SIGKILLs", "0", figures)


@pytest.mark.slow
class TestOnTheWire:
    def begun(self, server: Server, size: int) -> str:
        """A promise; its address."""
        sending = Sending("wire.bin", bytes(size))
        client = server.client()
        sending.begin(client)
        client.close()
        return sending.address

    def offset(self, server: Server, address: str) -> int:
        """Where to go on."""
        return int(server.ask("HEAD", address, **TUS).headers["upload-offset"])

    def until(self, server: Server, address: str, offset: int) -> None:
        """Wait until so much is told."""
        end = time.monotonic() + 10
        while self.offset(server, address) != offset:
            assert time.monotonic() < end, self.offset(server, address)
            time.sleep(0.02)

    def patch(self, wire: Wire, address: str, offset: int, **headers: str) -> Wire:
        """The head of a PATCH."""
        return wire.head("PATCH", address, Upload_Offset=str(offset), **BYTES, **headers)

    def test_a_reset_keeps_what_came(self, serving: Serving) -> None:
        server = serving()
        address = self.begun(server, 1_000_000)
        with Wire(server) as wire:
            self.patch(wire, address, 0, Content_Length="1000000").send(bytes(700_000)).taken()
            wire.reset()
        self.until(server, address, 700_000)

    def test_an_abandoned_connection_gives_way(self, serving: Serving) -> None:
        """Nobody at the other end, and no word of it: after the patience all goes on."""
        server = serving(upload_idle_seconds="0.5")
        address = self.begun(server, 1_000_000)
        with Wire(server) as wire:
            self.patch(wire, address, 0, Content_Length="1000000").send(bytes(300_000))
            answer, seconds = wire.answer()
        assert (answer.status, answer.code) == (408, "upload_stalled")
        assert 0.4 < seconds < 5
        self.until(server, address, 300_000)

    def test_without_a_length_until_it_is_over(self, serving: Serving) -> None:
        server = serving()
        address = self.begun(server, 100_000)
        with Wire(server) as wire:
            self.patch(wire, address, 0, Transfer_Encoding="chunked")
            for _ in range(3):
                wire.chunk(bytes(40_000))
            answer, _ = wire.answer()
        assert (answer.status, answer.code) == (413, "body_too_large")
        assert self.offset(server, address) <= 99_999
        rest = 100_000 - self.offset(server, address)
        done = server.ask("PATCH", address, bytes(rest), Upload_Offset=str(100_000 - rest), **BYTES)
        assert (done.status, done.headers["dossier-version"]) == (204, "1")

    def test_a_stop_in_the_middle_keeps_what_came(self, serving: Serving) -> None:
        server = serving(drain_seconds="0.3")
        address = self.begun(server, 1_000_000)
        with Wire(server) as wire:
            self.patch(wire, address, 0, Content_Length="1000000").send(bytes(600_000)).taken()
            assert server.stop() == 0
        server.start()
        assert self.offset(server, address) == 600_000
