"""Clients of tus that others wrote, against a real process: tus-js-client, which the portal has too, and tuspy.

Not with a deferred length: in Node tus-js-client announces a whole chunk where fewer bytes are left, and waits for ever.
"""

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
import pytest
from tusclient.client import TusClient

from tools.stack import DOSSIER, Program

ROOT = Path(__file__).parents[2]
NODE = ROOT / ".tools" / "bin" / "node"
pytestmark = [pytest.mark.slow, pytest.mark.embedded]


class Place(NamedTuple):
    """Where uploads go to, and whose they are."""

    endpoint: str
    token: str
    program: Program

    @property
    def headers(self) -> dict[str, str]:
        """Of any request."""
        return {"Authorization": f"Bearer {self.token}"}

    def check(self, upload: str, body: bytes) -> None:
        """The upload has become a document of these bytes."""
        with httpx.Client(headers=self.headers, base_url=self.endpoint.removesuffix("/api/v1/uploads")) as client:
            told: Any = client.get(upload).json()
            assert (told["state"], told["size"], told["offset"]) == ("done", len(body), len(body))
            found = client.get(f"/api/v1/documents/{told['document']['id']}").json()["version"]
            assert (found["size"], found["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
            assert client.get("/api/v1/uploads").json()["items"] == [], "no part is left"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A running Dossier."""
    folder = tmp_path_factory.mktemp("clients")
    env = {name: value for name, value in os.environ.items() if not name.startswith("DOSSIER_")}
    program = Program(folder, env, "serve")

    def command(*args: str) -> str:
        own = env | {"DOSSIER_DATA_DIR": str(folder)}
        return subprocess.run([DOSSIER, *args], env=own, check=True, capture_output=True, text=True).stdout.strip()

    command("user", "add", "a@example.com", "--workspace", "acme", "--role", "editor")
    token = command("token", "add", "a@example.com", "--workspace", "acme")
    program.start()
    yield Place(f"http://127.0.0.1:{program.port}/api/v1/uploads", token, program)
    program.stop()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some megabytes."""
    path = tmp_path_factory.mktemp("file") / "plan.bin"
    path.write_bytes(hashlib.shake_256(b"plan").digest(5_300_000))
    return path


@pytest.mark.parametrize("way", ["whole", "pieces", "parallel"])
def test_tus_js_client(place: Place, file: Path, way: str) -> None:
    command = [str(NODE), str(ROOT / "tests/uploads/send.mjs"), way, place.endpoint, place.token, str(file)]
    sent = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert sent.returncode == 0, sent.stderr
    place.check(sent.stdout.strip(), file.read_bytes())


@pytest.mark.parametrize("checksum", [False, True])
def test_tuspy(place: Place, file: Path, checksum: bool) -> None:
    """Sent in pieces; the second half by another uploader, as after a restart."""
    client = TusClient(place.endpoint, headers=place.headers)
    how: dict[str, Any] = {"chunk_size": 1_000_000, "upload_checksum": checksum}
    with file.open("rb") as stream:
        first = client.uploader(file_stream=stream, metadata={"filename": f"{uuid4()}.bin"}, **how)
        first.upload(stop_at=2_000_000)
        assert first.url
        second = client.uploader(file_stream=stream, url=first.url, **how)
        assert second.get_offset() == 2_000_000
        second.upload()
    place.check(first.url, file.read_bytes())


@pytest.mark.parametrize("by", ["tuspy", "tus-js-client"])
def test_a_restart_in_the_middle_of_a_large_file(place: Place, tmp_path: Path, by: str) -> None:
    """The process that makes the end has not seen all bytes: a job reads them, and the client goes on until that is done."""
    path, size = tmp_path / "large.bin", (1 << 26) + 5_000_000
    path.write_bytes(hashlib.shake_256(by.encode()).digest(1 << 20) * (size >> 20) + bytes(size % (1 << 20)))
    client, how = TusClient(place.endpoint, headers=place.headers), {"chunk_size": 1 << 23}
    with path.open("rb") as stream:
        first: Any = client.uploader(file_stream=stream, metadata={"filename": f"{by}.bin"}, **how)
        first.upload(stop_at=3 << 23)
        place.program.stop()
        place.program.start()
        if by == "tuspy":
            client.uploader(file_stream=stream, url=first.url, **how).upload()
    if by == "tus-js-client":
        command = [str(NODE), str(ROOT / "tests/uploads/send.mjs"), "again", first.url, place.token, str(path)]
        sent = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert sent.returncode == 0, sent.stderr
    place.check(first.url, path.read_bytes())
