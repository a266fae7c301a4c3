"""The feed: the events of a workspace that an actor may see, as pages and live; and what each type looks like."""

from dossier.feed.cloud import ONE, cloud_event
from dossier.feed.kinds import ABOUT
from dossier.feed.service import one, page

__all__ = ["ABOUT", "ONE", "cloud_event", "one", "page"]
