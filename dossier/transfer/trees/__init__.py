"""The import of a tree of files: its structure is kept, what is here already is left alone."""

from dossier.transfer.trees.intake import import_tree
from dossier.transfer.trees.report import TreeReport

__all__ = ["TreeReport", "import_tree"]
