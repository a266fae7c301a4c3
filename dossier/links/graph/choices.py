"""What a person picks a link's place from: sites, drives and folders, asked of Microsoft Graph when they are wanted."""

import asyncio
from typing import Any

from dossier.connectors import RemoteError
from dossier.core.actor import Actor
from dossier.core.errors import Invalid
from dossier.core.outward import Outward
from dossier.core.web import Wire
from dossier.links import boxes, making
from dossier.links.errors import LinkUnreachable
from dossier.links.graph import sign_ins
from dossier.links.graph.schemas import ChoiceQuestion, Drives, Folders, Sites

SECONDS = 20.0


async def find(context: Any, actor: Actor, question: ChoiceQuestion) -> list[Wire]:
    """What there is to choose from. Raises LinkUnreachable with what to do, Invalid."""
    from dossier.connectors.graph import Graph, Picker

    config = question.model_dump(mode="json", include=set(sign_ins.APP))
    secrets, rotated = await sign_ins.known(context, actor, "graph", config, question.credentials)
    if question.ask.kind == "my_drives" and boxes.TOKEN not in secrets:
        raise Invalid(fields={"ask.kind": "Only a person who signed in has drives of their own."})
    who = making.graph_credentials(config, secrets, rotated)
    base_url, token_url = making.CLOUDS[question.cloud]
    try:
        async with asyncio.timeout(SECONDS), Outward.from_settings(context.settings).session(whole=None) as session:
            places = await _ask(Picker(Graph(session, who, base_url=base_url, token_url=token_url)), question)
    except RemoteError as error:
        raise LinkUnreachable(error.detail, reason=error.kind) from error
    except TimeoutError:
        raise LinkUnreachable(f"There was no answer within {SECONDS:.0f} s.", reason="unreachable") from None
    return [{"id": each.id, "name": each.name, "web_url": _shown(each.web_url)} for each in places]


async def _ask(picker: Any, question: ChoiceQuestion) -> Any:
    match question.ask:
        case Sites(words=words):
            return await picker.sites(words)
        case Drives(of=of, owner_id=owner_id):
            return await picker.drives(of, owner_id)
        case Folders(drive_id=drive_id, folder_id=folder_id):
            return await picker.folders(drive_id, folder_id)
    return await picker.my_drives()


def _shown(url: str) -> str:
    """Only what can be followed without harm."""
    return url if url.startswith("https://") else ""
