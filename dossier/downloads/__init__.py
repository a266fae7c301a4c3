"""Downloads: any selection of documents and folders as one zip, made while it is sent, by a ticket that works once."""

from dossier.downloads.errors import TicketEnded
from dossier.downloads.plans import Plan, plan, stream
from dossier.downloads.service import forget_expired

__all__ = ["Plan", "TicketEnded", "forget_expired", "plan", "stream"]
