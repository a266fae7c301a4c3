"""The whole program on a bucket: add, read, upload with cuts, search, previews, links, sweep, doctor."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr

from dossier import storage
from dossier.app import Parts, build
from dossier.core.actor import Actor
from dossier.core.settings import Settings
from dossier.storage.blobs import new_key
from tests.conftest import MovingClock, World
from tests.contracts.blob_store import pattern
from tools.servers import SeaweedFS

pytestmark = pytest.mark.slow
MIB = 1 << 20


@pytest.fixture
def address(seaweed: SeaweedFS) -> str:
    """Another prefix of the bucket, as text."""
    return f"s3://dossier/{uuid4().hex}?region={seaweed.region}&endpoint={seaweed.endpoint}"


@pytest.fixture
async def parts(settings: Settings, clock: MovingClock, seaweed: SeaweedFS, address: str) -> AsyncIterator[Parts]:
    """The program's parts, with contents in the bucket and links allowed."""
    ours = {"storage_url": address, "storage_access_key": seaweed.access_key, "storage_links": True}
    parts = build(settings.model_copy(update=ours | {"storage_secret_key": SecretStr(seaweed.secret_key)}), clock=clock)
    yield parts
    await parts.close()


async def add(world: World, name: str, content: bytes) -> Any:
    where = {"name": name, "folder_id": str(world.root)}
    answer = await world.editor.client.post("/api/v1/documents", params=where, content=content)
    assert answer.status_code == 201, answer.text
    return answer.json()


class TestContent:
    async def test_added_and_read(self, world: World) -> None:
        data = pattern(12 * MIB)
        document = await add(world, "a.bin", data)
        inline = await world.viewer.client.get(f"/api/v1/documents/{document['id']}/content?inline=true")
        assert inline.status_code == 307  # nothing that could be shown in place
        async with httpx.AsyncClient() as browser:
            assert (await browser.get(inline.headers["location"])).content == data
        headers = {"If-Range": inline.headers.get("etag", '"x"')}
        own = await world.viewer.client.get(f"/api/v1/documents/{document['id']}/content", headers=headers)
        assert (own.status_code, own.content) == (200, data)

    async def test_a_link_says_name_and_type_and_is_not_kept(self, world: World) -> None:
        document = await add(world, "Übersicht.html", b"<script>alert(1)</script>")
        answer = await world.viewer.client.get(f"/api/v1/documents/{document['id']}/content")
        assert (answer.status_code, answer.content) == (307, b"")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        async with httpx.AsyncClient() as browser:
            there = await browser.get(answer.headers["location"])
            part = await browser.get(answer.headers["location"], headers={"Range": "bytes=1-6"})
        assert there.headers["content-disposition"].startswith("attachment; ")
        assert "%C3%9Cbersicht.html" in there.headers["content-disposition"]
        assert part.content == b"script"
        assert world.editor.token not in answer.headers["location"]

    async def test_what_is_answered_here_all_the_same(self, world: World) -> None:
        document = await add(world, "a.txt", b"content")
        path, client = f"/api/v1/documents/{document['id']}/content", world.viewer.client
        head = await client.head(path)
        assert (head.status_code, head.headers["content-length"]) == (200, "7")
        shown = await client.get(f"{path}?inline=true")
        assert (shown.status_code, shown.content) == (200, b"content")
        ranged = await client.get(f"{path}?inline=true", headers={"Range": "bytes=2-4"})
        assert (ranged.status_code, ranged.content) == (206, b"nte")
        assert (await client.get(path, headers={"If-None-Match": head.headers["etag"]})).status_code == 304
        assert (await client.get(path, headers={"If-Match": '"other"'})).status_code == 412
        assert (await client.get(path, headers={"If-Match": head.headers["etag"]})).status_code == 200
        assert (await client.get(path, headers={"Range": "bytes=9-"})).status_code == 416
        assert (await world.stranger.client.get(path)).status_code == 404

    async def test_links_are_off_by_default(self, world: World) -> None:
        document = await add(world, "a.bin", b"\0content")
        world.app.state.settings = world.parts.settings.model_copy(update={"storage_links": False})
        answer = await world.viewer.client.get(f"/api/v1/documents/{document['id']}/content")
        assert (answer.status_code, answer.content) == (200, b"\0content")

    async def test_the_same_again_keeps_one_copy(self, world: World) -> None:
        await add(world, "a.bin", b"the same")
        await add(world, "b.bin", b"the same")
        assert len([entry async for entry in world.parts.store.keys()]) == 1  # noqa: SIM118  # a store is no dict

    async def test_a_store_that_is_away(self, world: World, seaweed: SeaweedFS) -> None:
        world.parts.store._bucket._seconds = 3.0  # type: ignore[attr-defined]  # nobody wants to wait here
        seaweed.pause()
        try:
            where = {"name": "a.bin", "folder_id": str(world.root)}
            answer = await world.editor.client.post("/api/v1/documents", params=where, content=b"x")
            assert (answer.status_code, answer.json()["code"]) == (503, "storage_failed")
            assert int(answer.headers["retry-after"]) > 0
            assert (await world.anonymous.get("/health/ready")).status_code == 503
        finally:
            seaweed.resume()
        await add(world, "a.bin", b"x")


TUS = {"Tus-Resumable": "1.0.0"}
BYTES = TUS | {"Content-Type": "application/offset+octet-stream"}


class TestUploads:
    async def test_with_cuts(self, world: World) -> None:
        data, client = pattern(17 * MIB + 5), world.editor.client
        made = await client.post(
            "/api/v1/uploads",
            headers=TUS | {"Upload-Length": str(len(data)), "Upload-Metadata": "filename YmlnLmJpbg=="},
        )
        assert made.status_code == 201, made.text
        path, at = urlsplit(made.headers["location"]).path, 0
        for end in (3, 8 * MIB, 8 * MIB + 1, len(data)):
            headers = BYTES | {"Upload-Offset": str(at)}
            answer = await client.patch(path, headers=headers, content=data[at:end])
            assert answer.status_code in (200, 204), answer.text
            at = end
        [entry] = [entry async for entry in world.parts.store.keys()]  # noqa: SIM118  # a store is no dict
        content = b"".join([chunk async for chunk in world.parts.store.open(entry.key)])
        assert content == data
        assert [each async for each in world.parts.store.parts()] == []


class TestWork:
    async def test_text_is_read_out_of_a_copy(self, world: World) -> None:
        await add(world, "notes.txt", b"hippopotamus")
        await world.work()
        found = await world.viewer.client.get("/api/v1/documents", params={"q": "hippopotamus"})
        assert [item["name"] for item in found.json()["items"]] == ["notes.txt"]

    async def test_the_copy_goes(self, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        await add(world, "a.bin", b"content")
        [entry] = [entry async for entry in world.parts.store.keys()]  # noqa: SIM118  # a store is no dict
        async with storage.on_disk(world.parts.store, entry.key) as path:
            assert path.read_bytes() == b"content"
        assert not path.exists()

    async def test_orphans_are_swept(self, world: World) -> None:
        store, actor = world.parts.store, world.owner.actor

        async def chunks() -> AsyncIterator[bytes]:
            yield b"x"

        await store.put(actor.workspace_id, chunks())
        await store.append(new_key(actor.workspace_id), 0, chunks(), synced=_nobody)
        world.clock.move(hours=1)
        system = Actor.system(actor.workspace_id)
        assert await storage.sweep(world.parts.units, system, store, timedelta(minutes=30)) == 2
        assert [entry async for entry in store.keys()] == []  # noqa: SIM118  # a store is no dict


async def _nobody(_offset: int) -> None:
    """Forgets."""


class TestProcess:
    def test_start_and_memory(self, tmp_path: Path, seaweed: SeaweedFS, address: str, record_property: Any) -> None:
        """A real `serve` on the bucket: is ready, and not much larger than on a disk."""
        env = {**os.environ, "DOSSIER_DATA_DIR": str(tmp_path / "var"), "DOSSIER_STORAGE_URL": address}
        env |= {"DOSSIER_STORAGE_ACCESS_KEY": seaweed.access_key, "DOSSIER_STORAGE_SECRET_KEY": seaweed.secret_key}
        process = subprocess.Popen(
            [sys.executable, "-m", "dossier", "serve", "--port", "0"], env=env, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        with process.stdout as lines:
            try:
                found = re.match(r"Dossier is at (http://\S+)", lines.readline())
                assert found
                assert httpx.get(f"{found[1]}/health/ready", timeout=30).status_code == 200
                rss = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())
                assert rss
                record_property("rss_mib", int(rss[1]) / 1024)
                print(f"resident: {int(rss[1]) / 1024:.0f} MiB")
                assert int(rss[1]) / 1024 < 200
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(30)


class TestMove:
    def test_from_the_disk_to_a_bucket_and_back(self, tmp_path: Path, seaweed: SeaweedFS, address: str) -> None:
        """By the commands of docs/operations.md: only the address changes."""
        env = {**os.environ, "DOSSIER_DATA_DIR": str(tmp_path / "var"), "DOSSIER_LOG_LEVEL": "error"}
        env |= {"DOSSIER_STORAGE_ACCESS_KEY": seaweed.access_key, "DOSSIER_STORAGE_SECRET_KEY": seaweed.secret_key}

        def dossier(*words: str, code: int = 0, **more: str) -> str:
            command = [sys.executable, "-m", "dossier", *words]
            done = subprocess.run(command, env=env | more, capture_output=True, text=True, timeout=110, check=False)
            assert done.returncode == code, done.stdout + done.stderr
            return done.stdout

        (tmp_path / "files").mkdir()
        for number in range(3):
            (tmp_path / "files" / f"{number}.txt").write_bytes(pattern(number * 6 * MIB + 5))
        dossier("user", "add", "a@example.com", "--workspace", "acme", "--role", "owner")
        dossier("import", str(tmp_path / "files"), "--workspace", "acme")
        blobs = str(tmp_path / "var" / "blobs")
        report = json.loads(dossier("storage", "copy", blobs, address, "--json"))
        assert (report["copied"], report["failed"]) == (3, [])
        assert json.loads(dossier("storage", "copy", blobs, address, "--verify", "--json"))["there"] == 3
        (tmp_path / "var" / "blobs").rename(tmp_path / "var" / "away")
        assert json.loads(dossier("doctor", "--json", code=1))["counts"] == {"blob_missing": 3}
        assert json.loads(dossier("doctor", "--json", DOSSIER_STORAGE_URL=address))["findings"] == []
        dossier("storage", "copy", address, f"file://{blobs}")
        assert json.loads(dossier("doctor", "--json"))["findings"] == []

    def test_a_wrong_address(self, tmp_path: Path) -> None:
        env = {**os.environ, "DOSSIER_DATA_DIR": str(tmp_path / "var")}
        command = [sys.executable, "-m", "dossier", "storage", "copy", "gs://a", "s3://key:CANARY@b"]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1
        assert "[storage_address_unfit]" in done.stderr
        assert "CANARY" not in done.stderr
