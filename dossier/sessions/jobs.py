"""What workers call for the sessions room."""

from typing import Any
from uuid import UUID

from dossier.core.actor import NOBODY
from dossier.core.events import Consumer, EventRow
from dossier.core.jobs import Handler, JobRow
from dossier.core.units import Unit
from dossier.sessions import service

TEXT = """Somebody asked for a new password for this e-mail in Dossier.

Open this address to set one. It works once, for {minutes} minutes:

{url}

If it was not you, do nothing: your password stays as it is.
"""


async def send_reset(context: Any, job: JobRow) -> None:
    """Mail a link for a new password; nothing where nobody has this e-mail."""
    email = str(job.payload["email"])
    letter = await context.units.run(NOBODY, lambda unit: service.make_reset_link(unit, email, context.settings))
    if letter is not None:
        address, url = letter
        text = TEXT.format(minutes=context.settings.reset_minutes, url=url)
        await context.mail.send(address, "A new password for Dossier", text)


async def end_credentials(unit: Unit, event: EventRow) -> None:
    """A deactivated member's tokens and sessions, refused from the first moment, do not come back with the member."""
    await service.end_credentials(unit, UUID(event.data["member_id"]), event.at)


CONSUMERS = [Consumer("sessions.endings", frozenset({"member.deactivated"}), end_credentials)]
JOBS: dict[str, Handler] = {"sessions.send_reset": Handler(send_reset)}
