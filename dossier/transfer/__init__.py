"""Transfer: trees of files in, whole workspaces out and in again, contents to another storage, and is everything whole."""

from dossier.transfer import say
from dossier.transfer.doctor import CODES, Diagnosis, Finding, examine
from dossier.transfer.errors import ContentDamaged, DestinationTaken, ExportUnfit, PathUnfit, WorkspaceNotEmpty
from dossier.transfer.exports import export_workspace
from dossier.transfer.imports import import_export, is_export
from dossier.transfer.progress import Quiet, shown
from dossier.transfer.report import Report
from dossier.transfer.stores import copy_storage
from dossier.transfer.trees import TreeReport, import_tree

__all__ = [
    "CODES",
    "ContentDamaged",
    "DestinationTaken",
    "Diagnosis",
    "ExportUnfit",
    "Finding",
    "PathUnfit",
    "Quiet",
    "Report",
    "TreeReport",
    "WorkspaceNotEmpty",
    "copy_storage",
    "examine",
    "export_workspace",
    "import_export",
    "import_tree",
    "is_export",
    "say",
    "shown",
]
