"""Permissions of a driveItem as the contract's Rights.

Sources: learn.microsoft.com/graph/api/driveitem-list-permissions and graph/api/resources/permission. Whoever does not own
an item is told only of the permissions that are theirs. Passwords and ends of links are not told of here.
"""

from collections.abc import Iterator
from typing import Any, Final

from dossier.connectors.contract import Holder, Right

_OWNING: Final = frozenset({"owner", "sp.owner", "sp.full control"})
_LINKS: Final = {
    "anonymous": "Anyone who has the link",
    "organization": "Anyone in the organization who has the link",
    "users": "Those whom the link was sent to",
    "existingAccess": "Those who have access already",
}
#: Where an identity has several faces, the first one counts: a group's stands beside one as a user of the site.
_FACES: Final[tuple[tuple[str, Holder], ...]] = (
    ("group", "group"),
    ("siteGroup", "group"),
    ("application", "program"),
    ("device", "program"),
    ("user", "person"),
    ("siteUser", "person"),
)
#: The login names of SharePoint's "Everyone" and "Everyone except external users", and of groups that are users of a site.
_EVERYONE: Final = ("c:0(.s|true", "c:0-.f|rolemanager|spo-grid-all-users")
_GROUP: Final = "c:0"


def rights_of(raw: dict[str, Any], client_id: str) -> Iterator[Right]:
    """One permission: a link's, or that of each identity that it is granted to. ``client_id`` is the app that we are."""
    may, inherited = _may(raw), isinstance(raw.get("inheritedFrom"), dict)
    link, identities = raw.get("link"), list(_identities(raw))
    if isinstance(link, dict) and (not identities or link.get("scope") != "users"):
        scope = str(link.get("scope") or "anonymous")
        yield Right(_LINKS.get(scope, scope), may, "link", inherited)
        return
    for identity in identities:
        who, kind = _holder(identity, client_id)
        yield Right(who, may, kind, inherited)


def _may(raw: dict[str, Any]) -> str:
    roles = raw.get("roles")
    known = [str(role) for role in roles] if isinstance(roles, list) else []
    if _OWNING & {role.lower() for role in known}:
        return "own"
    if known and set(known) <= {"read", "write"}:
        return "write" if "write" in known else "read"
    return ", ".join(known) or "unknown"


def _identities(raw: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Those it is granted to; whoever was invited and has not come yet by the address."""
    several = raw.get("grantedToIdentitiesV2") or raw.get("grantedToIdentities")
    single = raw.get("grantedToV2") or raw.get("grantedTo")
    found = [each for each in [single, *(several if isinstance(several, list) else [])] if isinstance(each, dict)]
    invitation = raw.get("invitation")
    if not found and isinstance(invitation, dict) and invitation.get("email"):
        found = [{"user": {"displayName": invitation["email"]}}]
    yield from found


def _holder(identity: dict[str, Any], client_id: str) -> tuple[str, Holder]:
    """Who it is, by the first face that is there."""
    there = ((identity.get(name), kind) for name, kind in _FACES)
    faces: list[tuple[dict[str, Any], Holder]] = [(face, kind) for face, kind in there if isinstance(face, dict)]
    face, kind = [*faces, ({}, "person")][0]
    login = str(face.get("loginName") or "")
    if kind == "person" and login.startswith(_GROUP):
        kind = "everyone" if login.startswith(_EVERYONE) else "group"
    elif kind == "program" and str(face.get("id")) == client_id:
        kind = "us"
    return str(
        next((face[key] for key in ("displayName", "email", "loginName", "id") if face.get(key)), "unknown")
    ), kind
