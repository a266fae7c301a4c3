"""Links: a folder kept in step, in both directions, with a place in the client's own document management system.

``sync`` decides and does: a pure planner, and an engine on two contracts (the other side: ``connectors``; ours: ``Books``).
The rest keeps the books on the database and tells people and programs how a link stands.
"""

from dossier.links.jobs import CONSUMERS, JOBS, gather

__all__ = ["CONSUMERS", "JOBS", "gather"]
