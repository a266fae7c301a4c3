"""A person signs in to Microsoft, so that a link may work on their behalf.

The browser is sent to Microsoft and comes back once, within ten minutes, to the same person's session. The refresh token
that comes of it is kept encrypted for an hour, in which it is tried, places are picked with it, and a link takes it over.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, select

from dossier import sessions
from dossier.connectors import RemoteError
from dossier.core.actor import NOBODY, Actor
from dossier.core.errors import Invalid
from dossier.core.ids import digest, new_id, new_secret
from dossier.core.log import log
from dossier.core.outward import Outward
from dossier.core.settings import Settings
from dossier.core.units import ReadUnit, Unit
from dossier.core.vault import Vault
from dossier.core.web import Wire
from dossier.links import boxes, making
from dossier.links.boxes import Rotated, Secrets
from dossier.links.graph.errors import SignInNotFound
from dossier.links.graph.schemas import NewSignIn
from dossier.links.models import SignInRow
from dossier.links.places import MOST_SECRET

DONE: Final = "/api/v1/link_sign_ins/done"
PORTAL: Final = "/integrations/new"
OPEN, KEPT = timedelta(minutes=10), timedelta(hours=1)
APP: Final = ("tenant", "client_id", "cloud")
Config = dict[str, Any]


def _consents(settings: Settings, config: Config, secrets: Secrets) -> Any:
    from dossier.connectors.graph import Consents, Credentials

    base_url, token_url = making.CLOUDS[config["cloud"]]
    app = Credentials(config["tenant"], config["client_id"], secrets.get("client_secret", ""))
    return Consents(app, base_url, token_url, settings.base_url + DONE)


# To Microsoft and back


async def begin(unit: Unit, new: NewSignIn, vault: Vault, settings: Settings) -> Wire:
    """Where the browser goes. Raises NotAllowed, VaultLocked."""
    unit.actor.require_admin()
    secrets = {"verifier": new_secret()} | ({"client_secret": new.client_secret} if new.client_secret else {})
    state, config = new_secret(), new.model_dump(mode="json", include=set(APP))
    row = SignInRow(id=new_id(), workspace_id=unit.workspace_id, member_id=unit.actor.member_id, config=config)
    row.state_hash, row.created_at, row.expires_at = digest(state), unit.now, unit.now + OPEN
    boxes.put(row, secrets, vault)
    unit.session.add(row)
    consents = _consents(settings, config, secrets)
    url = consents.address(state, secrets["verifier"])
    return {"id": row.id, "url": url, "redirect_uri": consents.redirect, "expires_at": row.expires_at}


async def come_back(context: Any, who: sessions.Identity, state: str, code: str) -> str:
    """What the browser brought from Microsoft; without a ``code`` the person did not sign in. Where the browser goes next.

    Raises SessionNeeded, NotAllowed, Unavailable.
    """
    who.require_session()
    async with context.units.read(NOBODY) as unit:
        query = select(SignInRow.id, SignInRow.member_id).where(SignInRow.state_hash == digest(state))
        found = (await unit.session.execute(query)).one_or_none()
    mine = next((each for each in who.memberships if found and each.member_id == found.member_id), None)
    if found is None or mine is None:
        return _problem("ended")
    actor = who.actor(mine)
    row = await context.units.run(actor, lambda unit: _spend(unit, found.id, keep=bool(code)))
    if row is None:
        return _problem("ended")
    if not code:
        return _problem("refused")
    try:
        await _redeem(context, actor, row, code)
    except RemoteError as error:
        log.warning("link.sign_in_failed", reason=error.kind, detail=error.detail)
        await context.units.run(actor, lambda unit: _forget(unit, row.id))
        return _problem("refused" if error.permanent else "unreachable")
    return f"{PORTAL}?sign_in={row.id}"


def _problem(code: str) -> str:
    return f"{PORTAL}?problem={code}"


async def _spend(unit: Unit, id_: UUID, *, keep: bool) -> SignInRow | None:
    """The sign-in whose state is used up by this; None where it was already, or is too old."""
    unit.actor.require_admin()
    row = await unit.session.get(SignInRow, id_, with_for_update=True)
    if row is None or row.state_hash is None or row.expires_at <= unit.now:
        return None
    row.state_hash = None
    if not keep:
        await unit.session.delete(row)
    return row


async def _redeem(context: Any, actor: Actor, row: SignInRow, code: str) -> None:
    """Change the code for a refresh token and keep that. Raises RemoteError."""
    secrets = boxes.get(row, context.vault)
    verifier = secrets.pop("verifier")
    async with Outward.from_settings(context.settings).session() as session:
        consent = await _consents(context.settings, row.config, secrets).redeem(session, code, verifier)
    secrets |= {boxes.TOKEN: consent.refresh_token}
    if sum(len(each.encode()) for each in secrets.values()) > MOST_SECRET:
        raise RemoteError("unsupported", "The refresh token is too long to be kept.")

    async def settle(unit: Unit) -> None:
        kept = await unit.session.get(SignInRow, row.id, with_for_update=True)
        if kept is not None:
            boxes.put(kept, secrets, context.vault)
            kept.signed_in, kept.account, kept.expires_at = True, consent.account, unit.now + KEPT

    await context.units.run(actor, settle)


async def _forget(unit: Unit, id_: UUID) -> None:
    await unit.session.execute(delete(SignInRow).where(SignInRow.id == id_))


# Afterwards


async def get(unit: ReadUnit, id_: UUID) -> Wire:
    """One of the actor's own sign-ins. Raises SignInNotFound, NotAllowed."""
    unit.actor.require_admin()
    row = await _mine(unit, id_)
    if row is None:
        raise SignInNotFound
    told = {"signed_in": row.signed_in, "account": row.account, "expires_at": row.expires_at}
    return {"id": row.id, **row.config, **told}


async def _mine(unit: ReadUnit, id_: UUID) -> SignInRow | None:
    query = select(SignInRow).where(SignInRow.id == id_, SignInRow.workspace_id == unit.workspace_id)
    row = (await unit.session.execute(query)).scalar_one_or_none()
    member_id = unit.actor.member_id
    return row if row and member_id and row.member_id == member_id and row.expires_at > unit.now else None


async def known(
    context: Any, actor: Actor, kind: str, config: Config, given: Secrets | None
) -> tuple[Secrets, Rotated | None]:
    """What credentials that somebody sent stand for, and what keeps a newer refresh token. Raises Invalid."""
    async with context.units.read(actor) as unit:
        row = await _meant(unit, kind, config, given)
    if row is None:
        return given or {}, None
    secrets = boxes.get(row, context.vault)
    return secrets, boxes.rotation(context.units, context.vault, actor, row, secrets)


async def take(unit: Unit, kind: str, config: Config, given: Secrets | None, vault: Vault) -> Secrets | None:
    """The credentials that a link is to keep: those of a sign-in move over. Raises Invalid."""
    row = await _meant(unit, kind, config, given)
    if row is None:
        return given
    secrets = boxes.get(row, vault)
    await unit.session.delete(row)
    return secrets


async def _meant(unit: ReadUnit, kind: str, config: Config, given: Secrets | None) -> SignInRow | None:
    """The sign-in that credentials name, which has to be of the same app; None for others."""
    if kind != "graph" or not given:
        return None
    if boxes.TOKEN in given:
        raise Invalid(fields={f"credentials.{boxes.TOKEN}": "Sign in instead, and send sign_in."})
    if "sign_in" not in given:
        return None
    if len(given) > 1:
        raise Invalid(fields={"credentials": "A sign-in stands alone."})
    row = await _mine(unit, _id(given["sign_in"]))
    if row is None or not row.signed_in:
        raise Invalid(fields={"credentials.sign_in": SignInNotFound.title + "."})
    if any(row.config[name].lower() != str(config.get(name) or "global").lower() for name in APP):
        raise Invalid(fields={"credentials.sign_in": "It is a sign-in to another app."})
    return row


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)


async def sweep(unit: Unit) -> None:
    """Forget the workspace's sign-ins that have ended."""
    ended: Sequence[Any] = (SignInRow.workspace_id == unit.workspace_id, SignInRow.expires_at <= unit.now)
    await unit.session.execute(delete(SignInRow).where(*ended))
