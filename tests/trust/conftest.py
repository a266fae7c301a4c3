"""Fixtures of the trust tests: the nursery, the template folder, and servers that end with their test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.trust.server import Nursery, Server, Template, prepare_template


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """The process that programs are forked off."""
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture(scope="session")
def data_template(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """A migrated data folder with a workspace and its owner."""
    return prepare_template(nursery, tmp_path_factory.mktemp("trust") / "template")


@pytest.fixture
def serving(data_template: Template, tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """``serving(**settings)``: a started server on a folder of its own; ``cold=True`` is the console script."""
    servers: list[Server] = []

    def serve(*, cold: bool = False, **env: str) -> Server:
        data = data_template.copy(tmp_path / f"data{len(servers)}")
        settings = {f"DOSSIER_{name.upper()}": value for name, value in env.items()}
        servers.append(Server(data_template, data, settings, cold=cold))
        return servers[-1].start()

    yield serve
    for server in servers:
        server.kill()
        if errors := server.errors():
            print(f"--- what the server on {server.data.name} wrote ---\n{errors[-8000:]}")
