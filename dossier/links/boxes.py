"""Credentials as they are kept: encrypted, with the row that they belong to; and refresh tokens that follow each other."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from dossier.core.actor import Actor
from dossier.core.units import Unit
from dossier.core.vault import Vault, context
from dossier.links.models import LinkRow, SignInRow

Secrets = dict[str, str]
Rotated = Callable[[str], Awaitable[None]]
Row = LinkRow | SignInRow
TOKEN = "refresh_token"  # noqa: S105  # what it is called


def put(row: Row, secrets: Secrets, vault: Vault) -> None:
    """Keep credentials with a row. Raises VaultLocked where no key is set."""
    row.sealed = vault.seal(json.dumps(secrets).encode(), context(row.__tablename__, row.id))


def get(row: Row, vault: Vault) -> Secrets:
    """A row's credentials; none where it keeps none. Raises VaultLocked where they cannot be read."""
    if row.sealed is None:
        return {}
    secrets: Secrets = json.loads(vault.open(row.sealed, context(row.__tablename__, row.id)))
    return secrets


def rotation(units: Any, vault: Vault, actor: Actor, row: Row, secrets: Secrets) -> Rotated | None:
    """What keeps each new refresh token with the row in place of the one before; None where ``secrets`` have none.

    What was put in its place meanwhile by somebody else stays, and a row that is gone stays gone.
    """
    before = secrets.get(TOKEN)
    if before is None:
        return None

    async def rotated(fresh: str) -> None:
        nonlocal before

        async def verb(unit: Unit) -> None:
            kept: Any = await unit.session.get(type(row), row.id, with_for_update=True)
            if kept is not None and (held := get(kept, vault)).get(TOKEN) == before:
                put(kept, held | {TOKEN: fresh}, vault)

        # Whoever waits may give up; the token that was given out is kept all the same.
        await asyncio.shield(units.run(actor, verb))
        before = fresh

    return rotated
