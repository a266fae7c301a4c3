"""Which type is shown how."""

import pytest

from dossier.documents.media import sniff
from dossier.renditions.kinds import OFFICE, kind_of, may_have_thumbnail
from tests.renditions import files

SHOWN = {
    "application/pdf": "pdf",
    "application/rtf": "pdf",
    "application/msword": "pdf",
    "image/png": "image",
    "image/svg+xml": "image",
    "image/tiff": "none",
    "image/heic": "none",
    "text/plain": "text",
    "text/html": "text",
    "application/json": "text",
    "text/markdown": "markdown",
    "text/csv": "csv",
    "text/tab-separated-values": "csv",
    "application/zip": "none",
    "application/octet-stream": "none",
    "video/mp4": "none",
}


class TestKindOf:
    @pytest.mark.parametrize(("media_type", "kind"), SHOWN.items())
    def test_each(self, media_type: str, kind: str) -> None:
        assert kind_of(media_type) == kind

    @pytest.mark.parametrize("extension", ["docx", "xlsx", "pptx", "odt", "ods", "odp", "rtf", "doc", "xls", "ppt"])
    def test_every_office_type_as_it_is_told(self, extension: str) -> None:
        heads = {"rtf": b"{\\rtf1", "doc": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"}
        heads |= {"xls": heads["doc"], "ppt": heads["doc"], "docx": files.word("x"), "xlsx": files.sheet([1])}
        head = heads.get(extension, b"PK\x03\x04" + bytes(100))
        assert OFFICE[sniff(head, f"a.{extension}")] == extension


class TestMayHaveThumbnail:
    def test_each(self) -> None:
        with_one = {media_type for media_type in SHOWN if may_have_thumbnail(media_type)}
        assert with_one == {"application/pdf", "application/rtf", "application/msword", "image/png", "image/tiff"}
