"""A tree of files to a Dossier elsewhere, by HTTP and tus 1.0; what breaks on the way is gone on with."""

from dossier.transfer.remote.server import Address
from dossier.transfer.remote.tree import OnConflict, send_tree

__all__ = ["Address", "OnConflict", "send_tree"]
