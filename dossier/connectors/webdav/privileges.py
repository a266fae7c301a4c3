"""What we may do in a WebDAV server, where it says so; who else may do what, no common property tells.

Nextcloud and ownCloud have ``oc:permissions`` (docs.nextcloud.com, "WebDAV basic APIs"). Others are asked for
``DAV:current-user-privilege-set`` (RFC 3744, section 5.4) only if they say that they know of it: a property that it does
not know makes rclone read a file as a whole.
"""

from typing import Final

from dossier.connectors.contract import RemoteError, Right
from dossier.connectors.webdav import answers
from dossier.connectors.webdav.reading import offers, propfind
from dossier.connectors.webdav.wire import Wire

#: S (shared with us) and M (mounted) are no rights; G (read) is missing in older servers, which list nothing else.
_LETTERS: Final = {
    "W": "write",
    "C": "add files",
    "K": "add folders",
    "D": "delete",
    "N": "rename",
    "V": "move",
    "R": "share",
}
#: To know and not to do; ``unlock`` ends another's lock, and comes with what else one may.
_ASIDE: Final = frozenset({"read-acl", "read-current-user-privilege-set", "unlock"})


async def rights(wire: Wire, path: list[str]) -> list[Right]:
    """Ours; none where we may do nothing. Raises ``unsupported``, ``missing``."""
    if not wire.owncloud and "access-control" not in (await offers(wire))[0]:
        raise _unsupported()
    body = answers.asked_rights(owncloud=wire.owncloud)
    found = (await propfind(wire, path, "0", slash=not path, body=body)).found[tuple(path)]
    if found.permissions is not None:
        may = _by_letters(found.permissions, is_folder=found.folder)
    elif found.privileges is not None:
        may = _by_privileges(found.privileges)
    else:
        raise _unsupported()
    return [Right("Dossier", may, "us")] if may else []


def _by_letters(letters: str, *, is_folder: bool) -> str:
    changing = "CK" if is_folder else "W"
    if all(letter in letters for letter in changing):
        return "write"
    more = [word for letter, word in _LETTERS.items() if letter in letters]
    return ", ".join(["read", *more]) if set(more) - {"share"} else "read"


def _by_privileges(privileges: frozenset[str]) -> str:
    """An aggregate comes with all that it holds (section 5.4)."""
    if "all" in privileges or {"read", "write", "write-acl"} <= privileges:
        return "own"
    if {"read", "write"} <= privileges:
        return "write"
    more = sorted(privileges - _ASIDE)
    return "write only" if more == ["write"] else ", ".join(more)


def _unsupported() -> RemoteError:
    return RemoteError("unsupported", "The server does not say who may do what.")
