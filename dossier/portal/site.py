"""The built portal: static files, and its page for every address that is nobody else's.

The page may run its own scripts alone: the policy names the SHA-256 of each script inside the built page (CSP3 §2.3.1).
"""

import base64
import hashlib
import mimetypes
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

INLINE = re.compile(rb"<script(?![^>]*\bsrc=)([^>]*)>(.*?)</script>", re.S)
ENCODINGS = {"br": ".br", "gzip": ".gz"}
FOREVER, ASK = "public, max-age=31536000, immutable", "no-cache"
POLICY = (
    "default-src 'none'; script-src 'self'{hashes}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
# The portal's own addresses by their first part: web/app/pages, as a test sees to.
PLACES = frozenset(
    {
        "activity",
        "documents",
        "forgot",
        "integrations",
        "join",
        "jobs",
        "notices",
        "people",
        "profile",
        "reset",
        "search",
    }
    | {"settings", "setup", "sign-in", "tasks", "tokens", "trash"}
)
NOT_BUILT = "The portal is not built yet: run `make portal`. The API is here all the same, see /api/docs.\n"
BUILT = Path("web") / ".output" / "public"
mimetypes.add_type("text/javascript", ".mjs")


def folder_of(wanted: Path | None) -> Path:
    """Where the built portal lies: the folder of the settings, else the one in the wheel or of the source tree."""
    package = Path(__file__).parents[1]
    packed = package / "_portal"
    return wanted or (packed if packed.is_dir() else package.parent / BUILT)


def policy(page: bytes) -> str:
    """The Content-Security-Policy of the built page."""
    kept = [body for attributes, body in INLINE.findall(page) if b"application/json" not in attributes]
    digests = [base64.b64encode(hashlib.sha256(body).digest()).decode() for body in kept]
    return POLICY.format(hashes="".join(f" 'sha256-{digest}'" for digest in digests))


@dataclass(frozen=True)
class Site:
    """The files of one build, known by name from the start: no address can lead out of the folder."""

    files: dict[str, Path]
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path) -> "Site":
        """Everything below ``folder``; nothing where it is not there."""
        files = {f"/{path.relative_to(folder).as_posix()}": path for path in folder.rglob("*") if path.is_file()}
        page = files.get("/index.html")
        return cls(files, {"Content-Security-Policy": policy(page.read_bytes())} if page else {})

    def answer(self, path: str, accepted: str) -> Response:
        """The file of that name, or the page, which says itself what is not there."""
        name = path if path in self.files else "/index.html"
        if name not in self.files:
            return Response(NOT_BUILT, 503, media_type="text/plain")
        status = 200 if path in self.files or is_place(path) else 404
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        headers = {"Cache-Control": FOREVER if name.startswith("/_nuxt/") else ASK, "Vary": "Accept-Encoding"}
        if name == "/index.html":
            headers |= self.headers
        for encoding, suffix in ENCODINGS.items():
            if encoding in accepted and f"{name}{suffix}" in self.files:
                headers["Content-Encoding"] = encoding
                name = f"{name}{suffix}"
                break
        return FileResponse(self.files[name], status, headers, kind)


def is_place(path: str) -> bool:
    """Whether the portal has something at this address."""
    return path == "/" or path.split("/")[1] in PLACES


def install(app: Starlette, folder: Path) -> None:
    """Serve the portal at every address that no route has, but never below /api and /health."""
    site, missing = Site.load(folder), app.router.default
    app.router.default = _beside(site, missing)


def _beside(site: Site, missing: Callable[[Scope, Receive, Send], Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _is_mine(site, scope, headers := Headers(scope=scope)):
            await missing(scope, receive, send)
            return
        answer = site.answer(scope["path"], headers.get("accept-encoding", ""))
        await answer(scope, receive, send)

    return serve


def _is_mine(site: Site, scope: Scope, headers: Headers) -> bool:
    """Files and places of the portal; and where there is nothing, a browser gets the page and a program the problem."""
    path = scope["path"]
    if scope["method"] not in ("GET", "HEAD") or path.startswith(("/api/", "/health/")):
        return False
    return path in site.files or is_place(path) or "text/html" in headers.get("accept", "")
