"""Which kind of preview a media type has, and what can be made of it. Pure."""

from typing import Literal

Kind = Literal["pdf", "image", "text", "markdown", "csv", "none"]
PDF = "application/pdf"
MOST_TEXT = 2_000_000
"""Bytes of text that a client shows; of a longer one it fetches this much as a range."""


def _office() -> dict[str, str]:
    open_xml, odf = "application/vnd.openxmlformats-officedocument.", "application/vnd.oasis.opendocument."
    return {
        f"{open_xml}wordprocessingml.document": "docx",
        f"{open_xml}wordprocessingml.template": "dotx",
        f"{open_xml}spreadsheetml.sheet": "xlsx",
        f"{open_xml}spreadsheetml.template": "xltx",
        f"{open_xml}presentationml.presentation": "pptx",
        f"{open_xml}presentationml.template": "potx",
        f"{open_xml}presentationml.slideshow": "ppsx",
        "application/vnd.ms-word.document.macroenabled.12": "docm",
        "application/vnd.ms-excel.sheet.macroenabled.12": "xlsm",
        "application/vnd.ms-powerpoint.presentation.macroenabled.12": "pptm",
        f"{odf}text": "odt",
        f"{odf}text-template": "ott",
        f"{odf}spreadsheet": "ods",
        f"{odf}presentation": "odp",
        "application/rtf": "rtf",
        "application/msword": "doc",
        "application/vnd.ms-excel": "xls",
        "application/vnd.ms-powerpoint": "ppt",
    }


OFFICE = _office()
"""Office types, which LibreOffice makes a PDF of, with the extension that tells it what they are."""

# What browsers show in an <img>, where an SVG runs no script and loads nothing.
SHOWN = frozenset(f"image/{name}" for name in ("png", "jpeg", "gif", "webp", "avif", "bmp", "svg+xml"))
DRAWN = frozenset(f"image/{name}" for name in ("png", "jpeg", "gif", "webp", "bmp", "tiff"))
"""Images of which a thumbnail can be made."""

_TEXT = frozenset(
    {"application/json", "application/xml", "application/yaml", "application/xhtml+xml", "message/rfc822"}
)
_TABLES = frozenset({"text/csv", "text/tab-separated-values"})


def kind_of(media_type: str) -> Kind:
    """How a version of this type is shown."""
    if media_type == PDF or media_type in OFFICE:
        return "pdf"
    if media_type in SHOWN:
        return "image"
    if media_type == "text/markdown":
        return "markdown"
    if media_type in _TABLES:
        return "csv"
    return "text" if media_type.startswith("text/") or media_type in _TEXT else "none"


def may_have_thumbnail(media_type: str) -> bool:
    """Whether a thumbnail can be made of this type; of an office file by way of its PDF."""
    return media_type == PDF or media_type in DRAWN or media_type in OFFICE
