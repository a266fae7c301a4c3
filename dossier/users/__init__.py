"""Users: workspaces, the people in them with their roles, groups, invitations, and links that work once.

What a person opens the door with (sign-in, sessions, tokens) is the sessions room, one floor up.
"""

from dossier.users.errors import (
    AlreadyMember,
    GroupNotFound,
    LastOwner,
    LinkEnded,
    MemberNotFound,
    SlugTaken,
    UnknownPeople,
    WorkspaceNotFound,
)
from dossier.users.groups import create_group, delete_group, get_group, list_groups, update_group
from dossier.users.invitations import (
    accept_invitation,
    find_invited,
    forget_expired,
    invite,
    list_invitations,
    revoke_invitation,
)
from dossier.users.jobs import JOBS
from dossier.users.links import count_links, find_link, link_address, make_link, take_link
from dossier.users.models import fold
from dossier.users.queries import Invited, Membership, Person, groups_of, people, workspace_ids
from dossier.users.schemas import EmailText, NameText
from dossier.users.service import (
    actor_of,
    add_member,
    create_workspace,
    deactivate_member,
    find_member,
    find_person,
    find_workspace,
    list_members,
    member_exists,
    membership,
    memberships,
    reactivate_member,
    rehash,
    rename_person,
    require_groups,
    require_members,
    set_password,
    update_member,
)

__all__ = [
    "JOBS",
    "AlreadyMember",
    "EmailText",
    "GroupNotFound",
    "Invited",
    "LastOwner",
    "LinkEnded",
    "MemberNotFound",
    "Membership",
    "NameText",
    "Person",
    "SlugTaken",
    "UnknownPeople",
    "WorkspaceNotFound",
    "accept_invitation",
    "actor_of",
    "add_member",
    "count_links",
    "create_group",
    "create_workspace",
    "deactivate_member",
    "delete_group",
    "find_invited",
    "find_link",
    "find_member",
    "find_person",
    "find_workspace",
    "fold",
    "forget_expired",
    "get_group",
    "groups_of",
    "invite",
    "link_address",
    "list_groups",
    "list_invitations",
    "list_members",
    "make_link",
    "member_exists",
    "membership",
    "memberships",
    "people",
    "reactivate_member",
    "rehash",
    "rename_person",
    "require_groups",
    "require_members",
    "revoke_invitation",
    "set_password",
    "take_link",
    "update_group",
    "update_member",
    "workspace_ids",
]
