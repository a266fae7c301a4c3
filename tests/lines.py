"""The log as a test reads it."""

import json
from typing import Any

import pytest

from dossier.core import log


class Lines:
    """The log as JSON, from the level info on. Made within the test: a fixture's standard error is another one."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd
        log.configure("json", "info")

    def of(self, event: str) -> list[dict[str, Any]]:
        """The lines since the last time that say this."""
        lines = [json.loads(line) for line in self._capfd.readouterr().err.splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]
