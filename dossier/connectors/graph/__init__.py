"""OneDrive and SharePoint by Microsoft Graph v1.0: the connector, a wizard's lists of places, and change notifications."""

from dossier.connectors.graph.auth import TOKEN_URL, Credentials
from dossier.connectors.graph.connector import GraphConnector
from dossier.connectors.graph.consent import Consent, Consents
from dossier.connectors.graph.hooks import Hint, Subscription, Subscriptions, Validation, heard
from dossier.connectors.graph.picker import Picker, Place
from dossier.connectors.graph.quickxor import QuickXor
from dossier.connectors.graph.wire import GRAPH_URL, Graph

__all__ = [
    "GRAPH_URL",
    "TOKEN_URL",
    "Consent",
    "Consents",
    "Credentials",
    "Graph",
    "GraphConnector",
    "Hint",
    "Picker",
    "Place",
    "QuickXor",
    "Subscription",
    "Subscriptions",
    "Validation",
    "heard",
]
