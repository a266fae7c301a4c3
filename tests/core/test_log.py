"""The log: one line each, and never in the way of what it tells of."""

import json
import sys
from pathlib import Path

import pytest

from dossier.core import log
from dossier.core.log import log as it


class TestConfigure:
    def test_json(self, capfd: pytest.CaptureFixture[str]) -> None:
        log.configure("json", "info")
        it.info("something", number=1, text="two\nlines")
        it.debug("nothing")
        (line,) = capfd.readouterr().err.splitlines()
        told = json.loads(line)
        assert told.pop("timestamp").endswith("Z")
        assert told == {"event": "something", "level": "info", "number": 1, "text": "two\nlines"}

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="a file that is always full")
    @pytest.mark.parametrize("form", ["json", "console"])
    def test_a_full_disk_costs_the_line(self, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
        log.configure(form, "info")
        full = Path("/dev/full").open("w", buffering=1)  # noqa: SIM115  # closing it fails as well
        monkeypatch.setattr(sys, "stderr", full)
        it.warning("lost")
        try:
            raise RuntimeError("made up")
        except RuntimeError:
            it.exception("lost")
        with pytest.raises(OSError, match="space"):
            full.close()

    def test_a_closed_file_too(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        log.configure("json", "info")
        with (tmp_path / "log").open("w") as file:
            monkeypatch.setattr(sys, "stderr", file)
        it.info("lost")
