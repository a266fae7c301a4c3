"""Change notifications of a drive: subscriptions, and what Graph then posts to us.

Source: learn.microsoft.com/graph/change-notifications-delivery-webhooks and change-notifications-lifecycle-events. A
notification says only that something in the drive has changed: it is a hint to ask for the changes. For drives neither
``missed`` nor ``subscriptionRemoved`` is promised, so that asking now and then stays necessary.
"""

import hmac
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from dossier.connectors.contract import RemoteError
from dossier.connectors.graph.items import moment
from dossier.connectors.graph.names import segment
from dossier.connectors.graph.wire import Graph

#: How long a subscription of a drive may last.
LONGEST: Final = timedelta(minutes=42_300)
_LONGEST_STATE: Final = 128
_LIFECYCLE: Final[dict[str, "What"]] = {
    "reauthorizationRequired": "reauthorize",
    "subscriptionRemoved": "removed",
    "missed": "missed",
}
What = Literal[
    "changed",  # something in the drive: ask for the changes
    "reauthorize",  # the subscription has to be renewed (or reauthorized), or it falls silent
    "removed",  # it is gone: make a new one, then ask for the changes
    "missed",  # some notifications were lost: ask for the changes
]


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription and when it ends."""

    id: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Hint:
    """What a notification says of a subscription."""

    what: What
    subscription_id: str


@dataclass(frozen=True, slots=True)
class Validation:
    """Graph asks whether the address is ours: answer 200 with ``text`` as ``text/plain`` within ten seconds."""

    text: str


class Subscriptions:
    """The subscriptions of one drive. Raises RemoteError."""

    def __init__(self, graph: Graph, drive_id: str) -> None:
        self._graph, self._resource = graph, f"/drives/{drive_id}/root"  # no address: as it is

    async def create(self, url: str, client_state: str, until: datetime) -> Subscription:
        """Have changes of the drive posted to ``url``, which has to answer the validation meanwhile.

        ``client_state`` is a secret of at most 128 characters that comes with every notification. Ends at ``until``, or
        when the service allows no longer.
        """
        if not 0 < len(client_state) <= _LONGEST_STATE:
            raise ValueError(f"A client state has 1 to {_LONGEST_STATE} characters.")
        wanted = {
            "changeType": "updated",
            "notificationUrl": url,
            "lifecycleNotificationUrl": url,
            "resource": self._resource,
            "clientState": client_state,
            "expirationDateTime": _end(until),
        }
        return _subscription((await self._graph.call("POST", "/subscriptions", body=wanted)).body)

    async def renew(self, subscription_id: str, until: datetime) -> Subscription:
        """Let it last longer; that reauthorizes it too. Raises ``missing`` where it has ended."""
        wanted = {"expirationDateTime": _end(until)}
        where = f"/subscriptions/{segment(subscription_id)}"
        return _subscription((await self._graph.call("PATCH", where, body=wanted)).body)

    async def delete(self, subscription_id: str) -> None:
        """End it; nothing where it has ended."""
        try:
            await self._graph.call("DELETE", f"/subscriptions/{segment(subscription_id)}")
        except RemoteError as error:
            if error.kind != "missing":
                raise


def _end(until: datetime) -> str:
    end = min(until.astimezone(UTC), datetime.now(UTC) + LONGEST - timedelta(minutes=1))
    return end.strftime("%Y-%m-%dT%H:%M:%SZ")


def _subscription(raw: dict[str, Any]) -> Subscription:
    until = moment(raw.get("expirationDateTime"))
    if not raw.get("id") or until is None:
        raise RemoteError("unreachable", "Microsoft Graph told of a subscription without an id or an end.")
    return Subscription(str(raw["id"]), until)


def heard(query: Mapping[str, str], body: bytes, states: Collection[str]) -> Validation | list[Hint]:
    """What a POST to our address says. ``states`` are the client states that are ours.

    Keep the hints, and only then answer 202, within three seconds; an answer of 5xx has them sent again. What has another
    client state is not from Graph and says nothing; neither does what is no JSON. Whether a subscription is known (still)
    is for the caller to see.
    """
    if "validationToken" in query:
        return Validation(query["validationToken"])
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return []
    entries = told.get("value") if isinstance(told, dict) else None
    hints = dict[Hint, None]()
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and (hint := _hint(entry, states)):
            hints[hint] = None
    return list(hints)


def _hint(entry: dict[str, Any], states: Collection[str]) -> Hint | None:
    name = str(entry.get("subscriptionId", ""))
    given = str(entry.get("clientState", "")).encode(errors="replace")
    if not given or not any(hmac.compare_digest(given, each.encode()) for each in states):
        return None
    if "lifecycleEvent" not in entry:
        return Hint("changed", name)
    what = _LIFECYCLE.get(str(entry["lifecycleEvent"]))
    return Hint(what, name) if what else None
