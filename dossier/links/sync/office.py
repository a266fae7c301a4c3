"""Whether two Office files differ only in what a document management system writes into them by itself.

SharePoint puts the properties of its library into Word, Excel and PowerPoint files after an upload ("property promotion"),
so that their size and digest are others though nobody changed them. What it touches are the property parts of the package
(ISO/IEC 29500-2: docProps, customXml), their relationships and the list of content types; what people write lies elsewhere.
"""

import zipfile
from pathlib import Path
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

MAIN_PARTS = {"word/document.xml", "xl/workbook.xml", "ppt/presentation.xml"}
PROPERTIES = ("docProps/", "docMetadata/", "customXml/")
CONTENT_TYPES = "[Content_Types].xml"
PROPERTY_KINDS = (
    "/customXml",
    "/core-properties",
    "/extended-properties",
    "/custom-properties",
    "/classificationlabels",
)
MOST_PARTS, LARGEST_RELS = 20_000, 4 << 20


def same_work(one: Path, other: Path) -> bool:
    """Whether both are Office files with the same parts but for their properties. False for whatever cannot be read.

    Parts are compared by length and CRC-32 as the package lists them: nothing is unpacked but the lists of relationships.
    """
    try:
        with zipfile.ZipFile(one) as first, zipfile.ZipFile(other) as second:
            return _parts(first) == _parts(second) and bool(MAIN_PARTS & set(first.namelist()))
    except (
        zipfile.BadZipFile,
        OSError,
        ParseError,
        DefusedXmlException,
        ValueError,
        NotImplementedError,
        RuntimeError,
    ):
        return False


def _parts(package: zipfile.ZipFile) -> dict[str, object]:
    infos = package.infolist()
    if len(infos) > MOST_PARTS:
        raise ValueError("too many parts")
    found: dict[str, object] = {}
    for info in infos:
        if info.filename.startswith(PROPERTIES) or info.filename == CONTENT_TYPES or info.is_dir():
            continue
        is_rels = info.filename.endswith(".rels")
        found[info.filename] = _relationships(package, info) if is_rels else (info.file_size, info.CRC)
    return {name: told for name, told in found.items() if told != frozenset()}


def _relationships(package: zipfile.ZipFile, info: zipfile.ZipInfo) -> frozenset[tuple[str, str, str]]:
    if info.file_size > LARGEST_RELS:
        raise ValueError("too many relationships")
    with package.open(info) as part:
        content = part.read(LARGEST_RELS + 1)
    rows = (each.attrib for each in fromstring(content))
    told = ((row.get("Type", ""), row.get("Target", ""), row.get("TargetMode", "")) for row in rows)
    return frozenset(row for row in told if not row[0].endswith(PROPERTY_KINDS))
