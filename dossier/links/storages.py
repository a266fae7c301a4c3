"""Which services can be linked through the library of many, what each has to be told, and under which addresses it answers.

The library opens its connections itself: it resolves names, follows redirects, and over FTP goes wherever the server says.
So an address that a person typed is taken only where it is the service's maker's own, or the operator has let its network
through. Every credential comes with the link: what the machine or its environment may do is somebody else's.
"""

import asyncio
import base64
import ipaddress
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from dossier.connectors import Connector, RemoteError
from dossier.core.errors import Invalid
from dossier.core.outward import CONNECT_SECONDS, Outward
from dossier.core.settings import Settings

_AZURE: Final = r"[a-z0-9-]+\.{}\.core\.(windows\.net|chinacloudapi\.cn|usgovcloudapi\.net)"
_KEYS: Final = ("access_key_id", "secret_access_key")
_SIGN_IN: Final = ("username", "password")
_APP: Final = ("client_secret", "refresh_token")
_NAME: Final = re.compile(r"[A-Za-z0-9$][A-Za-z0-9._-]{0,221}")
_SHAPES: Final[dict[str, re.Pattern[str]]] = {
    "account_name": re.compile(r"[a-z0-9]{3,24}"),
    "client_id": re.compile(r"[A-Za-z0-9._-]{1,200}"),
    "repo_name": re.compile(r"[^/\x00-\x1f\x7f]{1,200}"),
    **dict.fromkeys(("bucket", "bucket_id", "container", "filesystem"), _NAME),
}


@dataclass(frozen=True, slots=True)
class Service:
    """What one service has to be told; the words of credentials and options are ours, ``words`` has the library's."""

    needs: tuple[str, ...]
    #: The sets of credentials of which one has to be given.
    credentials: tuple[tuple[str, ...], ...]
    may: tuple[str, ...] = ()
    words: dict[str, str] = field(default_factory=dict)
    #: What the library is told besides: never to look for credentials by itself.
    fixed: dict[str, str] = field(default_factory=dict)
    #: The hosts that are its maker's, and on which nobody else's programs answer: a pattern.
    hosts: str = ""
    #: Where it is without an ``endpoint``.
    address: str = ""
    schemes: tuple[str, ...] = ("https", "http")


SERVICES: Final[dict[str, Service]] = {
    "azblob": Service(
        ("container", "account_name"),
        (("account_key",), ("sas_token",)),
        ("endpoint",),
        hosts=_AZURE.format("blob"),
        address="https://{account_name}.blob.core.windows.net",
    ),
    "azdls": Service(
        ("filesystem", "account_name"),
        (("account_key",), ("sas_token",)),
        ("endpoint",),
        hosts=_AZURE.format("dfs"),
        address="https://{account_name}.dfs.core.windows.net",
    ),
    "b2": Service(
        ("bucket", "bucket_id"),
        (_KEYS,),
        words={"access_key_id": "application_key_id", "secret_access_key": "application_key"},
    ),
    "cos": Service(
        ("bucket", "endpoint"),
        (_KEYS,),
        words={"access_key_id": "secret_id", "secret_access_key": "secret_key"},
        fixed={"disable_config_load": "true"},
        hosts=r"cos\.[a-z0-9-]+\.myqcloud\.com",
    ),
    "dropbox": Service(("client_id",), (_APP,)),
    "ftp": Service(("endpoint",), (_SIGN_IN,), words={"username": "user"}, schemes=("ftps", "ftp")),
    "gcs": Service(
        ("bucket",),
        (("service_account",),),
        words={"service_account": "credential"},
        fixed={"disable_config_load": "true", "disable_vm_metadata": "true"},
    ),
    "gdrive": Service(("client_id",), (_APP,)),
    "obs": Service(("bucket", "endpoint"), (_KEYS,), hosts=r"obs\.[a-z0-9-]+\.myhuaweicloud\.(com|eu)"),
    "oss": Service(
        ("bucket", "endpoint"),
        (_KEYS,),
        words={"secret_access_key": "access_key_secret"},
        hosts=r"oss-[a-z0-9-]+\.aliyuncs\.com",
    ),
    "seafile": Service(("endpoint", "repo_name"), (_SIGN_IN,)),
}


@asynccontextmanager
async def connected(
    settings: Settings, slug: str, config: dict[str, Any], credentials: dict[str, str]
) -> AsyncIterator[Connector]:
    """The connector of a place in a service. Raises Invalid for what the service is not told, or is told too much."""
    from dossier.connectors.service import TRAITS, ServiceConnector, Storage

    name: str = config["service"]
    options: dict[str, str] = dict(config.get("options") or {})
    service = SERVICES[name]
    _check_options(service, options)
    _check_credentials(service, credentials)
    if "endpoint" in options or service.address:
        options["endpoint"] = options.get("endpoint") or service.address.format(**options)
        await _check_address(service, options["endpoint"], Outward.from_settings(settings))
    told: dict[str, str] = options | {key: _secret(key, value) for key, value in credentials.items()}
    words = {service.words.get(key, key): value for key, value in told.items()}
    try:
        remote = ServiceConnector(Storage(name, words | service.fixed, config.get("root") or "", TRAITS[name]))
    except RemoteError as error:
        raise Invalid(fields={"place": error.detail}) from None
    try:
        yield remote
    finally:
        await remote.close()


def _check_options(service: Service, options: dict[str, str]) -> None:
    known = (*service.needs, *service.may)
    wrong = {each: f"Not known here; known: {', '.join(known)}." for each in sorted(set(options) - set(known))}
    wrong |= {each: "This service needs it." for each in service.needs if each not in options}
    for each, shape in _SHAPES.items():
        if each in options and each in known and not shape.fullmatch(options[each]):
            wrong[each] = "It cannot be that."
    if wrong:
        raise Invalid(fields={f"place.options.{each}": why for each, why in wrong.items()})


def _check_credentials(service: Service, credentials: dict[str, str]) -> None:
    known = [each for group in service.credentials for each in group]
    unknown = sorted(set(credentials) - set(known))
    if unknown:
        told = f"Not known here; known: {', '.join(known)}."
        raise Invalid(fields={f"credentials.{each}": told for each in unknown})
    if set(credentials) not in [set(group) for group in service.credentials]:
        wanted = ", or ".join(" and ".join(group) for group in service.credentials)
        raise Invalid(fields={"credentials": f"This service needs {wanted}."})


async def _check_address(service: Service, endpoint: str, outward: Outward) -> None:
    """Raises Invalid, AddressNotAllowed."""
    scheme, _, rest = endpoint.partition("://")
    if scheme not in service.schemes or not rest or set(rest) & set("?#"):
        raise _no_address(f"An address here begins with {service.schemes[0]}:// and ends with no question.")
    # What sends a password in the clear needs what http:// needs.
    judged = f"{'https' if scheme == service.schemes[0] else 'http'}://{rest}"
    await outward.verify(judged)
    host = (urlsplit(judged).hostname or "").rstrip(".")
    if re.fullmatch(service.hosts, host):
        return
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            found = [ipaddress.ip_address(each.partition("%")[0]) for each in await outward.lookup(host, 0)]
    except (OSError, TimeoutError):
        found = []
    if not found or not all(any(each in network for network in outward.allow) for each in found):
        raise _no_address("A server that is not the service's maker's: DOSSIER_OUTWARD_ALLOW has to name its network.")


def _no_address(why: str) -> Invalid:
    return Invalid(fields={"place.options.endpoint": why})


def _secret(name: str, value: str) -> str:
    """As the library takes it. Of a Google key only what signs: other kinds of it name files and addresses to be read."""
    if name != "service_account":
        return value
    try:
        key = json.loads(value)
        kept = {each: str(key[each]) for each in ("type", "client_email", "private_key")}
    except (ValueError, KeyError, TypeError):
        kept = {}
    if kept.get("type") != "service_account":
        raise Invalid(fields={"credentials.service_account": "It is no JSON key of a Google service account."})
    return base64.b64encode(json.dumps(kept).encode()).decode()
