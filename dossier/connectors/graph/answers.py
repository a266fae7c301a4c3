"""What Microsoft Graph answers, and its refusals as the contract's. Source: learn.microsoft.com/graph/errors."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from dossier.connectors.contract import Kind, RemoteError
from dossier.connectors.headers import retry_after

_LONGEST_MESSAGE: Final = 200
_ADDRESS: Final = re.compile(r"\w+://\S+")
#: What a code says is more exact than its status.
_CODES: Final[dict[str, Kind]] = {
    "nameAlreadyExists": "name_taken",
    "itemNotFound": "missing",
    "accessDenied": "refused",
    "quotaLimitReached": "full",
    "insufficientStorage": "full",
    "activityLimitReached": "throttled",
    "resourceModified": "changed",
    "resourceLocked": "locked",
    "resyncRequired": "resync",
    "resyncChangesApplyDifferences": "resync",
    "resyncChangesUploadDifferences": "resync",
}
_STATUSES: Final[dict[int, Kind]] = {
    401: "sign_in",
    404: "missing",
    408: "unreachable",
    409: "changed",
    412: "changed",
    423: "locked",
    429: "throttled",
    507: "full",
    509: "throttled",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that was read whole. ``body`` is empty where it held no JSON object."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)
    #: The ``client-request-id`` of the request, which Microsoft's support asks for.
    request_id: str = ""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def codes(self) -> list[str]:
        """The error's code and those inside of it, the outermost first."""
        found, error = list[str](), self.body.get("error")
        while isinstance(error, dict):
            found.append(str(error.get("code", "")))
            error = next((error[key] for key in ("innerError", "innererror") if key in error), None)
        return [code for code in found if code]


def refusal(answer: Answer, *, gone: Kind = "missing") -> RemoteError:
    """What an answer that is none of 2xx means; ``gone`` says what 410 does."""
    wait = retry_after(answer.headers)
    kind = gone if answer.status == 410 else _kind(answer, wait)
    return RemoteError(kind, _detail(answer), retry_after=wait)


def _kind(answer: Answer, wait: float | None) -> Kind:
    for code in answer.codes:
        if code in _CODES and answer.status != 401:
            return _CODES[code]
    if answer.status == 503 and wait is not None:
        return "throttled"
    if answer.status in _STATUSES:
        return _STATUSES[answer.status]
    return "refused" if 400 <= answer.status < 500 else "unreachable"


def _detail(answer: Answer) -> str:
    error = answer.body.get("error")
    message = str(error.get("message", "")) if isinstance(error, dict) else ""
    # An address may be a signed one.
    message = _ADDRESS.sub("…", message)[:_LONGEST_MESSAGE]
    code = f" {answer.codes[0]}" if answer.codes else ""
    told = f": {message}" if message else "."
    return f"Microsoft Graph answered {answer.status}{code} (request {answer.request_id}){told}"
