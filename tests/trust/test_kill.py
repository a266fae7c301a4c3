"""The kill loop (R1): the server dies by SIGKILL amid work, again and again, and nothing acknowledged is lost."""

import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

from tests.trust import evidence, invariants
from tests.trust.server import Client, Server
from tests.trust.traffic import Journal, Known, Sent, burst, sha256

SEED = int(os.environ.get("TRUST_SEED", "0")) or random.SystemRandom().randrange(10**9)
KILLS, LONG_KILLS, ROUND = 25, 1000, 50
SAMPLE = 6
Serving = Callable[..., Server]


@dataclass
class Loop:
    """One data folder, killed again and again, and all that it has acknowledged."""

    server: Server
    name: str
    documents: dict[str, Known] = field(default_factory=dict)
    writes: int = 0
    unanswered: int = 0
    starts: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.name)
        answer = self.server.ask("POST", "/documents?name=shared.bin", b"everybody's")
        assert answer.status == 201
        wire = answer.json()
        self.shared = Known(wire["id"], wire["name"], {1: sha256(b"everybody's")})
        self.documents[self.shared.id] = self.shared

    def kill(self, number: int) -> None:
        """One burst, one kill, one start, and a look at what the burst was told."""
        settled = [known for known in self.documents.values() if not known.pending and known is not self.shared]
        older = settled[-SAMPLE:]
        seconds = self.random.uniform(0.04, 0.16)
        journal = burst(self.server, f"{self.name}/{number}", seconds, self.shared, older)
        self.server.start()
        self.starts.append(self.server.started_in)
        self.documents |= journal.documents
        self.writes += journal.writes
        self.unanswered += len(journal.unanswered)
        client = self.server.client()
        assert journal.refused == []
        self._look(client, journal)
        self._send_again(client, journal)
        client.close()

    def _look(self, client: Client, journal: Journal) -> None:
        with invariants.opened(self.server.data) as database:
            for known in journal.documents.values():
                check_rows(database, known)
            invariants.check_numbers(database)
            invariants.check_events(database)
        fresh, every = list(journal.documents.values()), list(self.documents.values())
        for known in self._some(fresh) + self._some(every):
            number = self.random.choice(list(known.versions))
            check_download(client, known, number)
        # Whatever is listed is whole, acknowledged or not.
        for wire in client.ask("GET", f"/documents?sort=-updated_at&limit={SAMPLE}").json()["items"]:
            answer = client.ask("GET", f"/documents/{wire['id']}/content")
            assert (answer.status, sha256(answer.body)) == (200, wire["version"]["sha256"])

    def _some(self, known: list[Known]) -> list[Known]:
        return self.random.sample(known, min(SAMPLE, len(known)))

    def _send_again(self, client: Client, journal: Journal) -> None:
        """I6: a request that was done is answered as the first time; one whose answer was lost is done once."""
        for sent in self.random.sample(journal.acked, min(5, len(journal.acked))):
            assert sent.again(client).body == sent.answer, sent.path
        for sent in journal.unanswered:
            first, second = sent.again(client), sent.again(client)
            assert 200 <= first.status < 300, first.body
            assert (first.status, first.body) == (second.status, second.body)
            self._once(sent)
            self._take_over(sent, first.json())

    def _once(self, sent: Sent) -> None:
        with invariants.opened(self.server.data) as database:
            there = database.execute("SELECT count(*) FROM documents WHERE name = ?", (sent.name,)).fetchone()[0]
            assert there == (1 if sent.name else 0)

    def _take_over(self, sent: Sent, wire: dict[str, Any]) -> None:
        """The repeated request is an acknowledged one now."""
        if isinstance(sent.body, bytes):
            known = self.documents.setdefault(wire["id"], Known(wire["id"], wire["name"]))
            known.versions[wire["version"]["number"]] = sha256(sent.body)

    def finish(self) -> invariants.Found:
        """Look at everything."""
        client = self.server.client()
        listed = {wire["id"]: wire for wire in client.every("/documents")}
        trashed = {wire["id"]: wire for wire in client.every("/documents", trashed="true")}
        for known in self.documents.values():
            if known is self.shared or not known.pending:
                assert known.id in (trashed if known.trashed else listed)
        for wire in self.random.sample(list(listed.values()), min(100, len(listed))):
            answer = client.ask("GET", f"/documents/{wire['id']}/content")
            assert (answer.status, sha256(answer.body)) == (200, wire["version"]["sha256"])
        client.close()
        assert self.server.stop() == 0
        with invariants.opened(self.server.data) as database:
            for known in self.documents.values():
                check_rows(database, known)
        found = invariants.check(self.server.data)
        self.server.doctor()
        return found


def check_rows(database: Any, known: Known) -> None:
    """All that was acknowledged of a document is there, with one event for each."""
    id_ = UUID(known.id).bytes
    versions = database.execute("SELECT number, lower(hex(sha256)) FROM versions WHERE document_id = ?", (id_,))
    assert known.versions.items() <= dict(versions.fetchall()).items(), f"{known.name} lost a version"
    tasks = database.execute("SELECT id FROM tasks WHERE document_id = ?", (id_,)).fetchall()
    assert known.tasks <= {str(UUID(bytes=row[0])) for row in tasks}, f"{known.name} lost a task"
    counted = (
        "SELECT count(*) FILTER (WHERE type = 'document.trashed'), count(*) FILTER (WHERE type = 'document.restored')"
    )
    trashings, restorings = database.execute(f"{counted} FROM events WHERE document_id = ?", (id_,)).fetchone()
    assert trashings - known.trashings == (1 if known.pending == "trash" and trashings > known.trashings else 0)
    assert restorings - known.restorings in ((0, 1) if known.pending.endswith(f"{known.id}/restore") else (0,))


def check_download(client: Client, known: Known, number: int) -> None:
    """An acknowledged version's bytes are what its digest says."""
    answer = client.ask("GET", f"/documents/{known.id}/versions/{number}/content")
    assert (answer.status, sha256(answer.body)) == (200, known.versions[number]), known.name


@dataclass
class Total:
    """What all rounds came to."""

    kills: int = 0
    writes: int = 0
    unanswered: int = 0
    versions: int = 0
    orphans: int = 0
    starts: list[float] = field(default_factory=list)


def rounds(kills: int, serve: Callable[[], Server], seed: int) -> Iterator[Total]:
    """Kill in rounds, each on a folder of its own, so that looking at everything stays quick; the total after each."""
    print(f"TRUST_SEED={seed}")
    total = Total()
    while total.kills < kills:
        loop = Loop(serve(), f"s{seed}r{total.kills}")
        for number in range(min(ROUND, kills - total.kills)):
            loop.kill(number)
            total.kills += 1
        found = loop.finish()
        total.writes += loop.writes
        total.unanswered += loop.unanswered
        total.versions += found.versions
        total.orphans += found.orphans
        total.starts += loop.starts
        assert total.writes > 5 * total.kills, "the kills came too early to show anything"
        yield total


def figures(total: Total) -> str:
    """What the page of evidence says of it."""
    p95 = statistics.quantiles(total.starts, n=20)[-1]
    return (
        f"{total.writes:,} acknowledged writes, {total.versions:,} versions hashed, {total.unanswered:,} cut requests sent "
        f"again, {total.orphans:,} orphans; start after a kill p95 {p95:.2f} s (imports done before)"
    )


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_nothing_acknowledged_is_lost(serving: Serving) -> None:
    for total in rounds(KILLS, serving, SEED):
        print(figures(total))


@pytest.mark.slow
def test_a_request_sent_again_is_answered_as_before_whatever_came_after(serving: Serving) -> None:
    server = serving()
    client = server.client()
    wire = client.ask("POST", "/documents?name=a.bin", b"one").json()
    sent = Sent("k", f"/documents/{wire['id']}/versions", b"two")
    first = sent.again(client)
    assert first.status == 201
    assert client.ask("DELETE", f"/documents/{wire['id']}").status == 204
    client.close()
    server.restart()
    client = server.client()
    second = sent.again(client)
    assert (second.status, second.body) == (first.status, first.body)
    assert Sent("new", sent.path, sent.body).again(client).code == "document_trashed"
    client.close()
    assert server.stop() == 0
    assert invariants.check(server.data).versions == 2


@pytest.mark.long
def test_a_thousand_kills(serving: Serving) -> None:
    begun = time.perf_counter()
    for total in rounds(LONG_KILLS, serving, SEED):
        minutes = (time.perf_counter() - begun) / 60
        found = f"{figures(total)}; {minutes:.0f} min; seed {SEED}"
        evidence.record("R1 kill loop", f"{total.kills:,} SIGKILLs", "0", found)
