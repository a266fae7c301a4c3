"""Secrets Manager for the tests of settings, an environment without anybody's own settings, and databases to change."""

import os
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.moto import CREDENTIALS, SecretsManager
from tools.servers import DatabaseServer, database_server

# It need not survive a loss of power, and schemas are written in many small files.
HASTY = ("--innodb-flush-method=nosync", "--innodb-flush-log-at-trx-commit=0")


@pytest.fixture(scope="session")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecretsManager]:
    """Secrets Manager, started once."""
    manager = SecretsManager(tmp_path_factory.mktemp("moto")).start()
    yield manager
    manager.stop()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Nothing of Dossier's in the environment, and AWS credentials that moto takes."""
    for name in [name for name in os.environ if name.startswith(("DOSSIER_", "AWS_"))]:
        monkeypatch.delenv(name)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.fixture(scope="session")
def server() -> Iterator[DatabaseServer]:
    """A database server for what tests make in it."""
    server = database_server(*HASTY).start()
    yield server
    server.close()


@pytest.fixture
def name(server: DatabaseServer) -> Iterator[str]:
    """The name of an empty database in it."""
    name = f"t{uuid4().hex}"
    server.make_database(name)
    yield name
    server.execute(f"DROP DATABASE {name}")
