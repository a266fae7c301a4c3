"""One service's operator: each call in bounded time, every refusal as the contract's.

The only module that knows the library. It is asked by its asynchronous interface: the blocking one holds the interpreter
for as long as a listing waits for the network. A process that ends in the moment in which a call comes back is aborted;
so ``close`` lets that moment pass.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from typing import Any, Final

import opendal
from opendal import exceptions, layers

from dossier.connectors.contract import Kind, RemoteError

SECONDS: Final = 40.0  # that one question may take
_SENDING: Final = 120.0  # that one piece may take on its way
PART: Final = 8 << 20
_LAST_WORDS: Final = 0.1
_KNOWN: Final[tuple[type[Exception], ...]] = (
    OSError,
    *(each for each in vars(exceptions).values() if isinstance(each, type) and issubclass(each, Exception)),
)
_KINDS: Final[dict[str, Kind]] = {
    "NotFound": "missing",
    "IsADirectory": "missing",
    "NotADirectory": "missing",
    "AlreadyExists": "name_taken",
    "IsSameFile": "name_taken",
    "ConditionNotMatch": "changed",
    "Conflict": "changed",
    "RangeNotSatisfied": "changed",
    "PermissionDenied": "refused",
    "ConfigInvalid": "refused",
    "RateLimited": "throttled",
    "Unsupported": "unsupported",
}
#: Of HTTP, and of FTP's replies (RFC 959), where the library says no more than "Unexpected".
_STATUS: Final[dict[str, Kind]] = {
    "401": "sign_in",
    "423": "locked",
    "429": "throttled",
    "507": "full",
    **dict.fromkeys(("400", "403", "405", "413", "414", "415"), "refused"),
    **dict.fromkeys(("404", "410"), "missing"),
}
_REPLY: Final[dict[str, Kind]] = {
    **dict.fromkeys(("430", "530", "532"), "sign_in"),
    **dict.fromkeys(("452", "552"), "full"),
    "450": "locked",
    "551": "missing",
    "553": "refused",
}
#: Some services say "forbidden" to credentials that they do not know.
_NO_SIGN_IN: Final = re.compile(
    "AuthenticationFailed|AuthorizationFailure|InvalidAuthenticationInfo|InvalidAccessKeyId|SignatureDoesNotMatch"
    "|invalid_grant|invalid_client|invalid_access_token|expired_access_token|bad_auth_token|signing http request"
)
_SAID: Final = re.compile(r"^(\w+) \((?:permanent|temporary|persistent)\)")
_CODE: Final = re.compile(r"response: Parts \{ status: (\d{3})|(Invalid response): \[(\d{3})\]")
_AFTER: Final = re.compile(r'"retry-after": "(\d{1,6})"')


def refusal(error: BaseException) -> RemoteError:
    """What an error of the library means. Its text holds addresses, and signatures in them: only its codes are told."""
    text = str(error)
    said = _SAID.match(text)
    name = said[1] if said else type(error).__name__
    code = _CODE.search(text)
    number, replies = ((code[1] or code[3]), _REPLY if code[2] else _STATUS) if code else ("", _STATUS)
    kind = _KINDS.get(name) or replies.get(number) or "unreachable"
    if _NO_SIGN_IN.search(text) or (kind == "refused" and number == "401"):
        kind = "sign_in"
    after = _AFTER.search(text)
    return RemoteError(
        kind,
        f"The service answers {name}{f' ({number})' if number else ''}.",
        retry_after=float(after[1]) if after else None,
    )


@contextmanager
def refusing() -> Iterator[None]:
    """Raises RemoteError for what the library raises."""
    try:
        yield
    except _KNOWN as error:
        raise refusal(error) from None


class Calls:
    """What is asked of a service. Paths are whole ones, those of folders end with "/"; "" is the top."""

    def __init__(self, service: str, config: dict[str, str], root: str = "/") -> None:
        with refusing():
            operator = opendal.AsyncOperator(service, root=root, **config)
            self._operator = operator.layer(layers.TimeoutLayer(timeout=SECONDS, io_timeout=_SENDING))
        self.can = self._operator.capability()
        self._guards = True

    async def stat(self, path: str) -> Any | None:
        """What is known of a file or folder; None where there is none."""
        try:
            with refusing():
                return await self._operator.stat(path)
        except RemoteError as error:
            if error.kind != "missing":
                raise
            return None

    async def entries(self, path: str, *, deep: bool = False) -> AsyncGenerator[Any]:
        """What a folder holds; with ``deep`` all that lies below, in any order."""
        with refusing():
            found = aiter(await self._operator.list(path or "/", recursive=deep or None))
        while True:
            try:
                with refusing():
                    entry = await anext(found)
            except StopAsyncIteration:
                return
            if entry.path.removeprefix("/") != path:  # itself
                yield entry

    async def holds(self, path: str) -> bool:
        """Whether there is anything in a folder."""
        async with aclosing(self.entries(path)) as entries:
            async for _ in entries:
                return True
        return False

    async def reader(self, path: str, etag: str) -> Any:
        """A file to read from; of this etag, where the service can be asked so."""
        asked: dict[str, Any] = {"if_match": etag} if etag and self.can.read_with_if_match else {}
        with refusing():
            return await self._operator.open(path, "rb", **asked)

    async def writer(self, path: str, media_type: str, condition: dict[str, Any]) -> Any:
        """A file to write to. What is not closed never appears."""
        how: dict[str, Any] = {"chunk": PART} if self.can.write_can_multi else {}
        if media_type and self.can.write_with_content_type:
            how["content_type"] = media_type
        with refusing():
            return await self._operator.open(path, "wb", **how, **condition)

    async def make_folder(self, path: str) -> None:
        """A folder and those above it; nothing where it is there."""
        with refusing():
            await self._operator.create_dir(path)

    async def rename(self, source: str, target: str) -> None:
        """A file."""
        with refusing():
            await self._operator.rename(source, target)

    async def copy(self, source: str, target: str) -> None:
        """A file."""
        with refusing():
            await self._operator.copy(source, target)

    async def delete(self, path: str, etag: str = "") -> None:
        """A file or folder; nothing where it is gone. Raises ``changed`` unless it has the etag, where that can be asked."""
        if etag and self._guards:
            try:
                with refusing():
                    await self._operator.delete(path, if_match=etag)
                return
            except RemoteError as error:
                if error.kind != "unsupported":
                    raise
                self._guards = False
        with refusing():
            await self._operator.delete(path)

    async def close(self) -> None:
        """Let the last call come to its end."""
        await asyncio.sleep(_LAST_WORDS)
