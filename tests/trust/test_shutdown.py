"""How the server stops: streams end, what is under way is answered, jobs are finished or given back, all within the drain.

"In time" is the drain plus what it takes to let go of the database and the interpreter on a busy machine.
"""

import contextlib
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.trust import invariants
from tests.trust.server import Server
from tests.trust.tracer import until
from tests.trust.traffic import CUT, sha256
from tests.trust.wire import Wire

Serving = Callable[..., Server]
DRAIN, LET_GO = 8.0, 15.0  # the second for other tests on the same cores
BODY = bytes(range(256)) * 8192  # 2 MiB
pytestmark = pytest.mark.slow
stops = pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=lambda how: how.name)


def whole(server: Server) -> invariants.Found:
    """What is left after a stop is whole, without a start in between."""
    server.doctor()
    return invariants.check(server.data)


def refused(server: Server) -> bool:
    """Whether nobody listens any more."""
    try:
        socket.create_connection((server.host, server.port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def streams(server: Server, count: int) -> list[Wire]:
    """Live streams that have begun."""
    wires = [Wire(server).head("GET", "/events/stream") for _ in range(count)]
    for wire in wires:
        assert wire.socket.recv(1 << 16).startswith(b"HTTP/1.1 200")
    return wires


def end_of(wire: Wire) -> None:
    """Read a stream to its end, in good order: the last chunk of a chunked body."""
    got = b""
    while data := wire.socket.recv(1 << 16):
        got += data
    wire.socket.close()
    assert got.endswith(b"0\r\n\r\n")


@stops
def test_ten_streams_and_an_upload_under_way(serving: Serving, how: signal.Signals) -> None:
    server = serving(drain_seconds=str(DRAIN))
    assert server.ask("POST", "/documents?name=before.bin", b"before").status == 201
    live = streams(server, 10)
    with Wire(server) as wire:
        wire.head("POST", "/documents?name=slow.bin", Content_Length=str(len(BODY)))
        wire.send(BODY[: len(BODY) // 2]).taken()
        begun = time.perf_counter()
        server.send(how)
        until(lambda: refused(server), DRAIN / 2)
        for start in range(len(BODY) // 2, len(BODY), 1 << 18):
            wire.send(BODY[start : start + (1 << 18)])
            time.sleep(0.1)
        answer, _ = wire.answer()
    assert (answer.status, answer.json()["version"]["sha256"]) == (201, sha256(BODY))
    for stream in live:
        end_of(stream)
    assert server.wait(DRAIN) == 0
    assert time.perf_counter() - begun < DRAIN
    assert whole(server).documents == 2
    server.start()
    assert server.started_in < 3
    assert server.ask("GET", f"/documents/{answer.json()['id']}/content").body == BODY


@stops
def test_an_upload_slower_than_the_drain(serving: Serving, how: signal.Signals) -> None:
    server = serving(drain_seconds="1")
    assert server.ask("POST", "/documents?name=before.bin", b"before").status == 201
    with Wire(server) as wire:
        wire.head("POST", "/documents?name=late.bin", Content_Length=str(len(BODY))).send(BODY[:-1])
        until(lambda: invariants.files(server.data / "blobs")[1] == 1)
        begun = time.perf_counter()
        assert server.stop(how, 1 + LET_GO) == 0
        assert time.perf_counter() - begun < 1 + LET_GO
        with contextlib.suppress(ConnectionError):
            assert wire.answer()[0].status >= 500
    found = whole(server)
    assert (found.documents, found.orphans, found.temporary) == (1, 0, 0)
    server.start()
    assert [item["name"] for item in server.ask("GET", "/documents").json()["items"]] == ["before.bin"]


def test_a_download_under_way_is_finished(serving: Serving) -> None:
    server = serving(drain_seconds=str(DRAIN))
    body = BODY * 8
    id_ = server.ask("POST", "/documents?name=big.bin", body).json()["id"]
    with Wire(server) as wire:
        wire.head("GET", f"/documents/{id_}/content")
        time.sleep(0.3)  # more than what fits into the socket's buffers
        server.send(signal.SIGTERM)
        until(lambda: refused(server), DRAIN / 2)
        answer, _ = wire.answer()
    assert (answer.status, sha256(answer.body)) == (200, sha256(body))
    assert server.wait(DRAIN) == 0


def test_idle_connections_hold_nobody_up(serving: Serving) -> None:
    server = serving(drain_seconds=str(DRAIN))
    clients = [server.client() for _ in range(10)]
    for client in clients:
        assert client.ask("GET", "/me").status == 200
    begun = time.perf_counter()
    assert server.stop() == 0
    assert time.perf_counter() - begun < DRAIN
    for client in clients:
        client.close()


def test_work_goes_on_until_the_signal_and_none_of_it_is_lost(serving: Serving) -> None:
    """Several clients at work while the server is asked to stop: what was answered is there, with its number."""
    server, acked = serving(drain_seconds=str(DRAIN)), {}

    def hand(number: int) -> None:
        client = server.client()
        try:
            for count in range(10_000):
                body = b"%d %d" % (number, count)
                answer = client.ask("POST", f"/documents?name={number}-{count}.bin", body)
                assert answer.status == 201, answer.body
                acked[answer.json()["id"]] = sha256(body)
        except (AssertionError, *CUT) as error:
            ends.append(error)

    ends: list[BaseException] = []
    hands = [threading.Thread(target=hand, args=(number,)) for number in range(4)]
    for each in hands:
        each.start()
    until(lambda: len(acked) > 8)
    assert server.stop() == 0
    for each in hands:
        each.join()
    assert not [error for error in ends if isinstance(error, AssertionError)]
    server.start()
    client = server.client()
    there = {wire["id"]: wire["version"]["sha256"] for wire in client.every("/documents")}
    client.close()
    assert acked.items() <= there.items()
    assert len(there) - len(acked) <= 4


def jobs(server: Server) -> list[Any]:
    """Kind, state and attempts of the jobs there are."""
    with invariants.opened(server.data) as database:
        rows: list[Any] = database.execute("SELECT kind, state, attempts FROM jobs").fetchall()
        return rows


@stops
def test_a_job_under_way_is_finished_or_given_back(serving: Serving, how: signal.Signals) -> None:
    server = serving(drain_seconds="2")
    page = b"<html><body>" + b"<p>quince <b>medlar</b> and so on</p>" * 400_000
    id_ = server.ask("POST", "/documents?name=long.html", page).json()["id"]
    until(lambda: ("search.index", "running", 1) in jobs(server))
    assert server.stop(how, 2 + LET_GO) == 0
    assert {state for kind, state, _ in jobs(server) if kind == "search.index"} <= {"ready"}
    whole(server)
    server.start()
    until(lambda: [kind for kind, *_ in jobs(server) if kind == "search.index"] == [], 60, 0.1)
    hits = server.ask("GET", "/documents?q=medlar").json()["items"]
    assert [wire["id"] for wire in hits] == [id_]
