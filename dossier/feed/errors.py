"""The ways the feed refuses."""

from dossier.core.errors import NotFound


class EventTypeNotFound(NotFound):
    """No such type of event."""

    code = "event_type_not_found"
    title = "There is no such type of event"
