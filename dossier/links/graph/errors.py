"""The ways in which sign-ins refuse."""

from dossier.core.errors import NotFound


class SignInNotFound(NotFound):
    """No such sign-in of this member, or it has ended."""

    code = "link_sign_in_not_found"
    title = "There is no such sign-in of yours, or it has ended"
