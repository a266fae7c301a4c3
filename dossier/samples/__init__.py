"""Samples: a folder of documents with versions and tasks, made by the code, for whoever wants to look around."""

from dossier.samples.service import present

__all__ = ["present"]
