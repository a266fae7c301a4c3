"""The verbs on programs that are members: without a mailbox or password, let in by what other rooms register for them."""

from uuid import UUID

from dossier.core.actor import Role
from dossier.core.errors import Invalid
from dossier.core.ids import new_id
from dossier.core.units import Unit
from dossier.users import queries
from dossier.users.errors import MemberNotFound
from dossier.users.models import SERVICES
from dossier.users.service import enrol, new_user


async def add_service(unit: Unit, name: str, role: Role) -> UUID:
    """Make a program a member; the member's id. Needs an owner. Raises Invalid, NotAllowed."""
    unit.actor.require_admin()
    user = await new_user(unit, f"{new_id()}{SERVICES}", name, None, service=True)
    return await enrol(unit, user, role)


async def require_service(unit: Unit, member_id: UUID) -> None:
    """Refuse what is no active program here, and lock the one that is. Raises MemberNotFound, Invalid for a person."""
    found = await queries.member(unit, member_id)
    if found is None:
        raise MemberNotFound
    member, user = found
    if not user.is_service or member.deactivated_at is not None:
        raise Invalid(fields={"member_id": "This is a person, or a program that was deactivated."})
