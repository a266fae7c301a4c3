"""Exports coming in again: into an empty workspace, with all their history."""

from dossier.transfer.imports.reader import is_export
from dossier.transfer.imports.run import import_export

__all__ = ["import_export", "is_export"]
