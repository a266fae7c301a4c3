"""The ways the webhooks room refuses."""

from dossier.core.errors import Conflict, Invalid, NotFound


class WebhookNotFound(NotFound):
    """No such webhook in this workspace."""

    code = "webhook_not_found"
    title = "There is no such webhook here"


class DeliveryNotFound(NotFound):
    """No such delivery of this webhook, or one that is no longer kept."""

    code = "delivery_not_found"
    title = "There is no such delivery of this webhook"


class TooManyWebhooks(Conflict):
    """The workspace has as many webhooks as it can have."""

    code = "too_many_webhooks"
    title = "This workspace has as many webhooks as it can have"


class TooManyEvents(Invalid):
    """A range of the feed that is too long to be sent again in one go."""

    code = "too_many_events"
    title = "This is too much to be sent again at once"
