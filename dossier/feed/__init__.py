"""The feed: the events of a workspace that an actor may see, as pages and as a live stream."""

from dossier.feed.service import page

__all__ = ["page"]
