"""Previews, renditions and thumbnails over HTTP."""

from typing import Any

import httpx
import pytest

from dossier.renditions.service import STALE
from tests.conftest import World
from tests.documents.test_documents import add
from tests.renditions import files
from tests.renditions.conftest import Office, waiting, work
from tests.security.guard import faults

API = "/api/v1"
WORD = files.word("An offer")
pytestmark = pytest.mark.slow


def at(document: Any, what: str, number: int = 1) -> str:
    return f"{API}/documents/{document['id']}/versions/{number}/{what}"


async def seen(client: httpx.AsyncClient, path: str, status: int = 200, **headers: str) -> httpx.Response:
    answer = await client.get(path, headers=headers)
    assert answer.status_code == status, answer.text
    assert faults(answer) == []
    return answer


async def shown(client: httpx.AsyncClient, document: Any, number: int = 1) -> Any:
    return (await seen(client, at(document, "preview", number))).json()


class TestGetPreview:
    @pytest.mark.parametrize(
        ("name", "content", "kind"),
        [
            ("a.pdf", files.pdf("x"), "pdf"),
            ("a.png", files.image("png", 9, 9), "image"),
            ("a.txt", b"text", "text"),
            ("a.md", b"# text", "markdown"),
            ("a.csv", b"a,b", "csv"),
        ],
    )
    async def test_of_what_a_browser_shows(self, world: World, name: str, content: bytes, kind: str) -> None:
        document = await add(world.editor.client, name, content)
        preview = await shown(world.viewer.client, document)
        assert (preview["kind"], preview["state"], preview["truncated"]) == (kind, "ready", False)
        assert (preview["size"], preview["media_type"]) == (len(content), document["version"]["media_type"])
        answer = await seen(world.viewer.client, preview["url"])
        assert answer.content == content
        assert await waiting(world) == []

    async def test_of_anything_else(self, world: World) -> None:
        preview = await shown(world.viewer.client, await add(world.editor.client, "a.zip", b"PK\x03\x04 zip"))
        assert (preview["kind"], preview["state"], preview["url"]) == ("none", "unavailable", None)
        assert preview["reason"] == "There is no preview of this type."

    @pytest.mark.parametrize(("size", "truncated"), [(2_000_000, False), (2_000_001, True)])
    async def test_of_a_long_text(self, world: World, size: int, truncated: bool) -> None:
        document = await add(world.editor.client, "a.txt", b"x" * size)
        preview = await shown(world.viewer.client, document)
        assert preview["truncated"] is truncated
        part = await seen(world.viewer.client, preview["url"], 206, Range="bytes=0-1999999")
        assert len(part.content) == 2_000_000

    async def test_of_a_large_image_is_whole(self, world: World) -> None:
        document = await add(world.editor.client, "a.png", files.image("png") + bytes(2_000_001))
        assert (await shown(world.viewer.client, document))["truncated"] is False

    async def test_of_an_office_file(self, world: World, writer: Office) -> None:
        document = await add(world.editor.client, "Offer.docx", WORD)
        assert await waiting(world) == []
        preview = await shown(world.viewer.client, document)
        assert (preview["kind"], preview["state"], preview["url"]) == ("pdf", "making", None)
        assert (preview["size"], preview["media_type"]) == (len(WORD), document["version"]["media_type"])
        assert (await shown(world.owner.client, document))["state"] == "making"
        assert len(await waiting(world)) == 1
        await work(world)
        preview = await shown(world.viewer.client, document)
        pdf = (await seen(world.viewer.client, preview["url"])).content
        assert (preview["state"], preview["media_type"], preview["size"]) == ("ready", "application/pdf", len(pdf))
        assert f"{len(WORD)} bytes" in files.text_of(pdf)
        assert await waiting(world) == []

    async def test_same_content_is_made_once(self, world: World, writer: Office) -> None:
        for name in ("One.docx", "Two.docx"):
            document = await add(world.editor.client, name, WORD)
            await shown(world.editor.client, document)
            await work(world)
            assert (await shown(world.viewer.client, document))["state"] == "ready"
        assert writer.made == 1

    async def test_each_version_has_its_own(self, world: World, writer: Office) -> None:
        document = await add(world.editor.client, "Offer.docx", WORD)
        answer = await world.editor.client.post(f"{API}/documents/{document['id']}/versions", content=b"now a text")
        assert answer.status_code == 201
        assert (await shown(world.viewer.client, document, 1))["kind"] == "pdf"
        assert (await shown(world.viewer.client, document, 2))["kind"] == "text"

    async def test_without_libreoffice(self, without_office: World) -> None:
        world = without_office
        document = await add(world.editor.client, "Offer.docx", WORD)
        preview = await shown(world.viewer.client, document)
        assert (preview["kind"], preview["state"], preview["url"]) == ("pdf", "unavailable", None)
        assert "LibreOffice" in preview["reason"]
        assert await waiting(world) == []

    async def test_what_failed_says_why(self, world: World, writer: Office) -> None:
        writer.refuses = "broken"
        document = await add(world.editor.client, "Offer.docx", WORD)
        await shown(world.viewer.client, document)
        await work(world)
        preview = await shown(world.viewer.client, document)
        assert preview["state"] == "failed" and preview["reason"].startswith("LibreOffice cannot open the file")
        (job,) = await waiting(world)
        assert job.state == "dead" and job.last_error == f"broken: {preview['reason']}"

    async def test_what_was_forgotten_is_asked_for_again(self, world: World, writer: Office) -> None:
        document = await add(world.editor.client, "Offer.docx", WORD)
        await shown(world.viewer.client, document)
        world.clock.move(seconds=STALE.total_seconds() + 1)
        await shown(world.viewer.client, document)
        await shown(world.viewer.client, document)
        assert len(await waiting(world)) == 2

    async def test_hidden_and_missing(self, world: World, writer: Office) -> None:
        document = await add(world.editor.client, "Offer.docx", WORD)
        for what in ("preview", "rendition", "thumbnail"):
            assert (await seen(world.stranger.client, at(document, what), 404)).json()["code"] == "document_not_found"
            assert (await seen(world.viewer.client, at(document, what, 9), 404)).json()["code"] == "version_not_found"
            await seen(world.anonymous, at(document, what), 401)
        assert await waiting(world) == []


class TestGetRendition:
    @pytest.fixture
    async def document(self, world: World, writer: Office) -> Any:
        document = await add(world.editor.client, "Größe.docx", WORD)
        await shown(world.editor.client, document)
        await work(world)
        return document

    async def test_as_contents_are_answered(self, world: World, document: Any) -> None:
        answer = await seen(world.viewer.client, at(document, "rendition"))
        headers = answer.headers
        assert headers["content-type"] == "application/pdf"
        assert headers["content-security-policy"] == "sandbox; default-src 'none'"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "private, no-cache"
        assert headers["content-disposition"].startswith('inline; filename="Gro_e.pdf"')
        assert headers["accept-ranges"] == "bytes" and "repr-digest" in headers
        part = await seen(world.viewer.client, at(document, "rendition"), 206, Range="bytes=0-4")
        assert part.content == b"%PDF-"
        same = await world.viewer.client.get(at(document, "rendition"), headers={"If-None-Match": headers["etag"]})
        assert same.status_code == 304
        head = await world.viewer.client.head(at(document, "rendition"))
        assert (head.status_code, head.headers["content-length"]) == (200, str(len(answer.content)))

    async def test_before_it_is_made(self, world: World, writer: Office) -> None:
        document = await add(world.editor.client, "New.docx", WORD + b"\0")
        assert (await seen(world.viewer.client, at(document, "rendition"), 404)).json()["code"] == "rendition_missing"
        assert await waiting(world) == []

    async def test_of_a_text(self, world: World) -> None:
        document = await add(world.editor.client, "a.txt", b"text")
        assert (await seen(world.viewer.client, at(document, "rendition"), 404)).json()["code"] == "rendition_missing"

    async def test_hidden(self, world: World, document: Any) -> None:
        await seen(world.stranger.client, at(document, "rendition"), 404)


class TestGetThumbnail:
    async def missing(self, world: World, document: Any, state: str) -> httpx.Response:
        answer = await seen(world.viewer.client, at(document, "thumbnail"), 404)
        assert (answer.json()["code"], answer.json()["state"]) == ("thumbnail_missing", state)
        return answer

    @pytest.mark.parametrize(
        ("name", "content"),
        [("a.pdf", files.pdf("x")), ("a.jpg", files.image("jpeg")), ("a.tiff", files.image("tiff"))],
    )
    async def test_is_made_on_demand(self, world: World, name: str, content: bytes) -> None:
        document = await add(world.editor.client, name, content)
        assert (await self.missing(world, document, "making")).headers["retry-after"] == "1"
        await self.missing(world, document, "making")
        assert len(await waiting(world)) == 1
        await work(world)
        answer = await seen(world.viewer.client, at(document, "thumbnail") + "?size=160")
        assert max(files.opened(answer.content).size) == 320
        assert answer.headers["content-type"] == "image/webp"
        assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
        assert answer.headers["cache-control"] == "private, no-cache"
        same = {"If-None-Match": answer.headers["etag"]}
        assert (await world.viewer.client.get(at(document, "thumbnail"), headers=same)).status_code == 304
        assert (await world.viewer.client.head(at(document, "thumbnail"))).status_code == 200

    @pytest.mark.parametrize(("name", "content"), [("a.txt", b"text"), ("a.svg", b"<svg/>"), ("a.bin", bytes(99))])
    async def test_not_of_everything(self, world: World, name: str, content: bytes) -> None:
        answer = await self.missing(world, await add(world.editor.client, name, content), "unavailable")
        assert "retry-after" not in answer.headers
        assert await waiting(world) == []

    async def test_of_an_office_file_once_it_has_a_pdf(self, world: World, writer: Office) -> None:
        document = await add(world.editor.client, "Offer.docx", WORD)
        await self.missing(world, document, "unavailable")
        await shown(world.viewer.client, document)
        await self.missing(world, document, "making")
        await work(world)
        await self.missing(world, document, "making")
        await work(world)
        assert (await seen(world.viewer.client, at(document, "thumbnail"))).headers["content-type"] == "image/webp"

    async def test_what_failed(self, world: World) -> None:
        document = await add(world.editor.client, "a.png", files.image("png")[:99])
        await self.missing(world, document, "making")
        await work(world)
        answer = await self.missing(world, document, "failed")
        assert answer.json()["detail"] == "The file is damaged or is not what its type says."
        assert [job.state for job in await waiting(world)] == ["dead"]

    async def test_a_wrong_size(self, world: World) -> None:
        document = await add(world.editor.client, "a.png", files.image("png", 9, 9))
        await seen(world.viewer.client, at(document, "thumbnail") + "?size=0", 422)
