"""The ways the sessions room refuses."""

from dossier.core.errors import Forbidden, Invalid, NotFound, Unauthenticated


class BadCredentials(Unauthenticated):
    """Unknown e-mail, wrong password, or a person without a workspace; which of them is not told."""

    code = "bad_credentials"
    title = "E-mail or password is wrong"


class WrongPassword(Invalid):
    """The present password was given wrongly by somebody who is signed in."""

    code = "wrong_password"
    title = "The present password is wrong"


class CrossSite(Forbidden):
    """A change that another site's page asked the browser for."""

    code = "cross_site"
    title = "This request comes from another site"


class SessionNeeded(Forbidden):
    """A token cannot act on the person, only a sign-in can."""

    code = "session_needed"
    title = "This needs a sign-in, not a token"


class WorkspaceNeeded(Invalid):
    """The person is in several workspaces and named none."""

    code = "workspace_needed"
    title = "Say which workspace is meant"


class TokenNotFound(NotFound):
    """No such living token of the member."""

    code = "token_not_found"
    title = "There is no such token here"
