"""The whole production stack under these tests, once: real processes of everything, behind a real nginx."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import BUILT_PORTAL
from tests.faults.work import client_of
from tools.servers import until
from tools.stack import Stack


@pytest.fixture(scope="session")
def whole_stack() -> Iterator[Stack]:
    """The stack, for whoever leaves it whole."""
    with tempfile.TemporaryDirectory(prefix="dossier-faults-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        portal = folder / "portal"
        portal.symlink_to(BUILT_PORTAL)
        with Stack(folder, portal) as stack:
            yield stack


@pytest.fixture(scope="session")
def token(whole_stack: Stack) -> str:
    """The token of an owner."""
    whole_stack.dossier("user", "add", "owner@example.com", "--workspace", "acme", "--role", "owner")
    return whole_stack.dossier("token", "add", "owner@example.com", "--workspace", "acme").strip()


@pytest.fixture
def stack(whole_stack: Stack, token: str) -> Iterator[Stack]:
    """The stack, all of it running; and again at the end, whatever a test took away."""
    yield whole_stack
    for part in [*whole_stack.servers, *whole_stack.programs]:
        if not part.running:
            part.start()
    with client_of(whole_stack, token) as client:
        until(lambda: client.get("/health/ready").json().get("status") == "ok", 30, lambda: "The stack did not heal")
