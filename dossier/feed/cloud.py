"""An event as a CloudEvent 1.0 in structured JSON (CloudEvents JSON format §3), for webhooks and batches of the feed."""

from typing import Final
from uuid import UUID

from dossier.core.web import Wire

ONE: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"


def cloud_event(event: Wire, workspace_id: UUID) -> Wire:
    """``data`` is the event as the feed shows it; ``source`` and ``id`` together name it all over the world.

    ``subject`` is what is nearest to what happened, and is left out where there is none.
    """
    subject = _subject(event)
    return {
        "specversion": "1.0",
        "id": event["id"],
        "source": f"urn:uuid:{workspace_id}",
        "type": event["type"],
        **({"subject": subject} if subject else {}),
        "time": event["at"],
        "datacontenttype": "application/json",
        "data": event,
    }


def _subject(event: Wire) -> str:
    for kind in ("task", "document", "folder"):
        if event[f"{kind}_id"] is not None:
            return f"{kind}s/{event[f'{kind}_id']}"
    return ""
