"""The portal's read models, one file per screen: what a screen shows comes in one request and few statements.

Reads across domains; whoever asks sees what the domains' own queries let them see.
"""

from dossier.portal.screens import activity, finding, home, jobs, workspace

__all__ = ["activity", "finding", "home", "jobs", "workspace"]
