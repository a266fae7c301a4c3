"""Sessions: how a person or a program opens the door.

Sign-in by password, sessions in a cookie, personal access tokens, new passwords, and invitations accepted by link.
"""

from dossier.sessions.door import (
    LastSeen,
    WorkspaceOf,
    actor_of,
    authenticate,
    clear_cookie,
    identify,
    set_cookie,
    tries,
)
from dossier.sessions.errors import BadCredentials, CrossSite, SessionNeeded, WorkspaceNeeded
from dossier.sessions.jobs import CONSUMERS, JOBS
from dossier.sessions.service import Identity, end_sessions, forget_expired, open_session, sign_in, sign_out
from dossier.sessions.tokens import create_token, list_tokens, make_token, revoke_token

__all__ = [
    "CONSUMERS",
    "JOBS",
    "BadCredentials",
    "CrossSite",
    "Identity",
    "LastSeen",
    "SessionNeeded",
    "WorkspaceNeeded",
    "WorkspaceOf",
    "actor_of",
    "authenticate",
    "clear_cookie",
    "create_token",
    "end_sessions",
    "forget_expired",
    "identify",
    "list_tokens",
    "make_token",
    "open_session",
    "revoke_token",
    "set_cookie",
    "sign_in",
    "sign_out",
    "tries",
]
