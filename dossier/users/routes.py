"""HTTP for members, groups and invitations."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from dossier.core.web import After, CurrentActor, IdempotencyKey, Limit, json, look, ok, paged, problems, write
from dossier.users import groups, invitations, schemas, service
from dossier.users.errors import (
    AlreadyMember,
    GroupNameTaken,
    GroupNotFound,
    InvitationNotFound,
    LastOwner,
    MemberNotFound,
    UnknownPeople,
)

router = APIRouter(prefix="/api/v1", tags=["people"])


@router.get(
    "/members",
    summary="List members",
    status_code=200,
    response_model=None,
    responses=ok(schemas.MemberPage) | problems(),
)
async def list_members(request: Request, limit: Limit = 50, after: After = None) -> Response:
    """The people of the workspace, former ones too. E-mails are shown to owners and to oneself."""
    return paged(*await look(request, lambda unit: service.list_members(unit, limit, after)))


@router.patch(
    "/members/{member_id}",
    summary="Change a member",
    status_code=200,
    response_model=None,
    responses=ok(schemas.Member) | problems(MemberNotFound, LastOwner, write=True),
)
async def update_member(request: Request, actor: CurrentActor, member_id: UUID, body: schemas.MemberChange) -> Response:
    """Give another role, deactivate or reactivate. For owners; the last one stays."""
    return await write(
        request, actor, lambda unit: service.update_member(unit, member_id, role=body.role, active=body.active)
    )


@router.delete(
    "/members/{member_id}",
    summary="Deactivate a member, or leave",
    status_code=204,
    response_model=None,
    responses=problems(MemberNotFound, LastOwner, write=True),
)
async def deactivate_member(request: Request, actor: CurrentActor, member_id: UUID) -> Response:
    """End a membership: sessions and tokens end at once, what the member did stays. For owners, and for oneself."""
    return await write(request, actor, lambda unit: service.deactivate_member(unit, member_id))


@router.get(
    "/groups",
    summary="List groups",
    status_code=200,
    response_model=None,
    responses=ok(schemas.GroupPage) | problems(),
)
async def list_groups(request: Request, limit: Limit = 50, after: After = None) -> Response:
    """The groups of the workspace and who is in them."""
    return paged(*await look(request, lambda unit: groups.list_groups(unit, limit, after)))


@router.post(
    "/groups",
    summary="Make a group",
    status_code=201,
    response_model=None,
    responses=ok(schemas.Group, 201) | problems(GroupNameTaken, UnknownPeople, write=True),
)
async def create_group(
    request: Request, actor: CurrentActor, body: schemas.NewGroup, _key: IdempotencyKey = None
) -> Response:
    """Put some members under one name, to give access to. For owners."""
    return await write(
        request,
        actor,
        lambda unit: groups.create_group(unit, body.name, body.member_ids),
        status=201,
        location="/api/v1/groups",
    )


@router.get(
    "/groups/{group_id}",
    summary="Read a group",
    status_code=200,
    response_model=None,
    responses=ok(schemas.Group) | problems(GroupNotFound),
)
async def get_group(request: Request, group_id: UUID) -> Response:
    """One group and who is in it."""
    return json(await look(request, lambda unit: groups.get_group(unit, group_id)))


@router.patch(
    "/groups/{group_id}",
    summary="Change a group",
    status_code=200,
    response_model=None,
    responses=ok(schemas.Group) | problems(GroupNotFound, GroupNameTaken, UnknownPeople, write=True),
)
async def update_group(request: Request, actor: CurrentActor, group_id: UUID, body: schemas.GroupChange) -> Response:
    """Rename it, or put another set of members in place of the present one. For owners."""
    return await write(
        request, actor, lambda unit: groups.update_group(unit, group_id, name=body.name, member_ids=body.member_ids)
    )


@router.delete(
    "/groups/{group_id}",
    summary="Remove a group",
    status_code=204,
    response_model=None,
    responses=problems(GroupNotFound, write=True),
)
async def delete_group(request: Request, actor: CurrentActor, group_id: UUID) -> Response:
    """Remove the group, and the access that it gave. Its members stay in the workspace. For owners."""
    return await write(request, actor, lambda unit: groups.delete_group(unit, group_id))


@router.get(
    "/invitations",
    summary="List open invitations",
    status_code=200,
    response_model=None,
    responses=ok(schemas.InvitationPage) | problems(),
)
async def list_invitations(request: Request, limit: Limit = 50, after: After = None) -> Response:
    """The invitations that can still be accepted. For owners."""
    return paged(*await look(request, lambda unit: invitations.list_invitations(unit, limit, after)))


@router.post(
    "/invitations",
    summary="Invite somebody",
    status_code=201,
    response_model=None,
    responses=ok(schemas.InvitationMade, 201) | problems(AlreadyMember, write=True),
)
async def invite(
    request: Request, actor: CurrentActor, body: schemas.NewInvitation, _key: IdempotencyKey = None
) -> Response:
    """Offer a role to an e-mail. A mail is sent; the answer shows a link of its own, once. For owners."""
    settings = request.app.state.settings
    return await write(
        request,
        actor,
        lambda unit: invitations.invite(unit, body.email, body.role, settings, body.days),
        status=201,
        location="/api/v1/invitations",
        secret=True,
    )


@router.delete(
    "/invitations/{invitation_id}",
    summary="Revoke an invitation",
    status_code=204,
    response_model=None,
    responses=problems(InvitationNotFound, write=True),
)
async def revoke_invitation(request: Request, actor: CurrentActor, invitation_id: UUID) -> Response:
    """Take an open invitation back; its links end. For owners."""
    return await write(request, actor, lambda unit: invitations.revoke_invitation(unit, invitation_id))
