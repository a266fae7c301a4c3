"""Secrets Manager for the tests of settings, and an environment without anybody's own settings."""

import os
from collections.abc import Iterator

import pytest

from tests.moto import CREDENTIALS, SecretsManager


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
