"""Real certificates for tests, made once per folder."""

from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from tools.pki import Authority

SECRET = "an-edge-secret-of-the-tests-0123456789"


def authority(folder: Path) -> Authority:
    """An authority with a client, one that ran out, one that is to come, and a server."""
    made = Authority.make(folder)
    made.client("client", "Nordwind")
    made.client("ended", lasts=timedelta(minutes=5), ago=timedelta(hours=1))
    made.client("to_come", lasts=timedelta(days=9), ago=timedelta(days=-2))
    made.server("dms.example")
    return made


def pem(pki: Authority, name: str) -> str:
    """A certificate in PEM."""
    return pki.path(name, "crt").read_text()


def shown(pem: str, secret: str = SECRET, verified: str = "SUCCESS") -> dict[str, str]:
    """What the partners' door of the edge sends on for whoever shows this certificate."""
    return {"X-Edge-Secret": secret, "X-Client-Cert-Pem": quote(pem), "X-Client-Cert-Verify": verified}
