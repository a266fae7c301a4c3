"""Arrivals: documents and versions whose bytes are here and are read once more, for all who will see them."""

from dossier.uploads.arrivals.service import page

__all__ = ["page"]
