"""``Upload-Metadata`` (tus 1.0): pairs of a key and a value in Base64, separated by commas."""

import base64
import binascii
import re

from pydantic import ValidationError

from dossier import folders
from dossier.core.errors import Invalid
from dossier.uploads.errors import BadMetadata
from dossier.uploads.schemas import Metadata

MOST_BYTES = 32 * 1024
DEEPEST = 64
_KEY = re.compile(r"[!-+\--~]+")  # printable ASCII without space and comma


def read(header: str | None) -> Metadata:
    """What the header says. Raises BadMetadata for what is not tus, Invalid for wrong values (``fields`` has the keys)."""
    values = dict[str, str]()
    for key, value in _pairs(header or "").items():
        if key in Metadata.model_fields:
            values[key] = _text(key, value)
    try:
        return Metadata.model_validate(values)
    except ValidationError as error:
        fields = {str(item["loc"][0]): item["msg"] for item in error.errors()}
        raise Invalid("Some of the metadata is wrong.", fields=fields) from error


def _pairs(header: str) -> dict[str, bytes]:
    if len(header) > MOST_BYTES:
        raise BadMetadata(fields={"Upload-Metadata": f"At most {MOST_BYTES} bytes."})
    found: dict[str, bytes] = {}
    for pair in header.split(",") if header.strip() else []:
        key, _, value = pair.strip().partition(" ")
        if not _KEY.fullmatch(key):
            raise BadMetadata(fields={"Upload-Metadata": "A key is printable ASCII without space and comma."})
        if key in found:
            raise BadMetadata(fields={key: "It is there twice."})
        found[key] = _decoded(key, value)
    return found


def _decoded(key: str, value: str) -> bytes:
    try:
        return base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadMetadata(fields={key: "Not Base64."}) from error


def _text(key: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise BadMetadata(fields={key: "Not UTF-8."}) from error


def names_of(path: str) -> list[str]:
    """The folders of a relative path, outermost first, as they are stored. Raises BadName under ``path``."""
    try:
        names = [folders.clean_name(name) for name in path.split("/")] if path else []
        if len(names) > DEEPEST:
            raise folders.BadName(f"Folders nest at most {DEEPEST} deep.")
    except folders.BadName as error:
        error.fields = {"path": error.detail}
        raise
    return names
