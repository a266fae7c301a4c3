"""Connectors: one adapter for each kind of system that a client may keep documents in, all under one contract."""

from dossier.connectors.contract import Caps, Connector, Content, Item, OldVersion, Page, RemoteError, Right

__all__ = ["Caps", "Connector", "Content", "Item", "OldVersion", "Page", "RemoteError", "Right"]
