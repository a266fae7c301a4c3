"""Renditions: what is made of a content so that a browser can show it. A PDF of an office file, a thumbnail.

Each is made once per content and kind, by a job, when somebody first asks; the blob goes when no version has the content.
"""

from dossier.renditions.jobs import CONSUMERS, JOBS

__all__ = ["CONSUMERS", "JOBS"]
