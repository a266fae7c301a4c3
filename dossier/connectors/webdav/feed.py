"""A feed of changes, where a WebDAV server has one: collection synchronization (RFC 6578).

A listing begins with the server's present token, and a REPORT with that token tells what has become of its members since, to
any depth. Few servers of files have it; the others are listed anew at each look.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from dossier.connectors.contract import Kind, Page, RemoteError
from dossier.connectors.headers import date_of
from dossier.connectors.names import is_hidden
from dossier.connectors.webdav import answers
from dossier.connectors.webdav.answers import Found
from dossier.connectors.webdav.reading import item_of
from dossier.connectors.webdav.wire import Wire, refusal

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_XML: Final = {"Content-Type": 'application/xml; charset="utf-8"'}
#: Answers after which the token is good for nothing (section 3.2 asks for 403; some say 400, 409 or 412, or 501 when they
#: have been changed): the next look lists everything.
_NO_MORE: Final[frozenset[Kind]] = frozenset({"refused", "changed", "missing", "unsupported", "name_taken"})
_MOST_PARTS: Final = 10_000


async def token(wire: Wire) -> str:
    """The present token of the base; "" where the server has no feed.

    To be asked only of servers that know REPORT: a property that it does not know makes rclone read a file as a whole.
    """
    async with wire.asked(
        "PROPFIND", (), slash=True, headers={"Depth": "0", **_XML}, body=answers.ASKED_TOKEN
    ) as response:
        if response.status != 207:
            return ""
        answer = await wire.whole(response)
    return answers.present_token(await asyncio.to_thread(answers.tree, answer))


async def changes(wire: Wire, since: str) -> AsyncIterator[Page]:
    """What has become of the members since a token. Each page has the token to go on from. Raises ``resync`` where the
    server does not take it any more."""
    seen = {since}
    for _ in range(_MOST_PARTS):
        page, whole = await _part(wire, since)
        yield page
        if whole:
            return
        # Part of it (section 3.6): the rest comes with the new token.
        since = page.cursor or ""
        if since in seen:
            raise RemoteError("resync", "The server tells the same part of its changes again and again.")
        seen.add(since)
    raise RemoteError("resync", "The server does not come to the end of its changes.")


async def _part(wire: Wire, since: str) -> tuple[Page, bool]:
    """A page, and whether it is the last."""
    root, date = await _report(wire, since)
    cursor = answers.next_token(root)
    if not cursor:
        raise RemoteError("unreachable", "The server tells changes, and not up to where.")
    found, gone, whole = dict[tuple[str, ...], Found](), list[str](), True
    for each in answers.responses(root):
        steps = wire.base.path_of(each.href)
        if not steps:
            # Of the base itself only that a part has ended is told (507).
            whole = whole and (steps is None or each.status != 507)
        elif each.status == 404:
            gone.append("/".join(steps))
        elif each.status != 200:
            raise refusal("REPORT", each.status, {})
        elif not is_hidden(steps[-1]):
            found[tuple(steps)] = each
    # A folder comes before what lies in it.
    items = [item_of(steps, found[steps], date) for steps in sorted(found, key=len)]
    return Page(items, gone, cursor), whole


async def _report(wire: Wire, since: str) -> "tuple[Element, datetime]":
    """The server's answer, and its time."""
    body = answers.asked_changes(since, owncloud=wire.owncloud)
    try:
        async with wire.asked("REPORT", (), slash=True, headers={"Depth": "0", **_XML}, body=body) as response:
            if response.status != 207:
                raise RemoteError("unreachable", f"The server answers {response.status} to REPORT.")
            answer = await wire.whole(response)
            date = date_of(response.headers.get("Date")) or datetime.now(UTC)
    except RemoteError as error:
        if error.kind not in _NO_MORE:
            raise
        raise RemoteError("resync", "The server does not take its own token any more.") from error
    return await asyncio.to_thread(answers.tree, answer), date
