"""What the OpenAPI document says of uploads by hand: tus lives in headers, and answers without bodies."""

from typing import Any

from dossier.core.web import Answers
from dossier.uploads.wire import BYTES, VERSION

# In the document by hand: it is required there, but a request without it is answered as tus wants it, and not by 422.
TUS: dict[str, Any] = {
    "parameters": [
        {
            "name": "Tus-Resumable",
            "in": "header",
            "required": True,
            "schema": {"type": "string", "const": VERSION},
            "description": "The version of the protocol; another one, or none, is refused by 412.",
        }
    ]
}


def bytes_(*, required: bool) -> dict[str, Any]:
    """The OpenAPI of a request that brings bytes."""
    content = {BYTES: {"schema": {"type": "string", "format": "binary"}}}
    return {"requestBody": {"required": required, "content": content}, **TUS}


def answered(status: int, description: str, *names: str) -> Answers:
    """The OpenAPI of an answer without a body, with these headers."""
    headers = {name: {"schema": {"type": "string"}} for name in names}
    return {status: {"description": description, "headers": headers}}


SPOKEN = ("Tus-Resumable", "Tus-Version", "Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm")
PROGRESS = (
    *("Tus-Resumable", "Upload-Offset", "Upload-Expires", "Upload-Concat"),
    *("Dossier-State", "Dossier-Document", "Dossier-Version"),
)
