"""The set-up: the first workspace and its owner, by a link that works once."""

import re
import unicodedata
from uuid import UUID

from dossier import folders, users
from dossier.core.units import Unit
from dossier.core.web import Wire


def slug_of(name: str) -> str:
    """A slug made of a name: letters and digits in ASCII, with single hyphens; "workspace" where nothing is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "workspace"


async def found(unit: Unit, slug: str, workspace: str, email: str, name: str, password: str) -> Wire:
    """Make the unit's workspace and its first owner. Raises what the users room raises."""
    await folders.found_workspace(unit, slug, workspace)
    await users.add_member(unit, email, name, "owner", password)
    return {"id": unit.workspace_id, "slug": slug}


async def take_setup(unit: Unit, secret: str) -> UUID | None:
    """Use up the set-up link. Raises LinkEnded."""
    return await users.take_link(unit, "setup", secret)
