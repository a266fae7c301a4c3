"""The built portal as the API process serves it; a small build stands for the real one."""

import base64
import gzip
import hashlib
from pathlib import Path

import httpx
import pytest

from dossier.portal import site
from tests.conftest import World


@pytest.fixture
def client(world: World) -> httpx.AsyncClient:
    """A browser that is not signed in; no page is in the OpenAPI document."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=world.app), base_url="http://127.0.0.1:8000")


class TestPage:
    @pytest.mark.parametrize("path", ["/", "/index.html", "/documents", "/documents/0198c0de", "/setup", "/a/../tasks"])
    async def test_stands_at_every_address_of_its_own(self, client: httpx.AsyncClient, path: str) -> None:
        answer = await client.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert answer.headers["cache-control"] == "no-cache"
        assert "<title>Dossier</title>" in answer.text

    async def test_runs_its_own_scripts_alone(self, client: httpx.AsyncClient) -> None:
        allowed = (await client.get("/")).headers["content-security-policy"]
        digest = base64.b64encode(hashlib.sha256(b'"use strict";window.built=1').digest()).decode()
        assert f"script-src 'self' 'sha256-{digest}';" in allowed
        assert "default-src 'none'" in allowed
        assert "unsafe-eval" not in allowed

    @pytest.mark.parametrize("path", ["/nowhere", "/.env", "/_nuxt/old.js", "/api", "/documents.zip"])
    async def test_says_to_a_browser_what_is_not_there_and_a_program_gets_a_problem(
        self, client: httpx.AsyncClient, path: str
    ) -> None:
        answer = await client.get(path, headers={"Accept": "text/html"})
        assert (answer.status_code, "<title>Dossier</title>" in answer.text) == (404, True)
        answer = await client.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")

    @pytest.mark.parametrize("path", ["/api/v1/nowhere", "/health/nowhere"])
    async def test_is_never_below_the_api(self, client: httpx.AsyncClient, path: str) -> None:
        answer = await client.get(path, headers={"Accept": "text/html"})
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")

    def test_has_its_places_from_the_pages(self) -> None:
        pages = Path(__file__).parents[2] / "web" / "app" / "pages"
        names = {path.relative_to(pages).parts[0].removesuffix(".vue") for path in pages.rglob("*.vue")}
        assert names - {"index", "[...path]"} == site.PLACES

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
    async def test_is_only_read(self, client: httpx.AsyncClient, method: str) -> None:
        assert (await client.request(method, "/documents")).status_code == 404


class TestFiles:
    async def test_named_by_content_are_kept_for_ever(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/_nuxt/a.js")
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-type"].startswith("text/javascript")

    def test_go_out_packed_where_they_are(self, tmp_path: Path) -> None:
        (tmp_path / "index.html").write_text("<p>")
        (tmp_path / "a.js").write_text("1")
        (tmp_path / "a.js.gz").write_bytes(gzip.compress(b"1"))
        built = site.Site.load(tmp_path)
        assert built.answer("/a.js", "gzip, br").headers["content-encoding"] == "gzip"
        assert "content-encoding" not in built.answer("/a.js", "identity").headers
        assert "content-encoding" not in built.answer("/", "gzip, br").headers

    def test_missing_altogether_says_what_to_do(self, tmp_path: Path) -> None:
        answer = site.Site.load(tmp_path / "nothing").answer("/", "")
        assert (answer.status_code, b"make portal" in bytes(answer.body)) == (503, True)
