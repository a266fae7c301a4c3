"""Fixtures of the tests of transfer."""

from collections.abc import Iterator

import pytest

from tests.transfer.elsewhere import Elsewhere


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    """A running Dossier, in which the doctor finds nothing at the end."""
    found = Elsewhere(tmp_path_factory.mktemp("elsewhere"))
    found.program.start()
    yield found
    found.program.stop()
    found.dossier("doctor")
