"""Work for a server that will be killed under it, and a journal of what it acknowledged.

Each thread owns its documents, so that what it did to them has an order; one document is everybody's. A request whose answer
never came is ``pending``: it may be done or not, but never half and never twice.
"""

import hashlib
import http.client
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.trust.server import Answer, Client, Server

THREADS = 6
WARM = 8  # answers before the clock of the kill starts: a server's first ones are slow
SHARED_TEXT = b"the same for all "
CUT = (OSError, http.client.HTTPException)


def sha256(body: bytes) -> str:
    """As the API shows it."""
    return hashlib.sha256(body).hexdigest()


@dataclass
class Known:
    """What was acknowledged of a document."""

    id: str
    name: str
    versions: dict[int, str] = field(default_factory=dict)  # number → sha256
    trashed: bool = False
    trashings: int = 0
    restorings: int = 0
    tasks: set[str] = field(default_factory=set)
    pending: str = ""  # the last request, while its answer has not come


@dataclass(frozen=True)
class Sent:
    """A POST with an Idempotency-Key, to be sent again."""

    key: str
    path: str
    body: bytes | dict[str, Any]
    name: str = ""  # of the document that it makes
    answer: bytes = b""

    def again(self, client: Client) -> Answer:
        """The same request again."""
        return client.ask("POST", self.path, self.body, Idempotency_Key=self.key)


@dataclass
class Journal:
    """What one burst of work was told; ``unanswered`` lost their answer."""

    documents: dict[str, Known] = field(default_factory=dict)
    acked: list[Sent] = field(default_factory=list)
    unanswered: list[Sent] = field(default_factory=list)
    writes: int = 0
    refused: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    begun: threading.Event = field(default_factory=threading.Event)


class Hand(threading.Thread):
    """One thread of work: adds, changes, restores, trashes and makes tasks until the server is gone."""

    def __init__(self, server: Server, journal: Journal, seed: str, shared: Known, older: list[Known]) -> None:
        super().__init__(name=f"hand {seed}")
        self.random = random.Random(seed)
        self.client, self.journal, self.shared, self.seed = server.client(), journal, shared, seed
        self.mine, self.count = older, 0
        self.client.connect()

    def run(self) -> None:
        """Work until the connection breaks."""
        try:
            while True:
                self._step()
        except CUT:
            self.client.close()

    def _step(self) -> None:
        living = [known for known in self.mine if not known.trashed]
        gone = [known for known in self.mine if known.trashed]
        weights: list[tuple[Callable[[], None], int]] = [(self._add, 4), (lambda: self._version(self.shared), 1)]
        if living:
            known = self.random.choice(living)
            weights += [
                (lambda: self._version(known), 3),
                (lambda: self._restore_version(known), 2),
                (lambda: self._trash(known), 1),
                (lambda: self._task(known), 2),
            ]
        if gone:
            weights.append((lambda: self._untrash(self.random.choice(gone)), 2))
        self.random.choices([do for do, _ in weights], [weight for _, weight in weights])[0]()

    def _body(self) -> bytes:
        # Small ones, ones of several writes, and some that others have too.
        if self.random.random() < 0.1:
            return SHARED_TEXT + b"%d" % self.random.randrange(5)
        return self.random.randbytes(self.random.choice((1, 2000, 20_000, 300_000)))

    def _post(
        self, path: str, body: bytes | dict[str, Any], known: Known | None = None, name: str = ""
    ) -> Answer | None:
        self.count += 1
        sent = Sent(f"{self.seed}/{self.count}", path, body, name)
        if known:
            known.pending = path
        try:
            answer = sent.again(self.client)
        except CUT:
            with self.journal.lock:
                self.journal.unanswered.append(sent)
            raise
        if known and known is not self.shared:
            known.pending = ""
        return self._note(answer, Sent(sent.key, path, body, name, answer.body))

    def _note(self, answer: Answer, sent: Sent | None) -> Answer | None:
        with self.journal.lock:
            if not 200 <= answer.status < 300:
                self.journal.refused.append(f"{answer.status} {answer.body[:300]!r}")
                return None
            self.journal.writes += 1
            if self.journal.writes >= WARM:
                self.journal.begun.set()
            if sent:
                self.journal.acked.append(sent)
        return answer

    def _keep(self, known: Known, number: int, digest: str) -> None:
        with self.journal.lock:
            assert number not in known.versions, "a number was given twice"
            known.versions[number] = digest
            self.journal.documents[known.id] = known

    def _add(self) -> None:
        body = self._body()
        name = f"{self.seed.replace('/', '-')}-{self.count}.{'txt' if body.startswith(SHARED_TEXT) else 'bin'}"
        answer = self._post(f"/documents?name={name}", body, name=name)
        if answer:
            wire = answer.json()
            known = Known(wire["id"], wire["name"])
            self._keep(known, wire["version"]["number"], sha256(body))
            self.mine.append(known)

    def _version(self, known: Known) -> None:
        body = self._body()
        answer = self._post(f"/documents/{known.id}/versions", body, known)
        if answer:
            self._keep(known, answer.json()["version"]["number"], sha256(body))

    def _restore_version(self, known: Known) -> None:
        number = self.random.choice(list(known.versions))
        answer = self._post(f"/documents/{known.id}/versions/{number}/restore", {}, known)
        if answer:
            self._keep(known, answer.json()["version"]["number"], known.versions[number])

    def _trash(self, known: Known) -> None:
        known.pending = "trash"
        if self._note(self.client.ask("DELETE", f"/documents/{known.id}"), None):
            known.pending, known.trashed = "", True
            known.trashings += 1
            self.journal.documents[known.id] = known

    def _untrash(self, known: Known) -> None:
        if self._post(f"/documents/{known.id}/restore", {"on_conflict": "rename"}, known):
            known.trashed = False
            known.restorings += 1
            self.journal.documents[known.id] = known

    def _task(self, known: Known) -> None:
        answer = self._post(f"/documents/{known.id}/tasks", {"title": f"Task {self.count}"}, known)
        if answer:
            known.tasks.add(answer.json()["id"])
            self.journal.documents[known.id] = known


def burst(server: Server, seed: str, seconds: float, shared: Known, older: list[Known]) -> Journal:
    """Let all hands work, kill the server ``seconds`` after it is warm, and give the journal."""
    journal = Journal()
    hands = [Hand(server, journal, f"{seed}/{number}", shared, older[number::THREADS]) for number in range(THREADS)]
    for hand in hands:
        hand.start()
    assert journal.begun.wait(30)
    time.sleep(seconds)
    server.kill()
    for hand in hands:
        hand.join(30)
        assert not hand.is_alive()
    return journal
