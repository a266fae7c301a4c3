"""A person lets us act on their behalf: OAuth 2.0 by authorization code, with PKCE S256 (RFC 6749, RFC 7636).

Source: learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow.
"""

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from dossier.connectors.contract import RemoteError
from dossier.connectors.graph.auth import Credentials, ask, proof

#: What a person is asked to allow: their files and those of their sites, and a refresh token.
_RIGHTS: Final = ("Files.ReadWrite.All", "Sites.Read.All")
_SECONDS: Final = 30.0
LONGEST_ACCOUNT: Final = 320


@dataclass(frozen=True, slots=True)
class Consent:
    """What came of it: a refresh token, and the sign-in name of whose it is ("" where that was not told)."""

    refresh_token: str = field(repr=False)
    account: str


@dataclass(frozen=True, slots=True)
class Consents:
    """The sign-ins of people to an app of a cloud. ``redirect`` is the address of ours that the app is registered with."""

    app: Credentials
    base_url: str
    token_url: str
    redirect: str

    def address(self, state: str, verifier: str) -> str:
        """Where the browser goes. ``state`` comes back with it; ``verifier`` stays here until the code is redeemed."""
        challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "client_id": self.app.client_id,
            "response_type": "code",
            "redirect_uri": self.redirect,
            "response_mode": "query",
            "scope": self._scope,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "prompt": "select_account",
        }
        return f"{self._tokens.removesuffix('/token')}/authorize?{urlencode(query)}"

    async def redeem(self, session: aiohttp.ClientSession, code: str, verifier: str) -> Consent:
        """Change the code for tokens. Raises RemoteError: ``sign_in`` where it is not taken."""
        form = {
            "client_id": self.app.client_id,
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect,
            "code_verifier": verifier,
            "scope": self._scope,
        }
        form |= proof(self.app, self._tokens)
        body = await ask(session, self._tokens, form, _SECONDS)
        token = body.get("refresh_token")
        if not isinstance(token, str) or not token:
            raise RemoteError("sign_in", "Microsoft's sign-in service gave no refresh token.")
        return Consent(token, _account(body.get("id_token")))

    @property
    def _tokens(self) -> str:
        return self.token_url.replace("{tenant}", quote(self.app.tenant, safe=""))

    @property
    def _scope(self) -> str:
        origin = URL(self.base_url).origin()
        return " ".join(["offline_access", "openid", "profile", *(f"{origin}/{right}" for right in _RIGHTS)])


def _account(id_token: object) -> str:
    """For people to read, and nothing is decided by it; so its signature is not asked for."""
    try:
        body = str(id_token).split(".")[1]
        claims: Any = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return str(claims.get("preferred_username") or claims.get("name") or "")[:LONGEST_ACCOUNT]
    except (ValueError, IndexError, AttributeError):
        return ""
