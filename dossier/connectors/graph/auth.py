"""Tokens of Microsoft's identity platform, for an app by itself or on behalf of a person.

Source: learn.microsoft.com/entra/identity-platform, "OAuth 2.0 client credentials flow", "Certificate credentials" and
"Refresh tokens".
"""

import asyncio
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote
from uuid import uuid4

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from dossier.connectors.contract import RemoteError
from dossier.connectors.headers import retry_after

TOKEN_URL: Final = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"  # noqa: S105 (an address)
_EARLY_SECONDS: Final = 300.0  # a token is not used in its last minutes: it must outlast the request
_ASSERTION_SECONDS: Final = 600
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are for Microsoft: an app with a secret or a certificate, or (with ``refresh_token``) a person who let it."""

    tenant: str
    client_id: str
    secret: str = field(default="", repr=False)
    #: PEM of a certificate that the app is registered with, and of its RSA key: instead of ``secret``.
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    #: Of the person on whose behalf we act; without one the app acts by itself.
    refresh_token: str = field(default="", repr=False)
    #: Keeps a refresh token that takes the place of the one before. Called before the new access token is used.
    rotated: Callable[[str], Awaitable[None]] | None = field(default=None, repr=False)


class Tokens:
    """The access token of one link: asked for when it is needed, and kept until five minutes before its end."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        credentials: Credentials,
        *,
        url: str,
        scope: str,
        seconds: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session, self._credentials = session, credentials
        self._url = url.replace("{tenant}", quote(credentials.tenant, safe=""))
        self._scope, self._seconds, self._clock = scope, seconds, clock
        self._lock, self._token, self._until = asyncio.Lock(), "", 0.0
        self._refresh_token = credentials.refresh_token

    async def get(self) -> str:
        """An access token. Raises ``sign_in`` where the credentials are not taken, ``throttled``, ``unreachable``."""
        async with self._lock:
            if not self._token or self._clock() >= self._until:
                await self._renew()
            return self._token

    def drop(self, token: str) -> None:
        """Forget a token that was not taken, unless there is another one already."""
        if token == self._token:
            self._token = ""

    async def _renew(self) -> None:
        asked_at = self._clock()
        body = await ask(self._session, self._url, self._form(), self._seconds)
        token, seconds = body.get("access_token"), body.get("expires_in")
        if not isinstance(token, str) or not token or not str(seconds).isdecimal():
            raise RemoteError("unreachable", "Microsoft's sign-in service gave an answer without a token.")
        fresh = body.get("refresh_token")
        if self._refresh_token and isinstance(fresh, str) and fresh and fresh != self._refresh_token:
            self._refresh_token = fresh
            if self._credentials.rotated is not None:
                await self._credentials.rotated(fresh)
        self._token, self._until = token, asked_at + float(str(seconds)) - _EARLY_SECONDS

    def _form(self) -> dict[str, str]:
        form = {"client_id": self._credentials.client_id}
        if self._refresh_token:
            # Without a scope it is what the person has allowed.
            form |= {"grant_type": "refresh_token", "refresh_token": self._refresh_token}
        else:
            form |= {"grant_type": "client_credentials", "scope": self._scope}
        return form | proof(self._credentials, self._url)


async def ask(session: aiohttp.ClientSession, url: str, form: dict[str, str], seconds: float) -> dict[str, Any]:
    """What the token endpoint answers to a form. Raises ``sign_in``, ``throttled``, ``unreachable``."""
    headers, whole = (
        {"client-request-id": str(uuid4()), "Accept": "application/json"},
        aiohttp.ClientTimeout(total=seconds),
    )
    try:
        async with session.post(url, data=form, headers=headers, timeout=whole, allow_redirects=False) as response:
            raw, status = await response.read(), response.status
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        reason = f"Microsoft's sign-in service cannot be reached ({type(error).__name__})."
        raise RemoteError("unreachable", reason) from error
    try:
        body = json.loads(raw)
    except ValueError:
        body = None
    body = body if isinstance(body, dict) else {}
    if status != 200:
        raise _not_signed_in(status, body, retry_after(response.headers))
    return body


def proof(credentials: Credentials, url: str) -> dict[str, str]:
    """How the app proves to the token endpoint ``url`` that it is itself; nothing for one that has no secret."""
    if credentials.certificate:
        return {"client_assertion_type": _ASSERTION, "client_assertion": assertion(credentials, url)}
    return {"client_secret": credentials.secret} if credentials.secret else {}


def _not_signed_in(status: int, body: dict[str, Any], wait: float | None) -> RemoteError:
    # The description begins with Microsoft's number of the error; the rest of it names people and apps.
    number = str(body.get("error_description", "")).partition(":")[0]
    number = f" {number}" if number.startswith("AADSTS") and number[6:].isdecimal() else ""
    told = f"Microsoft's sign-in service answered {status} {body.get('error', '')}{number}."
    if status == 429 or (status == 503 and wait is not None):
        return RemoteError("throttled", told, retry_after=wait)
    if status >= 500 or body.get("error") == "temporarily_unavailable":
        return RemoteError("unreachable", told, retry_after=wait)
    return RemoteError("sign_in", told)


def assertion(credentials: Credentials, audience: str) -> str:
    """A JWT that proves the certificate's key to the token endpoint ``audience`` for ten minutes (RFC 7523; PS256).

    Raises ``sign_in`` where the certificate or the key cannot be read.
    """
    try:
        certificate = x509.load_pem_x509_certificate(credentials.certificate.encode())
        key = serialization.load_pem_private_key(credentials.key.encode(), None)
    except (ValueError, TypeError) as error:
        raise RemoteError("sign_in", "The certificate or its key cannot be read.") from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise RemoteError("sign_in", "Microsoft takes certificates with RSA keys only.")
    now = int(time.time())
    header = {"alg": "PS256", "typ": "JWT", "x5t#S256": _b64(certificate.fingerprint(hashes.SHA256()))}
    claims = {
        "aud": audience,
        "iss": credentials.client_id,
        "sub": credentials.client_id,
        "jti": str(uuid4()),
        "iat": now,
        "nbf": now,
        "exp": now + _ASSERTION_SECONDS,
    }
    signed = f"{_b64(json.dumps(header).encode())}.{_b64(json.dumps(claims).encode())}"
    how = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=hashes.SHA256.digest_size)
    return f"{signed}.{_b64(key.sign(signed.encode(), how, hashes.SHA256()))}"


def _b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
