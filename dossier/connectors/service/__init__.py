"""Storage services that have no connector of their own, reached through OpenDAL (ADR 0032)."""

from dossier.connectors.service.connector import ServiceConnector
from dossier.connectors.service.traits import TRAITS, Storage

__all__ = ["TRAITS", "ServiceConnector", "Storage"]
