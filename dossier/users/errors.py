"""The ways the users room refuses."""

from dossier.core.errors import Conflict, Invalid, NotFound


class WorkspaceNotFound(NotFound):
    """No such workspace, or the person is not in it."""

    code = "workspace_not_found"
    title = "There is no such workspace for you"


class MemberNotFound(NotFound):
    """No such member in this workspace."""

    code = "member_not_found"
    title = "There is no such member here"


class GroupNotFound(NotFound):
    """No such group in this workspace."""

    code = "group_not_found"
    title = "There is no such group here"


class InvitationNotFound(NotFound):
    """No such open invitation in this workspace."""

    code = "invitation_not_found"
    title = "There is no such invitation here"


class LinkEnded(NotFound):
    """The link is unknown, used, revoked or expired; which of them is not told."""

    code = "link_ended"
    title = "This link is not good any more"


class UnknownPeople(Invalid):
    """A member or group that this workspace does not have, or a member who is deactivated."""

    code = "unknown_people"
    title = "Some members or groups are not known here"


class SlugTaken(Conflict):
    """Another workspace has this slug."""

    code = "slug_taken"
    title = "Another workspace has this name in addresses"


class GroupNameTaken(Conflict):
    """Another group of this workspace has this name."""

    code = "group_name_taken"
    title = "Another group has this name"


class AlreadyMember(Conflict):
    """The e-mail belongs to an active member."""

    code = "already_member"
    title = "This person is a member already"


class LastOwner(Conflict):
    """A workspace keeps at least one active owner."""

    code = "last_owner"
    title = "A workspace keeps at least one owner"
