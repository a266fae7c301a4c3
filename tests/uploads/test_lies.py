"""What a client says of its bytes is not believed: neither of their kind nor of their number."""

import asyncio

import pytest

from tests.conftest import World
from tests.uploads.sender import API, BYTES, UPLOADS, Sender, Wire, metadata, problem

PAGE = b"<!doctype html><script>alert(1)</script>"


class TestKind:
    @pytest.mark.parametrize("name", ["picture.png", "page.html", "no kind"])
    async def test_told_with_the_upload(self, sender: Sender, name: str) -> None:
        """The portal and every tus client tell a ``filetype``; the document's is that of its bytes and its name."""
        plain = await sender.client.post(f"{API}/documents", params={"name": f"plain {name}"}, content=PAGE)
        headers = BYTES | {
            "Upload-Length": str(len(PAGE)),
            "Upload-Metadata": metadata(filename=name, filetype="image/png"),
        }
        sent = await sender.client.post(UPLOADS, headers=headers, content=PAGE)
        assert sent.status_code == 201, sent.text
        made = (await sender.client.get(f"{API}/documents/{sent.headers['dossier-document']}")).json()["version"]
        assert made["media_type"] == plain.json()["version"]["media_type"] != "image/png"
        got = await sender.client.get(f"{API}/documents/{sent.headers['dossier-document']}/content")
        assert (got.content, got.headers["x-content-type-options"]) == (PAGE, "nosniff")
        assert got.headers["content-disposition"].startswith("attachment")

    @pytest.mark.parametrize("kind", ["image/png", "text/html", "multipart/form-data; boundary=x"])
    async def test_told_with_the_bytes(self, sender: Sender, kind: str) -> None:
        address = await sender.begin(len(PAGE))
        problem(await sender.send(address, 0, PAGE, Content_Type=kind), 415, "unsupported_media_type")
        assert await sender.offset(address) == 0


class TestNumber:
    async def test_more_than_was_promised(self, sender: Sender, world: World) -> None:
        """Whatever a request says of its length, the upload's own counts; of what was refused nothing is made."""
        address = await sender.begin(10)
        problem(await sender.send(address, 0, PAGE), 413, "body_too_large")
        assert await sender.offset(address) == 0
        assert (await sender.send(address, 0, PAGE[:4])).status_code == 204
        problem(await sender.send(address, 4, PAGE[4:]), 413, "body_too_large")
        assert await sender.content(await sender.send(address, 4, PAGE[4:10])) == PAGE[:10]

    async def test_more_than_was_promised_is_refused_before_it_comes(self, sender: Sender, world: World) -> None:
        """By the request's own length; what comes along with its head is not kept."""
        address = await sender.begin(10)
        wire = await Wire(world.app, world.editor.token, address, 0, length=11).send(PAGE[:4])
        await asyncio.wait_for(wire.task, 20)
        assert (wire.status, b"body_too_large" in wire.body) == (413, True)
        assert await sender.offset(address) == 0
