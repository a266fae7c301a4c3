"""The verbs on invitations: a role offered to an e-mail, accepted by a link."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, or_

from dossier.core import paging
from dossier.core.errors import Conflict
from dossier.core.ids import new_id
from dossier.core.settings import Settings
from dossier.core.units import ReadUnit, Unit
from dossier.core.web import Wire
from dossier.users import links, queries, service
from dossier.users.errors import AlreadyMember, InvitationNotFound, LinkEnded
from dossier.users.models import Invitation, fold
from dossier.users.queries import Invited, Membership

KEPT = timedelta(days=90)


async def invite(unit: Unit, email: str, role: str, settings: Settings, days: int | None = None) -> Wire:
    """Offer a role to an e-mail; the answer shows the link's ``url`` once, a mail brings another.

    It lasts ``days``, or as long as the settings say. An open invitation of the same e-mail is revoked. Needs an owner.
    Raises AlreadyMember, NotAllowed.
    """
    unit.actor.require_admin()
    if await service.find_member(unit, email) is not None:
        raise AlreadyMember
    for older in await queries.lock_invitations(unit, Invitation.email_key == fold(email)):
        _revoke(unit, older)
    lasts = timedelta(days=days or settings.invitation_days)
    invitation = Invitation(id=new_id(), workspace_id=unit.workspace_id, email=email, email_key=fold(email), role=role)
    invitation.created_by, invitation.created_at = unit.actor.member_id, unit.now
    invitation.expires_at = unit.now + lasts
    unit.session.add(invitation)
    secret = await links.make_link(unit, "invite", invitation.id, lasts)
    unit.record("invitation.created", invitation_id=str(invitation.id), email=email, role=role)
    unit.defer("users.send_invitation", invitation_id=str(invitation.id))
    return (await _wires(unit, [invitation]))[0] | {"url": links.link_address(settings, "invite", secret)}


async def list_invitations(unit: ReadUnit, limit: int, after: str | None) -> tuple[list[Wire], str | None]:
    """A page of the open invitations. Needs an owner. Raises NotAllowed."""
    unit.actor.require_admin()
    last = paging.decode(after, UUID) or (None,)
    rows = list(await queries.invitations(unit, limit, last[0]))
    kept, next_ = paging.page(rows, limit, lambda invitation: paging.encode(invitation.id))
    return await _wires(unit, kept), next_


async def revoke_invitation(unit: Unit, invitation_id: UUID) -> None:
    """Take an open invitation back; its links end. Needs an owner. Raises InvitationNotFound, NotAllowed."""
    unit.actor.require_admin()
    found = await queries.lock_invitations(unit, Invitation.id == invitation_id)
    if not found:
        raise InvitationNotFound
    _revoke(unit, found[0])


def _revoke(unit: Unit, invitation: Invitation) -> None:
    invitation.revoked_at = unit.now
    unit.record("invitation.revoked", invitation_id=str(invitation.id), email=invitation.email)


async def find_invited(unit: ReadUnit, secret: str) -> Invited:
    """The open invitation behind a link, of whatever workspace; the link stays good. Raises LinkEnded."""
    invitation_id = await links.find_link(unit, "invite", secret)
    found = None if invitation_id is None else await queries.invited(unit, invitation_id)
    if found is None:
        raise LinkEnded
    return found


async def accept_invitation(unit: Unit, secret: str, name: str | None, password_hash: str | None) -> Membership:
    """Use a link of an invitation of this workspace: the person becomes a member.

    ``name`` and ``password_hash`` make a new person; None for one who is known already. Whoever calls has made sure who
    it is. Raises LinkEnded, AlreadyMember, Invalid.
    """
    invitation_id = await links.take_link(unit, "invite", secret)
    found = await queries.lock_invitations(unit, Invitation.id == invitation_id)
    if not found:
        raise LinkEnded
    user = await queries.user_by_email(unit, found[0].email, lock=True)
    if (user is None) == (password_hash is None):
        raise Conflict("This person came in between; try again.")
    if await service.find_member(unit, found[0].email) is not None:
        raise AlreadyMember
    user = user or await service.new_user(unit, found[0].email, name or "", password_hash)
    found[0].accepted_at = unit.now
    member_id = await service.enrol(unit, user, found[0].role)
    unit.record("invitation.accepted", invitation_id=str(invitation_id), member_id=str(member_id))
    member = await service.membership(unit, member_id)
    if member is None:  # a person deactivated everywhere
        raise LinkEnded
    return member


async def renew_link(unit: Unit, invitation_id: UUID, settings: Settings) -> tuple[str, str, str] | None:
    """E-mail, workspace name and a fresh address for the mail of an open invitation; None where it is not open now."""
    found = await queries.lock_invitations(unit, Invitation.id == invitation_id)
    if not found:
        return None
    secret = await links.make_link(unit, "invite", invitation_id, found[0].expires_at - unit.now)
    return found[0].email, await queries.workspace_name(unit), links.link_address(settings, "invite", secret)


async def forget_expired(unit: Unit) -> None:
    """Drop ended links, and invitations of all workspaces that ended three months ago. For housekeeping."""
    await links.forget_links(unit)
    before = unit.now - KEPT
    ended = or_(Invitation.expires_at < before, Invitation.accepted_at < before, Invitation.revoked_at < before)
    await unit.session.execute(delete(Invitation).where(ended))


async def _wires(unit: ReadUnit, invitations: list[Invitation]) -> list[Wire]:
    known = await queries.people(unit, [row.created_by for row in invitations if row.created_by])
    return [
        {
            "id": row.id,
            "email": row.email,
            "role": row.role,
            "created_by": known.get(row.created_by) if row.created_by else None,
            "created_at": row.created_at,
            "expires_at": row.expires_at,
        }
        for row in invitations
    ]
