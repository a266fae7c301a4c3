"""A client of the edge: HTTPS that trusts one authority alone, with or without a certificate of its own."""

import http.client
import json
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.trust.server import Answer
from tools.nginx import HOST

Body = bytes | Iterable[bytes] | dict[str, Any] | None


def trusting(ca: Path, pair: "tuple[Path, Path] | None" = None) -> ssl.SSLContext:
    """How a client speaks TLS that trusts ``ca`` and shows the certificate and key of ``pair``."""
    context = ssl.create_default_context(cafile=str(ca))
    if pair is not None:
        context.load_cert_chain(*map(str, pair))
    return context


@dataclass(frozen=True)
class Door:
    """A port of the edge and what is sent with every request. Each request has a connection of its own."""

    port: int
    ca: Path
    pair: "tuple[Path, Path] | None" = None
    headers: dict[str, str] = field(default_factory=dict)

    def connect(self, seconds: float = 60) -> http.client.HTTPSConnection:
        """A connection, not yet open."""
        return http.client.HTTPSConnection(HOST, self.port, timeout=seconds, context=trusting(self.ca, self.pair))

    def ask(self, method: str, path: str, body: Body = None, /, **headers: str) -> Answer:
        """One request with the whole answer. ``If_Match`` gets its hyphen."""
        sent = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        if isinstance(body, dict):
            body, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        connection = self.connect()
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        """GET."""
        return self.ask("GET", path, **headers)
