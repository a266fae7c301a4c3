"""A program that has an edge, and certificates to show."""

import pytest

from dossier.core.settings import Settings
from tests.certificates.certs import SECRET, authority
from tools.pki import Authority


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority with some certificates."""
    return authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings with the edge's secret."""
    return settings.model_copy(update={"edge_secret": SECRET})
