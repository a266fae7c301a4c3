"""Faults of the disk under the real server (R3): it is full, it fails, or the process dies at one call of an upload.

A refused upload is a clear 507 or 503, leaves nothing behind, and the next one works without a restart.
"""

import os
import random
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from tests.trust import invariants, tracer
from tests.trust.server import Answer, Server, Template
from tests.trust.tracer import Point
from tests.trust.traffic import CUT, sha256

Serving = Callable[..., Server]
Role = Literal["blob", "database"]
BODY = b"several writes " * 50_000  # but one batch: a second one could be another thread's
needs_strace = pytest.mark.skipif(not tracer.usable(), reason="needs strace")


@dataclass
class Rig:
    """A server without a worker, whose threads are known by what they do."""

    server: Server
    count: int = 0
    roles: dict[Role, set[int]] = field(default_factory=dict)

    def start(self) -> "Rig":
        """Start (again) and let one upload make the threads that uploads need."""
        if self.server.process is None:
            self.server.start("--no-worker")
        self.roles = {"blob": set(), "database": set()}
        assert self.upload().status == 201
        return self.look()

    def look(self) -> "Rig":
        """See which thread does what."""
        counts: tracer.Counts = {}
        with tracer.counting(self.server.pid, self.server.data.parent, counts):
            assert self.upload().status == 201
        writes = {thread: count for (thread, call), count in counts.items() if call == "pwrite64"}
        self.roles["database"] = {max(writes, key=lambda thread: writes[thread])}
        self.roles["blob"] |= {thread for thread, call in counts if call == "rename"}
        return self

    def upload(self, body: bytes | None = None) -> Answer:
        """Add a document of new bytes under a new name."""
        self.count += 1
        body = body or b"%d " % self.count + BODY
        return self.server.ask("POST", f"/documents?name={self.count}.bin", body, Idempotency_Key=f"k{self.count}")

    def dies(self, role: Role, call: str, number: int) -> None:
        """The server is killed at that call of that thread, amid an upload."""
        first, *others = self.roles[role]
        log = self.server.data.parent / "sabotage"
        for _ in range(5):
            try:
                with tracer.sabotage(self.server.pid, Point(first, call, number), "signal=SIGKILL", log, *others):
                    self.upload()
            except CUT:
                assert self.server.wait(30) == -9
                return
            self.look()
        raise AssertionError("the call was never made")

    def again(self) -> Answer:
        """The last upload again, with its key."""
        self.count -= 1
        return self.upload()

    def refused(self, role: Role, call: str, number: int, error: str) -> Answer:
        """What an upload is told when that call of that thread fails."""
        for _ in range(5):
            first, *others = self.roles[role]
            point = Point(first, call, number)
            log = self.server.data.parent / "sabotage"
            with tracer.sabotage(self.server.pid, point, f"error={error}", log, *others):
                answer = self.upload()
            if "INJECTED" in log.read_text():
                return answer
            self.look()  # another thread of the pool did it this time
        raise AssertionError("the call was never made")

    def names(self) -> set[str]:
        """The documents that are listed."""
        client = self.server.client()
        names = {wire["name"] for wire in client.every("/documents")}
        client.close()
        return names


@pytest.fixture
def rig(data_template: Template, tmp_path: Path) -> Iterator[Rig]:
    """A rig on a folder of its own."""
    server = Server(data_template, data_template.copy(tmp_path / "data"))
    yield Rig(server).start()
    server.kill()
    print(server.errors()[-4000:])


# thread, call, which one, error, status, code. A file's own fsync is the first, its directory's the second.
FAULTS: list[tuple[Role, str, int, str, int, str]] = [
    ("blob", "write", 1, "ENOSPC", 507, "storage_full"),
    ("blob", "write", 3, "EDQUOT", 507, "storage_full"),
    ("blob", "write", 2, "EIO", 503, "storage_failed"),
    ("blob", "fsync", 1, "EIO", 503, "storage_failed"),
    ("blob", "fsync", 1, "ENOSPC", 507, "storage_full"),
    ("blob", "fsync", 2, "EIO", 503, "storage_failed"),
    ("blob", "rename", 1, "ENOSPC", 507, "storage_full"),
    ("database", "pwrite64", 1, "ENOSPC", 507, "storage_full"),
    ("database", "pwrite64", 4, "ENOSPC", 507, "storage_full"),
    ("database", "pwrite64", 1, "EIO", 503, "commit_unknown"),
    ("database", "fsync", 1, "EIO", 503, "commit_unknown"),
]
DEATHS: list[tuple[Role, str, int]] = [
    ("blob", "write", 1),
    ("blob", "fsync", 1),
    ("blob", "rename", 1),
    ("blob", "fsync", 2),
    ("database", "pwrite64", 1),
    ("database", "pwrite64", 9),
    ("database", "fsync", 1),
]


@pytest.mark.slow
@needs_strace
def test_a_failing_call_is_refused_and_leaves_nothing(rig: Rig) -> None:
    blobs = rig.server.data / "blobs"
    for role, call, number, error, status, code in FAULTS:
        answer = rig.refused(role, call, number, error)
        case = f"{role}: {call} {number} {error}"
        assert (answer.status, answer.code) == (status, code), case
        assert "errno" not in answer.body.decode().lower(), case
        if code != "commit_unknown":
            assert f"{rig.count}.bin" not in rig.names(), case
        assert invariants.files(blobs)[1] == 0, case
        assert rig.again().status == 201, case
        assert f"{rig.count}.bin" in rig.names(), case
    assert rig.server.stop() == 0
    invariants.check(rig.server.data)
    rig.server.doctor()


@pytest.mark.slow
@needs_strace
def test_a_commit_that_was_not_synced_may_be_there_after_a_crash_but_whole(rig: Rig) -> None:
    """Its frames are in the log: the next start finds them, so the answer must not say no, and the bytes must stay."""
    answer = rig.refused("database", "fsync", 1, "EIO")
    assert (answer.status, answer.code) == (503, "commit_unknown")
    rig.server.restart()
    assert rig.again().status == 201
    client = rig.server.client()
    assert [wire["name"] for wire in client.every("/documents")].count(f"{rig.count}.bin") == 1
    client.close()
    assert rig.server.stop() == 0
    invariants.check(rig.server.data)


@pytest.mark.slow
@needs_strace
def test_a_death_amid_an_upload_leaves_all_or_nothing(rig: Rig) -> None:
    for role, call, number in DEATHS:
        acked = rig.names()
        rig.dies(role, call, number)
        rig.server.start("--no-worker")
        assert rig.names() - acked <= {f"{rig.count}.bin"}
        assert rig.again().status == 201, "the same request again"
        assert rig.names() - acked == {f"{rig.count}.bin"}
        rig.start()
    assert rig.server.stop() == 0
    invariants.check(rig.server.data)
    rig.server.doctor()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 8 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.slow
def test_a_full_disk_is_refused_until_there_is_room(data_template: Template, small_disk: Path) -> None:
    server = Server(data_template, data_template.copy(small_disk / "data"))
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(3 << 20))
    try:
        server.start()
        acked = fill(server, 300_000) | fill(server, 1)
        assert len(acked) > 3
        client = server.client()
        assert {wire["id"]: wire["version"]["sha256"] for wire in client.every("/documents")} == acked
        ballast.unlink()
        # No restart, and no retry: the first upload after there is room again.
        answer = client.ask("POST", "/documents?name=after.bin", b"after")
        assert answer.status == 201, answer.body
        client.close()
        server.restart()
        assert server.ask("GET", f"/documents/{answer.json()['id']}/content").body == b"after"
        assert server.stop() == 0
        assert invariants.check(server.data).documents == len(acked) + 1
        server.doctor()
    finally:
        server.kill()
        print(server.errors()[-4000:])


def fill(server: Server, size: int) -> dict[str, str]:
    """Add documents of this size until the disk is full; id → digest of those that were acknowledged."""
    acked: dict[str, str] = {}
    refused = 0
    for number in range(2000):
        body = random.Random(f"{size} {number}").randbytes(size)
        answer = server.ask("POST", f"/documents?name={size}-{number}.bin", body)
        if answer.status == 201:
            acked[answer.json()["id"]] = sha256(body)
            continue
        assert (answer.status, answer.code) == (507, "storage_full"), answer.body
        refused += 1
        if refused == 3:
            return acked
    raise AssertionError("the disk was never full")
