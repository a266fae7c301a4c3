"""Parts that die, hang and come back under work: what people see, and that nothing of what was answered is lost.

The rows of the table in docs/operations.md (Faults) name these tests.
"""

import hashlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx

from tests.faults.work import API, check, client_of, working
from tools.servers import Server, until
from tools.stack import DATABASE, Stack

MIB = 1 << 20


def bounce(part: Server, seconds: float = 2) -> None:
    """Kill it under the work, and bring it back."""
    time.sleep(1)
    part.kill()
    time.sleep(seconds)
    part.start()
    time.sleep(1.5)


class TestBounced:
    """Each part is killed while four hands work, is away for two seconds, and comes back."""

    def test_the_database(self, stack: Stack, token: str) -> None:
        with working(stack, token) as journal:
            bounce(stack.database)
        check(stack, token, journal)
        assert any("503" in what for what in journal.refused)
        assert journal.answered["add"] > 0

    def test_redis(self, stack: Stack, token: str) -> None:
        """Nobody notices; health says it."""
        with working(stack, token) as journal, client_of(stack, token) as client:
            time.sleep(1)
            stack.redis.kill()
            until(lambda: client.get("/health/ready").json()["status"] == "degraded", 10, lambda: "still ok")
            assert client.get("/health/ready").json()["parts"]["redis"]["state"] == "failed"
            time.sleep(1)
            stack.redis.start()
            until(lambda: client.get("/health/ready").json()["status"] == "ok", 10, lambda: "still degraded")
        check(stack, token, journal)
        assert journal.refused == {}

    def test_the_store(self, stack: Stack, token: str) -> None:
        """Contents are refused meanwhile, with the time to come again; lists go on."""
        with working(stack, token) as journal, client_of(stack, token) as client:
            time.sleep(1)
            folder = client.post(f"{API}/folders", json={"name": f"refused {time.time_ns()}"}).json()["id"]
            where = {"name": "refused", "folder_id": folder}
            stack.storage.kill()
            assert client.get(f"{API}/documents").status_code == 200
            refused = client.post(f"{API}/documents", params=where, content=b"x")
            assert (refused.status_code, refused.json()["code"]) == (503, "storage_failed")
            assert int(refused.headers["retry-after"]) > 0
            stack.storage.start()
            time.sleep(1.5)
        check(stack, token, journal)
        with client_of(stack, token) as client:
            assert client.get(f"{API}/documents", params={"folder_id": folder}).json()["items"] == []
            assert client.post(f"{API}/documents", params=where, content=b"x").status_code == 201

    def test_an_api_process(self, stack: Stack, token: str) -> None:
        """The other one takes over; what was under way in the killed one is sent again."""
        with working(stack, token) as journal:
            bounce(stack.apis[0])
            bounce(stack.apis[1])
        check(stack, token, journal)

    def test_one_after_the_other_is_replaced(self, stack: Stack, token: str) -> None:
        """As an update does it: asked to stop, and started again. Not one request is refused."""
        with working(stack, token) as journal:
            for api in stack.apis:
                time.sleep(0.5)
                api.stop()
                api.start()
                time.sleep(6)  # nginx asks it again after five seconds
        check(stack, token, journal)
        assert journal.refused == {}


class TestHanging:
    def test_a_database_that_hangs_piles_nothing_up(self, stack: Stack, token: str) -> None:
        """Who gets no connection is told so within seconds; health knows at once; all goes on as soon as it does."""
        with client_of(stack, token) as client, ThreadPoolExecutor(40) as threads:
            client.get(f"{API}/documents")
            stack.database.pause()
            try:
                began = time.monotonic()
                asked = [threads.submit(client.get, f"{API}/documents") for _ in range(40)]
                until(lambda: state_of(client, "database") == "late", 5, lambda: "Health says nothing of it")
                assert client.get("/health/ready").status_code == 503
                assert client.get("/health/live").status_code == 200
                time.sleep(max(0, 8 - (time.monotonic() - began)))
                refused = [each.result() for each in asked if each.done()]
            finally:
                stack.database.resume()
            assert len(refused) >= 8, "only those with a connection may wait for the database"
            for answer in refused:
                assert (answer.status_code, answer.json()["code"]) == (503, "busy")
                assert int(answer.headers["retry-after"]) > 0
            assert all(each.result(10).status_code in (200, 503) for each in asked)
            until(lambda: client.get(f"{API}/documents").status_code == 200, 5, lambda: "It did not go on")


def state_of(client: httpx.Client, part: str) -> str:
    """How a part is, as health says."""
    return str(client.get("/health/ready").json()["parts"][part]["state"])


class TestKilledInTheMiddle:
    def test_an_upload_goes_on_with_the_other_process(self, stack: Stack, token: str) -> None:
        content = hashlib.sha256(b"seed").digest() * (20 * MIB // 32)
        tus = {"Tus-Resumable": "1.0.0"}
        with client_of(stack, token) as client:
            began = client.post(
                f"{API}/uploads",
                headers=tus | {"Upload-Length": str(len(content)), "Upload-Metadata": "filename YmlnLmJpbg=="},
            )
            assert began.status_code == 201, began.text
            where = httpx.URL(began.headers["location"]).path
            sending = tus | {"Content-Type": "application/offset+octet-stream"}

            def halves() -> Iterator[bytes]:
                """So much that some of it is told as kept (64 MiB, or what has come in 5 s), and then the end of both."""
                yield content[: 8 * MIB]
                time.sleep(5.5)
                yield content[8 * MIB : 15 * MIB]
                time.sleep(0.5)
                for api in stack.apis:
                    api.kill()
                yield content[15 * MIB :]

            length = {"Content-Length": str(len(content)), "Upload-Offset": "0"}
            with suppress(httpx.HTTPError):
                sent = client.patch(where, headers=sending | length, content=halves())
                assert sent.status_code == 503, sent.text
            stack.apis[1].start()
            until(lambda: client.head(where, headers=tus).status_code == 200, 20, lambda: "The upload is not found")
            offset = int(client.head(where, headers=tus).headers["upload-offset"])
            assert 0 < offset < len(content)
            rest = sending | {"Upload-Offset": str(offset)}
            answers: list[httpx.Response] = []

            def is_taken() -> bool:
                """423 for as long as the killed process's lease on the parts may be alive: 15 s."""
                answers.append(client.patch(where, headers=rest, content=content[offset:]))
                return answers[-1].status_code == 204

            until(is_taken, 30, lambda: answers[-1].text)
            assert {each.json()["code"] for each in answers[:-1]} <= {"upload_busy"}
            document = answers[-1].headers["dossier-document"]
            got = client.get(f"{API}/documents/{document}/content", follow_redirects=True)
            assert hashlib.sha256(got.content).digest() == hashlib.sha256(content).digest()

    def test_a_job_is_done_once_by_another_worker(self, stack: Stack, token: str) -> None:
        """Both workers are killed while they have jobs. The leases then run out by hand: that takes a minute else."""
        words, is_caught = [f"wort{time.time_ns()}x{number}" for number in range(12)], False
        with client_of(stack, token) as client:
            for word in words:
                added = client.post(
                    f"{API}/documents", params={"name": f"{word}.txt"}, content=f"{word} and more".encode()
                )
                assert added.status_code == 201
                is_caught = is_caught or stand_still(stack)
            until(lambda: is_caught or stand_still(stack), 20, lambda: "No worker took a job")
            for worker in stack.workers:
                worker.kill()
            left = running(stack)
            assert left > 0, "killed between two jobs"
            stack.workers[0].start()
            time.sleep(1)
            assert running(stack) >= left, "a job was taken before its lease had run out"
            let_leases_run_out(stack)
            until(
                lambda: all(found(client, word) == [f"{word}.txt"] for word in words), 60, lambda: "not all are found"
            )
            until(lambda: running(stack) == 0, 30, lambda: "a job is left over")
            assert stack.dossier("jobs", "list", "--state", "dead", "--json").strip() in ("", "[]")


def running(stack: Stack) -> int:
    """How many jobs workers hold."""
    with stack.database.connect(DATABASE) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM jobs WHERE state = 'running'")
        row = cursor.fetchone()
    assert row
    return int(row[0])


def stand_still(stack: Stack) -> bool:
    """Let the workers stand still where they have jobs; whether they had."""
    for worker in stack.workers:
        worker.pause()
    if running(stack):
        return True
    for worker in stack.workers:
        worker.resume()
    return False


def let_leases_run_out(stack: Stack) -> None:
    """As if a minute had passed."""
    with stack.database.connect(DATABASE) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE jobs SET run_at = run_at - INTERVAL 60 SECOND WHERE state = 'running'")


def found(client: httpx.Client, word: str) -> list[str]:
    """The names of what search finds."""
    return [
        each["document"]["name"] for each in client.get(f"{API}/search/documents", params={"q": word}).json()["items"]
    ]


class TestLive:
    def test_what_one_process_does_another_tells_live(self, stack: Stack, token: str) -> None:
        """Over Redis while it is there, by looking again while it is not."""
        heard: list[str] = []
        context_client = client_of(stack, token)

        def listen(port: int) -> None:
            with httpx.stream(
                "GET",
                f"http://127.0.0.1:{port}{API}/events/stream",
                headers={"Authorization": f"Bearer {token}"},
                timeout=60,
            ) as stream:
                for line in stream.iter_lines():
                    if line.startswith("event:"):
                        heard.append(line)

        listener = threading.Thread(target=listen, args=(stack.apis[1].port,), daemon=True)
        with context_client as client:
            listener.start()
            time.sleep(0.5)
            headers = {"Authorization": f"Bearer {token}"}
            asked = f"http://127.0.0.1:{stack.apis[0].port}{API}/documents?name="
            for away, bound in ((False, 1.0), (True, 10.0)):
                if away:
                    stack.redis.kill()
                heard.clear()
                assert httpx.post(f"{asked}told {away}", headers=headers, content=b"x").status_code == 201
                began = time.monotonic()
                until(lambda: bool(heard), bound, lambda: "not told in time")
                print(f"told after {time.monotonic() - began:.2f} s, Redis away: {away}")
            assert client.get("/health/live").status_code == 200
