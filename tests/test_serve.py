"""The real program from outside: its faces, the side door with health and metrics, and a stop that is told beforehand."""

import http.client
import json
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.spans import Receiver
from tests.trust import invariants
from tests.trust.server import Nursery, Server, Template, environment, prepare_template
from tests.trust.tracer import until

Serving = Callable[..., Server]
pytestmark = pytest.mark.slow


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Template]:
    """A data folder with a workspace and its owner, and what programs are forked off."""
    nursery = Nursery()
    yield prepare_template(nursery, tmp_path_factory.mktemp("serve") / "template")
    nursery.close()


@pytest.fixture
def serving(template: Template, tmp_path: Path) -> Iterator[Serving]:
    """``serving("--face", "partner", metrics_port="1")``: a started server with these arguments and settings."""
    servers: list[Server] = []

    def serve(*args: str, **env: str) -> Server:
        settings = {f"DOSSIER_{name.upper()}": value for name, value in env.items()}
        servers.append(Server(template, template.copy(tmp_path / f"data{len(servers)}"), settings))
        return servers[-1].start(*args)

    yield serve
    for server in servers:
        server.kill()
        if errors := server.errors():
            print(errors[-8000:])


def get(port: int, path: str) -> tuple[int, str]:
    """Status and text of an answer of this machine."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


class Numbers:
    """What /metrics told."""

    def __init__(self, port: int) -> None:
        status, self.text = get(port, "/metrics")
        assert status == 200

    def __call__(self, name: str, **labels: str) -> float:
        """One value; zero for one that is not there."""
        for line in self.text.splitlines():
            found = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
            if found and found[1] == name and dict(re.findall(r'(\w+)="([^"]*)"', found[2] or "")) == labels:
                return float(found[3])
        return 0.0


class TestMetrics:
    def test_numbers_of_a_program_at_work(self, serving: Serving) -> None:
        port = free_port()
        server = serving(metrics_port=str(port), worker_concurrency="1")
        body = b"quince " * 1000
        id_ = server.ask("POST", "/documents?name=a.txt", body).json()["id"]
        for _ in range(3):
            assert server.ask("GET", f"/documents/{id_}/content").body == body
        assert server.ask("POST", "/session", {"email": "canary@example.com", "password": "canary"}).status == 401
        server.ask("GET", "/nowhere/canary")
        until(lambda: Numbers(port)("dossier_jobs_run_total", kind="search.index", outcome="done") == 1, 30, 0.1)
        until(lambda: "dossier_consumer_lag_events{" in Numbers(port).text, 30, 0.5)

        # The worker writes now and then; each look begins anew.
        until(lambda: Numbers(port)("dossier_database_connections", pool="writer", state="idle") == 1, 30, 0.1)
        told = Numbers(port)
        content = "/api/v1/documents/{document_id}/content"
        assert told("dossier_requests_total", method="GET", route=content, status="200") == 3
        assert told("dossier_request_seconds_count", method="GET", route=content) == 3
        assert told("dossier_requests_total", method="GET", route="-", status="404") == 1
        assert told("dossier_received_bytes_total") >= len(body)
        assert told("dossier_sent_bytes_total") >= 3 * len(body)
        assert told("dossier_refusals_total", code="bad_credentials") == 1
        assert told("dossier_sign_ins_total", outcome="refused") == 1
        assert told("dossier_units_total", outcome="committed") >= 1
        until(lambda: Numbers(port)("dossier_consumer_lag_events", consumer="search.documents") == 0, 30, 0.5)
        assert told("dossier_job_seconds_count", kind="search.index") == 1
        assert told("dossier_event_loop_lag_seconds_count") > 0
        assert told("dossier_database_waiting", pool="writer") == 0
        assert told("dossier_uploads_under_way") == 0
        assert 0 < told("process_resident_memory_bytes") < 200e6
        assert 'dossier_build_info{schema="' in told.text
        assert not [name for name in ("canary", id_, "a.txt", "example.com", "acme") if name in told.text]

    def test_jobs_that_wait_and_dead_ones(self, serving: Serving) -> None:
        port = free_port()
        server = serving("--no-worker", metrics_port=str(port))
        server.ask("POST", "/invitations", {"email": "canary@example.com", "role": "viewer"})
        until(lambda: Numbers(port)("dossier_jobs", kind="users.send_invitation", state="ready") == 1, 15, 0.5)
        age = Numbers(port)("dossier_jobs_oldest_seconds", kind="users.send_invitation", state="ready")
        assert 0 < age < 60

    def test_paths_of_strangers_make_no_series(self, serving: Serving) -> None:
        port = free_port()
        server = serving(metrics_port=str(port))
        for number in range(50):
            get(server.port, f"/canary-{number}")
        told = Numbers(port)
        assert told("dossier_requests_total", method="GET", route="-", status="404") == 50
        assert "canary" not in told.text

    def test_none_without_the_setting_and_none_for_the_public(self, serving: Serving) -> None:
        server = serving()
        assert get(server.port, "/metrics")[0] == 404

    def test_a_port_in_use_is_told(self, template: Template, tmp_path: Path) -> None:
        from tests.trust.server import command

        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            data = template.copy(tmp_path / "data")
            ran = command(template.nursery, data, "serve", "--port", "0", DOSSIER_METRICS_PORT=port)
        assert ran.returncode == 1
        assert "try another DOSSIER_METRICS_PORT" in ran.stderr


class TestTraces:
    def test_a_request_and_its_job_are_one_trace_at_the_receiver(self, serving: Serving) -> None:
        with Receiver() as receiver:
            server = serving(otlp_endpoint=receiver.endpoint, log_format="json", log_level="info")
            answer = server.ask("POST", "/documents?name=a.txt", b"quince")
            until(lambda: '"kind": "search.index"' in server.errors(), 30, 0.1)
            assert server.stop() == 0
            spans = receiver.spans()
        (request,) = [span for span in spans if span.name == "POST /api/v1/documents"]
        told = {each.key: each.value.string_value for each in request.attributes}
        assert told["dossier.request_id"] == answer.headers["x-request-id"]
        names = {span.name for span in spans if span.trace_id == request.trace_id}
        assert names >= {"storage.put", "unit", "consume search.documents", "job search.index"}


class TestWorker:
    def test_health_and_metrics(self, template: Template, tmp_path: Path) -> None:
        port, data = free_port(), template.copy(tmp_path / "data")
        env = environment(data, DOSSIER_WORKER_PORT=str(port))
        process = template.nursery.start(["dossier", "worker"], env, tmp_path / "out", tmp_path / "err")
        try:
            until(lambda: answers(port), 60, 0.1)
            status, text = get(port, "/health/ready")
            assert (status, json.loads(text)["parts"].keys()) == (200, {"database", "schema", "storage"})
            assert get(port, "/health/live") == (200, '{"status":"ok"}')
            assert Numbers(port)("process_resident_memory_bytes") > 0
            assert get(port, "/api/v1/documents")[0] == 404
            process.send(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            process.send(signal.SIGKILL)
            print((tmp_path / "err").read_text())

    def test_a_job_that_takes_longer_than_the_drain_is_given_back(self, serving: Serving, tmp_path: Path) -> None:
        server = serving("--no-worker")
        page = b"<html><body>" + b"<p>quince <b>medlar</b> and so on</p>" * 400_000
        server.ask("POST", "/documents?name=long.html", page)
        env = environment(server.data, DOSSIER_DRAIN_SECONDS="0.2")
        process = server.template.nursery.start(["dossier", "worker"], env, tmp_path / "out", tmp_path / "err")
        try:
            until(lambda: index_jobs(server) == [("running", 1)], 60)
            process.send(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.send(signal.SIGKILL)
            print((tmp_path / "err").read_text())
        assert index_jobs(server) in ([("ready", 0)], [])


def index_jobs(server: Server) -> list[Any]:
    """State and attempts of the jobs for the index."""
    with invariants.opened(server.data) as database:
        rows: list[Any] = database.execute("SELECT state, attempts FROM jobs WHERE kind = 'search.index'").fetchall()
        return rows


def answers(port: int) -> bool:
    """Whether somebody listens."""
    try:
        return get(port, "/health/live")[0] == 200
    except OSError:
        return False


class TestFace:
    def test_partner(self, serving: Serving) -> None:
        server = serving("--face", "partner")
        assert server.ask("GET", "/documents").status == 200
        assert server.ask("POST", "/session", {"email": "a@b.c", "password": "x"}).status == 404
        assert get(server.port, "/")[0] == 404
        assert get(server.port, "/health/ready")[0] == 200

    def test_by_the_setting(self, serving: Serving) -> None:
        assert serving(face="partner").ask("POST", "/session", {}).status == 404

    def test_no_other(self, template: Template, tmp_path: Path) -> None:
        from tests.trust.server import command

        ran = command(template.nursery, template.copy(tmp_path / "data"), "serve", "--face", "nobody")
        assert ran.returncode == 2


class TestLeaving:
    def test_ready_turns_first_and_requests_are_still_taken(self, serving: Serving) -> None:
        """What a load balancer needs to look away before the door is shut."""
        port = free_port()
        server = serving(leave_seconds="2", metrics_port=str(port))
        begun = time.perf_counter()
        server.send(signal.SIGTERM)
        until(lambda: get(server.port, "/health/ready")[0] == 503, 1.5)
        assert server.ask("POST", "/documents?name=late.bin", b"late").status == 201
        assert get(port, "/health/ready")[0] == 503
        assert get(port, "/health/live")[0] == 200
        assert server.wait(15) == 0
        assert time.perf_counter() - begun >= 2
        server.start()
        items: list[Any] = server.ask("GET", "/documents").json()["items"]
        assert [item["name"] for item in items] == ["late.bin"]
