"""The ways downloads refuse."""

from dossier.core.errors import NotFound


class TicketEnded(NotFound):
    """The ticket was used, has expired, never was, or its member may not come in any more."""

    code = "ticket_ended"
    title = "This download link has ended; ask for a new one"
