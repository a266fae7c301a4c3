"""Bytes over HTTP: the headers that name, digest and fence in what people have put here. Pure: knows no framework."""

import re
import unicodedata
from base64 import b64encode
from urllib.parse import quote

from dossier.core.conditions import Outcome, Range, evaluate, matches, parse_range

__all__ = [
    "Outcome",
    "Range",
    "content_disposition",
    "content_etag",
    "content_headers",
    "evaluate",
    "matches",
    "parse_range",
    "repr_digest",
    "safe_inline",
]

PROTECTIONS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-cache",
}
"""What every answer with people's content carries, whatever it is."""

_INLINE = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf", "text/plain"})
_MEDIA_TYPE = re.compile(r"[!#$&^_.+a-z0-9-]+/[!#$&^_.+a-z0-9-]+")
_NEVER_IN_A_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f/\\\u2028\u2029\ud800-\udfff]")
# A percent sign is left out of the plain form because some browsers decode it there (RFC 6266 appendix D).
_NOT_PLAIN = re.compile(r"[^ !#$&'()+,\-.0-9;=@A-Z\[\]^_`a-z{}~]")
_ATTR_CHARS = "!#$&+-.^_`|~"


def content_disposition(name: str, inline: bool = False) -> str:
    """``Content-Disposition`` (RFC 6266) for a name in any alphabet: the exact name as ``filename*`` (RFC 8187), and an
    ASCII likeness for old clients. Safe for any text: control characters and slashes become ``_``."""
    name = _NEVER_IN_A_NAME.sub("_", name) or "download"
    plain = "".join(char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char))
    kind = "inline" if inline else "attachment"
    return f"{kind}; filename=\"{_NOT_PLAIN.sub('_', plain)}\"; filename*=UTF-8''{quote(name, safe=_ATTR_CHARS)}"


def repr_digest(sha256: bytes) -> str:
    """``Repr-Digest`` (RFC 9530 §3) of the whole content, whatever range is sent."""
    return f"sha-256=:{b64encode(sha256).decode()}:"


def content_etag(sha256: bytes) -> str:
    """The strong ``ETag`` (RFC 9110 §8.8.3) of content: its digest in hex, a pure function of the bytes."""
    return f'"{sha256.hex()}"'


def safe_inline(media_type: str) -> bool:
    """Whether a browser may show it in place: only types that cannot run a script in our origin, parameters ignored."""
    return media_type.partition(";")[0].strip().lower() in _INLINE


def content_headers(name: str, media_type: str, sha256: bytes, *, inline: bool = False) -> dict[str, str]:
    """All headers of people's content but length, range and dates: type, name, validators and PROTECTIONS.

    ``inline`` is a wish: what is not ``safe_inline`` is an attachment all the same.
    """
    return {
        "Content-Type": _content_type(media_type),
        "Content-Disposition": content_disposition(name, inline and safe_inline(media_type)),
        "ETag": content_etag(sha256),
        "Repr-Digest": repr_digest(sha256),
        "Accept-Ranges": "bytes",
        **PROTECTIONS,
    }


def _content_type(media_type: str) -> str:
    if not _MEDIA_TYPE.fullmatch(media_type):
        return "application/octet-stream"
    # Browsers would guess by the reader's locale; a byte order mark still wins over this.
    return f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type
