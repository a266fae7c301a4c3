"""What workers call for the users room."""

from typing import Any
from uuid import UUID

from dossier.core.actor import Actor
from dossier.core.jobs import Handler, JobRow
from dossier.users import invitations

TEXT = """You are invited to the workspace "{workspace}" in Dossier.

Open this address to join. It works once:

{url}

If you do not expect this, do nothing.
"""


async def send_invitation(context: Any, job: JobRow) -> None:
    """Mail a link of its own for an invitation; nothing where it is not open any more."""
    invitation_id = UUID(job.payload["invitation_id"])
    letter = await context.units.run(
        Actor.system(job.workspace_id),
        lambda unit: invitations.renew_link(unit, invitation_id, context.settings),
    )
    if letter is not None:
        email, workspace, url = letter
        await context.mail.send(email, f"Invitation to {workspace}", TEXT.format(workspace=workspace, url=url))


JOBS: dict[str, Handler] = {"users.send_invitation": Handler(send_invitation)}
