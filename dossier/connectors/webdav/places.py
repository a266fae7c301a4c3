"""Between the addresses of a server and paths below the collection that a link was made to."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from yarl import URL

from dossier.connectors.names import is_hidden, is_name


class Base:
    """A collection's address. A path is the list of the names below it, decoded."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("The address of a WebDAV folder is https://host/path/.")
        if parts.username or parts.password:
            raise ValueError("Credentials are no part of the address.")
        self._origin: Final = f"{parts.scheme}://{parts.netloc}"
        self._host = parts.hostname
        self._names = [unquote(each) for each in parts.path.split("/") if each]

    def url(self, path: Sequence[str], *, slash: bool) -> URL:
        """The address of what lies there; of a collection with a slash (RFC 4918, section 5.2)."""
        quoted = "".join(f"/{quote(name, safe='')}" for name in (*self._names, *path))
        # Encoded already: the library would take "%2B" for a "+".
        return URL(f"{self._origin}{quoted}{'/' if slash or not path else ''}", encoded=True)

    def path_of(self, href: str) -> list[str] | None:
        """The path that a server means; None where it lies outside, or has a step that is no name.

        An href is an absolute path or address (RFC 4918, section 8.3). Servers behind others say a wrong scheme or port;
        the host has to be right, and requests go to the base's own in any case.
        """
        try:
            parts = urlsplit(href)
            steps = [unquote(each, errors="strict") for each in parts.path.rstrip("/").split("/")]
            if parts.hostname not in (None, self._host) or steps[0] != "":
                return None
        except ValueError:
            return None
        steps = steps[1:]
        length = len(self._names)
        if steps[:length] != self._names:
            return None
        below = steps[length:]
        return below if all(is_name(each) or is_hidden(each) for each in below) else None
