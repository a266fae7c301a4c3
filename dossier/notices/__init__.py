"""Notices: what a member is told because somebody else did it: a task given, said something on, done; a new version.

A consumer writes a row per member and event; what somebody may not see (any more) is left out when it is read.
"""

from dossier.notices.jobs import CONSUMERS, JOBS
from dossier.notices.service import list_, mark_read, unread

__all__ = ["CONSUMERS", "JOBS", "list_", "mark_read", "unread"]
