"""Whole workspaces as plain folders and JSON."""

from dossier.transfer.exports.export import export_workspace

__all__ = ["export_workspace"]
