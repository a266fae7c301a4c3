"""Uploads: files that come in pieces and survive a reload, a lost connection and a restart (tus 1.0), until they are
documents."""

from dossier.uploads.desk import Desk
from dossier.uploads.errors import UploadNotFound
from dossier.uploads.jobs import JOBS
from dossier.uploads.queries import workspace_of

__all__ = ["JOBS", "Desk", "UploadNotFound", "workspace_of"]
