"""What a Dossier elsewhere answers, and whether another try may better it."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from dossier.core.errors import DossierError, StorageFull, Unauthenticated
from dossier.transfer.errors import ServerAway, ServerRefused, ServerUnfit

AWAY: Final = (429, 502, 503, 504)
MOMENTARY: Final = ("upload_busy", "conflict", "offset_mismatch", "upload_stalled")
SOME_TRIES: Final = 6


class Lost(Exception):
    """There was no answer, or one that another try may better, after ``wait`` seconds at least. ``refusal`` is what to say
    in the end, after ``tries`` in a row, or where those are None as long as one has patience."""

    def __init__(self, refusal: DossierError, *, wait: float = 0.0, tries: int | None = None) -> None:
        super().__init__(refusal.detail)
        self.refusal, self.wait, self.tries = refusal, wait, tries


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, whole. Reading what is not there raises Lost: somebody in between has answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def told(self) -> dict[str, Any]:
        """The JSON object that it is."""
        with suppress(ValueError):
            told = json.loads(self.body)
            if isinstance(told, dict):
                return told
        raise Lost(ServerUnfit(f"The answer {self.status} is none of Dossier's."), tries=SOME_TRIES)

    def header(self, name: str) -> str:
        """A header that has to be there."""
        if name not in self.headers:
            raise Lost(
                ServerUnfit(f"The answer {self.status} is none of Dossier's: {name} is missing."), tries=SOME_TRIES
            )
        return self.headers[name]


def judge(answer: Answer, address: str) -> None:
    """Raises Lost; ServerUnfit, Unauthenticated and StorageFull, which the next request would meet too; or ServerRefused."""
    if answer.status < 300:
        return
    if answer.status < 400:
        raise ServerUnfit(f"{address} leads on to {answer.headers.get('Location', 'elsewhere')}: give that address.")
    problem = _problem(answer)
    code, detail = str(problem.pop("code", "")), str(problem.pop("detail", "") or f"It answers {answer.status}.")
    if answer.status == 401:
        raise Unauthenticated(f"{address} does not take the token or certificate; it is unknown or has ended.")
    if answer.status == 507:
        raise StorageFull(f"The server has no space left. {detail}")
    if answer.status in AWAY:
        told = ServerAway(f"{address} answers {answer.status}: {detail}")
        raise Lost(told, wait=_seconds(answer.headers.get("Retry-After", "")))
    refused = ServerRefused(_told_with_fields(problem, detail), code=code, status=answer.status, **problem)
    if answer.status >= 500 or answer.status == 408 or code in MOMENTARY:
        raise Lost(refused, tries=SOME_TRIES)
    raise refused


def _problem(answer: Answer) -> dict[str, Any]:
    """What RFC 9457 says of a refusal; nothing where the answer is another."""
    with suppress(Lost):
        told = answer.told
        return {name: value for name, value in told.items() if name not in ("type", "title", "status")}
    return {}


def _told_with_fields(problem: dict[str, Any], detail: str) -> str:
    fields = problem.pop("fields", None)
    problem.pop("retry_after", None)
    return f"{detail} {'; '.join(f'{name}: {why}' for name, why in fields.items())}" if fields else detail


def _seconds(header: str) -> float:
    """Retry-After in seconds; dates are read as nothing."""
    return float(header) if header.strip().isdigit() else 0.0
