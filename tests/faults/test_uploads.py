"""Resumable uploads when a part of the stack goes at the worst moment: what was answered stays, each goes on to the same
digest, and becomes one document.
"""

import base64
import hashlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

import httpx
import pytest

from tests.faults.work import API, client_of, sha256
from tools.servers import until
from tools.stack import DATABASE, Stack

MIB = 1 << 20
TUS = {"Tus-Resumable": "1.0.0"}
BYTES = TUS | {"Content-Type": "application/offset+octet-stream"}
# After which a lease on the parts that nobody lets go of is free again, and some more.
LEASE_SECONDS = 30


@dataclass
class Sending:
    """A file on its way through the edge."""

    client: httpx.Client
    name: str
    content: bytes
    folder: str = field(init=False)
    where: str = field(init=False)

    def __post_init__(self) -> None:
        made = self.client.post(f"{API}/folders", json={"name": self.name})
        assert made.status_code == 201, made.text
        self.folder = made.json()["id"]
        pairs = {"filename": self.name, "folder_id": self.folder}
        told = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())
        headers = TUS | {"Upload-Length": str(len(self.content)), "Upload-Metadata": told}
        began = self.client.post(f"{API}/uploads", headers=headers)
        assert began.status_code == 201, began.text
        self.where = httpx.URL(began.headers["location"]).path

    def send(self, offset: int, body: "bytes | Iterator[bytes]", length: int) -> httpx.Response:
        """A PATCH, by whoever asks, while others do."""
        headers = BYTES | {"Upload-Offset": str(offset), "Content-Length": str(length)}
        return self.client.patch(self.where, headers=headers, content=body)

    def offset(self) -> int:
        """Where to go on."""
        answer = self.client.head(self.where, headers=TUS)
        assert answer.status_code == 200, answer.status_code
        return int(answer.headers["upload-offset"])

    def go_on(self) -> None:
        """Send what is missing, as soon as it is taken; then it is one document with these bytes."""
        answers: list[httpx.Response] = []

        def is_taken() -> bool:
            at = self.offset()
            answers.append(self.send(at, self.content[at:], len(self.content) - at))
            return answers[-1].status_code == 204

        until(is_taken, LEASE_SECONDS, lambda: answers[-1].text)
        assert {each.json()["code"] for each in answers[:-1]} <= {"upload_busy", "storage_failed"}
        document = answers[-1].headers["dossier-document"]
        got = self.client.get(f"{API}/documents/{document}/content", follow_redirects=True)
        assert sha256(got.content) == sha256(self.content)
        made = self.client.get(f"{API}/documents", params={"folder_id": self.folder}).json()["items"]
        assert [(each["id"], each["name"], each["version"]["number"]) for each in made] == [(document, self.name, 1)]


@pytest.fixture
def sending(stack: Stack, token: str, request: pytest.FixtureRequest) -> Iterator[Sending]:
    """A file of 20 MiB, 3 of which were answered for."""
    with client_of(stack, token) as client:
        content = hashlib.sha256(request.node.name.encode()).digest() * (20 * MIB // 32)
        sending = Sending(client, f"{request.node.name} {time.time_ns()}", content)
        assert sending.send(0, content[: 3 * MIB], 3 * MIB).status_code == 204
        yield sending


class TestGone:
    def test_the_client_in_the_middle(self, sending: Sending) -> None:
        """What had come to the edge is kept, and told; of nothing that had not."""

        def some() -> Iterator[bytes]:
            for start in range(3 * MIB, 8 * MIB, MIB):
                yield sending.content[start : start + MIB]
            time.sleep(1)  # until it is through the edge
            raise Gone

        with pytest.raises(Gone):
            sending.send(3 * MIB, some(), len(sending.content) - 3 * MIB)
        until(lambda: sending.offset() == 8 * MIB, 10, lambda: f"{sending.offset()} bytes are here")
        sending.go_on()


class Gone(Exception):
    """The client is not there any more."""


class TestTwo:
    def test_one_at_a_time_whichever_process_is_asked(self, stack: Stack, sending: Sending) -> None:
        """While one sends, the others are told so by both processes, and what they bring is not kept."""
        content, asked = sending.content, set[int]()

        def slow() -> Iterator[bytes]:
            yield content[3 * MIB : 5 * MIB]
            time.sleep(0.5)
            for api in stack.apis:
                answer = httpx.patch(
                    f"http://127.0.0.1:{api.port}{sending.where}",
                    headers=BYTES
                    | {"Upload-Offset": str(3 * MIB), "Authorization": sending.client.headers["authorization"]},
                    content=bytes(9),
                )
                assert answer.json()["code"] == "upload_busy", answer.text
                asked.add(answer.status_code)
            yield content[5 * MIB :]

        done = sending.send(3 * MIB, slow(), len(content) - 3 * MIB)
        assert (done.status_code, asked) == (204, {423})
        assert int(done.headers["upload-offset"]) == len(content)
        got = sending.client.get(f"{API}/documents/{done.headers['dossier-document']}/content", follow_redirects=True)
        assert sha256(got.content) == sha256(content)


class TestStore:
    def test_it_goes_in_the_middle(self, stack: Stack, sending: Sending) -> None:
        """503 for the request, and for the next ones until it is back; the offset is told in between, and what was
        answered is in it."""
        content = sending.content

        def rest() -> Iterator[bytes]:
            yield content[3 * MIB : 12 * MIB]
            stack.storage.kill()
            for start in range(12 * MIB, len(content), MIB):
                yield content[start : start + MIB]

        answers = [sending.send(3 * MIB, rest(), len(content) - 3 * MIB)]
        kept = sending.offset()
        assert 3 * MIB <= kept < len(content)
        answers.append(sending.send(kept, content[kept:], len(content) - kept))
        assert sending.client.get(f"{API}/uploads").status_code == 200
        for answer in answers:
            assert (answer.status_code, answer.json()["code"]) == (503, "storage_failed"), answer.text
            assert int(answer.headers["retry-after"]) > 0
        assert sending.offset() >= kept
        stack.storage.start()
        sending.go_on()


class TestKilledAtTheEnd:
    def test_between_the_last_byte_and_the_document(self, stack: Stack, sending: Sending) -> None:
        """All bytes are durable, and the processes die while the document is made: its table is held meanwhile."""
        content = sending.content
        with (
            stack.database.connect(DATABASE) as connection,
            connection.cursor() as cursor,
            ThreadPoolExecutor() as threads,
        ):
            cursor.execute("LOCK TABLES documents WRITE")
            answer = threads.submit(self.last, sending)
            try:
                with client_of(stack, sending.client.headers["authorization"].split()[1]) as other:
                    watch = Watch(other, sending.where)
                    until(lambda: watch.offset() == len(content) - 1, 30, lambda: f"{watch.offset()} bytes are here")
                assert not answer.done()
            finally:
                for api in stack.apis:
                    api.kill()
                cursor.execute("UNLOCK TABLES")
            assert answer.result() in (0, 502, 503)
        for api in stack.apis:
            api.start()
        assert sending.offset() == len(content) - 1
        sending.go_on()

    @staticmethod
    def last(sending: Sending) -> int:
        """Send the rest; the status, or 0 where there is none."""
        with suppress(httpx.HTTPError):
            return sending.send(3 * MIB, sending.content[3 * MIB :], len(sending.content) - 3 * MIB).status_code
        return 0


@dataclass
class Watch:
    """Somebody else of the same person, who only looks."""

    client: httpx.Client
    where: str

    def offset(self) -> int:
        """Where to go on."""
        return int(self.client.head(self.where, headers=TUS).headers["upload-offset"])
