"""The client of tus that the portal uses (tus-js-client), against the real server."""

import json
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.trust.server import Server, Template
from tests.trust.traffic import sha256

ROOT = Path(__file__).parents[2]
BODY = random.Random("tus").randbytes(1_000_000)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(data_template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all of these."""
    subprocess.run(["make", "--silent", "web/node_modules/.done"], cwd=ROOT, check=True, capture_output=True)
    data = data_template.copy(tmp_path_factory.mktemp("tus") / "data")
    server = Server(data_template, data).start()
    yield server
    assert server.stop() == 0
    server.doctor()


def play(server: Server, tmp_path: Path, scenario: str, body: bytes = BODY) -> Any:
    """What the client was told in a scenario."""
    path = tmp_path / "file"
    path.write_bytes(body)
    address = f"http://{server.host}:{server.port}/api/v1/uploads"
    script = ROOT / "tests/trust/tus_client.mjs"
    command = [str(each) for each in (ROOT / ".tools/bin/node", script, address, server.template.token, scenario, path)]
    ours = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    played = subprocess.run(command, env=ours, capture_output=True, text=True, timeout=60, check=False)
    assert played.returncode == 0, played.stderr
    return json.loads(played.stdout)


@pytest.mark.parametrize(
    ("scenario", "seen"),
    [
        ("whole", ["POST 201", "PATCH 204"]),
        ("chunks", ["POST 201", *["PATCH 204"] * 10]),
        ("creation", ["POST 201", *["PATCH 204"] * 3]),
        ("resumed", ["POST 201", "PATCH 204", "PATCH 204", "HEAD 200", "PATCH 204"]),
    ],
)
def test_brings_it(server: Server, tmp_path: Path, scenario: str, seen: list[str]) -> None:
    told = play(server, tmp_path, scenario)
    assert told["seen"] == seen
    assert told["version"] == "1"
    got = server.ask("GET", f"/documents/{told['document']}/content")
    assert (got.status, sha256(got.body)) == (200, sha256(BODY))


def test_nothing_at_all(server: Server, tmp_path: Path) -> None:
    told = play(server, tmp_path, "nothing", b"")
    assert told["seen"] == ["POST 201"]
    assert server.ask("GET", f"/documents/{told['document']}/content").body == b""


def test_ends_it(server: Server, tmp_path: Path) -> None:
    told = play(server, tmp_path, "ended")
    assert told["seen"][-1] == "DELETE 204"
    assert server.ask("GET", told["url"].split("/api/v1", 1)[1]).status == 404


def test_is_not_told_of_success_where_there_is_none(server: Server, tmp_path: Path) -> None:
    told = play(server, tmp_path, "refused")
    assert told["problem"] == "name_taken"
    assert "HEAD 200" in told["seen"], "it tried again"
