"""What a server says of its files and folders: 207 Multi-Status (RFC 4918, section 13), read as foreign bytes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from dossier.connectors.contract import RemoteError
from dossier.connectors.headers import date_of

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_DAV: Final = "{DAV:}"
_OC: Final = "{http://owncloud.org/ns}"
_STATUS: Final = re.compile(r"HTTP/\d(?:\.\d)? (\d{3})")
_DIGESTS: Final = {"md5": 32, "sha1": 40, "sha256": 64}


def asked(*, owncloud: bool) -> bytes:
    """The body of a PROPFIND, with what only Nextcloud and ownCloud know. Others are not asked for it: any property that
    rclone does not know makes it read every file of the folder, and break off where one is just being written."""
    return (
        '<?xml version="1.0" encoding="utf-8"?><d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns">'
        f"{_properties(owncloud=owncloud)}</d:propfind>"
    ).encode()


def _properties(*, owncloud: bool) -> str:
    more = "<oc:fileid/><oc:checksums/>" if owncloud else ""
    return f"<d:prop><d:resourcetype/><d:getetag/><d:getcontentlength/><d:getlastmodified/>{more}</d:prop>"


def asked_rights(*, owncloud: bool) -> bytes:
    """The body of a PROPFIND for what we may do (RFC 3744, section 5.4)."""
    more = "<oc:permissions/>" if owncloud else ""
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:prop><d:resourcetype/>'
        f"<d:current-user-privilege-set/>{more}</d:prop></d:propfind>"
    ).encode()


ASKED_TOKEN: Final = (
    b'<?xml version="1.0" encoding="utf-8"?>'
    b'<d:propfind xmlns:d="DAV:"><d:prop><d:supported-report-set/><d:sync-token/></d:prop></d:propfind>'
)


def asked_changes(token: str, *, owncloud: bool) -> bytes:
    """The body of a REPORT for what became of the members since a token, to any depth (RFC 6578, section 3.2)."""
    return (
        '<?xml version="1.0" encoding="utf-8"?><d:sync-collection xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns">'
        f"<d:sync-token>{escape(token)}</d:sync-token><d:sync-level>infinite</d:sync-level>"
        f"{_properties(owncloud=owncloud)}</d:sync-collection>"
    ).encode()


@dataclass(frozen=True, slots=True)
class Found:
    """One response of a multistatus. ``status`` is that of the whole; 200 where its properties came."""

    href: str
    status: int
    folder: bool = False
    #: As it came: with quotes and, where it says so itself, weak (RFC 9110, section 8.8.3).
    etag: str = ""
    size: int | None = None
    modified_at: datetime | None = None
    #: Of Nextcloud and ownCloud: stays with a file wherever it goes.
    fileid: str = ""
    digests: dict[str, str] = field(default_factory=dict)
    #: Those of DAV's own privileges that we have; None where it does not tell.
    privileges: frozenset[str] | None = None
    #: Of Nextcloud and ownCloud: a letter for each thing that we may do; None where it does not tell.
    permissions: str | None = None


def parse(answer: bytes) -> list[Found]:
    """The responses. Raises as ``tree``."""
    return responses(tree(answer))


def tree(answer: bytes) -> "Element":
    """A multistatus. Raises ``unreachable`` for what is none, has a DTD, or ends early."""
    try:
        root: Element = fromstring(answer, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise RemoteError("unreachable", "The server's answer is not the XML of WebDAV.") from error
    if root.tag != f"{_DAV}multistatus":
        raise RemoteError("unreachable", "The server's answer is not one of WebDAV.")
    return root


def responses(root: "Element") -> list[Found]:
    """What a multistatus says of each item."""
    return [found for response in root.findall(f"{_DAV}response") for found in _found(response)]


def present_token(root: "Element") -> str:
    """The token of a collection that has the report of its changes (RFC 6578, section 4); "" of any other."""
    for prop in root.findall(f"{_DAV}response/{_DAV}propstat/{_DAV}prop"):
        known = prop.find(f"{_DAV}supported-report-set/{_DAV}supported-report/{_DAV}report/{_DAV}sync-collection")
        if known is not None:
            return (prop.findtext(f"{_DAV}sync-token") or "").strip()
    return ""


def next_token(root: "Element") -> str:
    """Up to where the changes are told (section 6.4)."""
    return (root.findtext(f"{_DAV}sync-token") or "").strip()


def _found(response: "Element") -> Iterator[Found]:
    hrefs = [(each.text or "").strip() for each in response.findall(f"{_DAV}href")]
    for propstat in response.findall(f"{_DAV}propstat"):
        prop = propstat.find(f"{_DAV}prop")
        if prop is not None and _status(propstat) == 200:
            yield from (_read(href, prop) for href in hrefs)
            return
    # Without properties: several hrefs may share one status (section 14.24).
    yield from (Found(href, _status(response) or 404) for href in hrefs)


def _status(element: "Element") -> int:
    said = _STATUS.match((element.findtext(f"{_DAV}status") or "").strip())
    return int(said[1]) if said else 0


def _read(href: str, prop: "Element") -> Found:
    size = (prop.findtext(f"{_DAV}getcontentlength") or "").strip()
    return Found(
        href,
        200,
        folder=prop.find(f"{_DAV}resourcetype/{_DAV}collection") is not None,
        etag=quoted((prop.findtext(f"{_DAV}getetag") or "").strip()),
        size=int(size) if size.isascii() and size.isdigit() and len(size) < 20 else None,
        modified_at=date_of(prop.findtext(f"{_DAV}getlastmodified")),
        fileid=(prop.findtext(f"{_OC}fileid") or "").strip(),
        digests=_digests(prop),
        privileges=_privileges(prop),
        permissions=None if (said := prop.findtext(f"{_OC}permissions")) is None else said.strip(),
    )


def _privileges(prop: "Element") -> frozenset[str] | None:
    granted = prop.find(f"{_DAV}current-user-privilege-set")
    if granted is None:
        return None
    names = (each.tag for each in granted.findall(f"{_DAV}privilege/*"))
    return frozenset(name.removeprefix(_DAV) for name in names if name.startswith(_DAV))


def quoted(etag: str) -> str:
    """An ETag in its quotes; wsgidav leaves them away in properties."""
    return etag if not etag or etag.startswith(('"', 'W/"')) else f'"{etag}"'


def _digests(prop: "Element") -> dict[str, str]:
    """``<oc:checksum>SHA1:… MD5:… ADLER32:…</oc:checksum>``, as Nextcloud and ownCloud keep what came with an upload."""
    said = " ".join(each.text or "" for each in prop.findall(f"{_OC}checksums/{_OC}checksum"))
    pairs = (each.partition(":") for each in said.split())
    known = {name.lower().replace("-", ""): digest.lower() for name, _, digest in pairs}
    return {
        name: digest
        for name, digest in known.items()
        if re.fullmatch("[0-9a-f]+", digest) and len(digest) == _DIGESTS.get(name)
    }
