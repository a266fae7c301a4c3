"""Bodies and headers that no honest client sends, at the real server's socket: refused at once, and nothing is left."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.trust import invariants
from tests.trust.server import Server
from tests.trust.tracer import until
from tests.trust.wire import Wire

LIMIT = 2_000_000
AT_ONCE = 5.0
pytestmark = pytest.mark.slow
FORM = {"Content_Type": "multipart/form-data; boundary=b"}


@pytest.fixture(scope="module")
def server(data_template: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all of these, so that each also shows that the one before did no harm."""
    data = data_template.copy(tmp_path_factory.mktemp("bodies") / "data")
    server = Server(data_template, data, {"DOSSIER_MAX_UPLOAD_BYTES": str(LIMIT)}).start()
    assert server.ask("POST", "/documents?name=first.bin", b"warm").status == 201
    yield server
    assert server.stop() == 0
    invariants.check(data)
    assert invariants.files(data / "blobs")[1] == 0
    server.doctor()


@pytest.fixture(autouse=True)
def nothing_is_left(server: Server) -> Iterator[None]:
    """Whatever a test sends: no document, no blob and no temporary file more than before, and the server answers."""
    before = traces(server)
    yield
    until(lambda: traces(server) == before, 10)


def traces(server: Server) -> tuple[set[str], set[str], int]:
    """Names, keys, temporary files."""
    client = server.client()
    names = {wire["name"] for wire in client.every("/documents")}
    client.close()
    return names, *invariants.files(server.data / "blobs")


class TestOverTheLimit:
    def test_a_length_over_it_is_refused_before_the_body_comes(self, server: Server) -> None:
        with Wire(server) as wire:
            answer, seconds = wire.head("POST", "/documents?name=a", Content_Length=str(10**12)).answer()
        assert (answer.status, answer.code, answer.json()["limit"]) == (413, "body_too_large", LIMIT)
        assert seconds < AT_ONCE

    def test_a_client_that_asks_first_is_not_told_to_go_on(self, server: Server) -> None:
        with Wire(server) as wire:
            wire.head("POST", "/documents?name=a", Content_Length=str(LIMIT + 1), Expect="100-continue")
            answer, seconds = wire.answer()
        assert answer.status == 413
        assert seconds < AT_ONCE

    def test_a_version_as_well(self, server: Server) -> None:
        id_ = server.ask("GET", "/documents").json()["items"][0]["id"]
        with Wire(server) as wire:
            answer, _ = wire.head("POST", f"/documents/{id_}/versions", Content_Length=str(LIMIT + 1)).answer()
        assert answer.status == 413

    @pytest.mark.parametrize("form", [{}, FORM], ids=["raw", "form"])
    def test_without_a_length_as_soon_as_it_is_over(self, server: Server, form: dict[str, str]) -> None:
        with Wire(server) as wire:
            wire.head("POST", "/documents?name=a", Transfer_Encoding="chunked", **form)
            if form:
                wire.chunk(b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n')
            for _ in range(LIMIT // 65_536 + 1):
                wire.chunk(bytes(65_536))
            answer, _ = wire.answer()  # though the body has not ended
        assert (answer.status, answer.code) == (413, "body_too_large")

    def test_a_client_that_never_stops_sending_is_cut_off(self, server: Server) -> None:
        sent = 0
        with Wire(server) as wire, contextlib.suppress(ConnectionError):
            wire.head("POST", "/documents?name=a", Transfer_Encoding="chunked")
            while sent < 100 * LIMIT:
                wire.chunk(bytes(65_536))
                sent += 65_536
        assert sent < 100 * LIMIT

    def test_the_longest_that_is_allowed_is_taken(self, server: Server) -> None:
        with Wire(server) as wire:
            wire.head("POST", "/documents?name=longest", Content_Length=str(LIMIT)).send(bytes(LIMIT))
            answer, _ = wire.answer()
        assert answer.status == 201
        id_ = answer.json()["id"]
        assert server.ask("DELETE", f"/documents/{id_}").status == 204
        assert server.ask("DELETE", f"/documents/{id_}?purge=true").status == 204
        # Its bytes are an orphan for the sweeper now, for 48 hours.
        for key in invariants.files(server.data / "blobs")[0]:
            place = invariants.place(server.data / "blobs", key)
            if place.stat().st_size == LIMIT:
                place.unlink()

    def test_json(self, server: Server) -> None:
        with Wire(server) as wire:
            wire.head("POST", "/folders", Content_Type="application/json", Content_Length=str(10**9))
            answer, seconds = wire.answer()
        assert (answer.status, answer.code) == (413, "too_large")
        assert seconds < AT_ONCE

    def test_json_without_a_length(self, server: Server) -> None:
        with Wire(server) as wire:
            wire.head("POST", "/folders", Content_Type="application/json", Transfer_Encoding="chunked")
            for _ in range(17):
                wire.chunk(b" " * 65_536)
            answer, _ = wire.answer()
        assert answer.status == 413


class TestWrongLength:
    def test_fewer_bytes_than_announced(self, server: Server) -> None:
        with Wire(server) as wire:
            wire.head("POST", "/documents?name=a", Content_Length="100").send(b"x" * 50).finish_sending()
            answer, _ = wire.answer()
        assert 400 <= answer.status < 500

    def test_more_bytes_than_announced_are_another_request_and_a_bad_one(self, server: Server) -> None:
        with Wire(server) as wire:
            wire.head("POST", "/documents", Content_Length="10").send(b"x" * 60 + b"\r\n\r\n")
            first, _ = wire.answer()
            assert first.status == 422, "no name was given"
            with contextlib.suppress(ConnectionError):
                assert wire.answer()[0].status == 400

    def test_cut_in_the_middle(self, server: Server) -> None:
        with Wire(server) as wire:
            wire.head("POST", "/documents?name=cut", Content_Length=str(LIMIT)).send(bytes(LIMIT * 3 // 4))
            until(lambda: invariants.files(server.data / "blobs")[1] == 1)
            wire.reset()
        until(lambda: invariants.files(server.data / "blobs")[1] == 0)

    def test_cut_in_the_middle_of_a_form(self, server: Server) -> None:
        head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
        with Wire(server) as wire:
            wire.head("POST", "/documents", Content_Length=str(LIMIT), **FORM)
            wire.send(head + b"x" * (LIMIT * 3 // 4))
            until(lambda: invariants.files(server.data / "blobs")[1] == 1)
            wire.reset()
        until(lambda: invariants.files(server.data / "blobs")[1] == 0)


class TestHeavyParsing:
    def test_line_ends_before_the_first_boundary(self, data_template: Any, serving: Callable[..., Server]) -> None:
        server = serving()
        assert server.ask("GET", "/me").status == 200
        body = b"\r\n" * 5_000_000
        with Wire(server) as wire:
            wire.head("POST", "/documents", Content_Length=str(len(body)), **FORM).send(body)
            answer, seconds = wire.answer()
        assert 400 <= answer.status < 500
        assert seconds < 2 * AT_ONCE  # with the sending

    def test_ten_thousand_ranges(self, server: Server) -> None:
        id_ = server.ask("GET", "/documents").json()["items"][0]["id"]
        ranges = "bytes=" + ",".join(f"{start}-{start}" for start in range(10_000))
        begun = time.perf_counter()
        answer = server.ask("GET", f"/documents/{id_}/content", Range=ranges)
        assert answer.status in (200, 400, 416, 431)
        assert time.perf_counter() - begun < AT_ONCE

    def test_headers_without_end(self, server: Server) -> None:
        with Wire(server) as wire:
            try:
                wire.head("GET", "/me", **{f"X-{number}": "x" * 8000 for number in range(200)})
                answer, _ = wire.answer()
                assert answer.status in (400, 431)
            except ConnectionError:
                pass  # refused without a word
