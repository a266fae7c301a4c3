"""`kill -9` in the middle of an import, an export and the import of an export; then the same command again."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.transfer.office import lines, told, write

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
FILES = {f"{n % 9}/{n} 🎉.txt": f"content {n % 400}".encode() * 50 for n in range(700)}


class Shell:
    """Runs `dossier` on one data folder."""

    def __init__(self, data: Path) -> None:
        self.env = {**os.environ, "DOSSIER_DATA_DIR": str(data), "DOSSIER_LOG_LEVEL": "error"}

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """Start a command."""
        command = [sys.executable, "-m", "dossier.cli", *words]
        return subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __call__(self, *words: str, code: int = 0) -> Any:
        """Run a command with ``--json``; what it prints."""
        process = self.start(*words, "--json")
        out, err = process.communicate(timeout=120)
        assert process.returncode == code, out + err
        return json.loads(out)

    def kill(self, after: float, *words: str) -> bool:
        """Start a command and kill it; whether it was still running."""
        process = self.start(*words)
        time.sleep(after)
        killed = process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return killed


@pytest.fixture
def dossier(tmp_path: Path) -> Shell:
    """The command line on a data folder with an empty workspace ``acme``."""
    shell = Shell(tmp_path / "var")
    shell("user", "add", "mara@example.com", "--workspace", "acme", "--role", "owner")
    return shell


def delays() -> list[float]:
    """When to kill: a command takes about a second to begin."""
    dice = random.Random(9)
    return [dice.uniform(1.0, 4.5) for _ in range(5)]


def contents(root: Path) -> dict[str, bytes]:
    """What an export holds for people."""
    top = root / "documents"
    return {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}


def test_everything_killed_and_started_again(dossier: Shell, tmp_path: Path) -> None:
    tree, out = str(write(tmp_path / "in", FILES)), tmp_path / "out"
    killed = [dossier.kill(delay, "import", tree, "--workspace", "acme") for delay in delays()]
    report = dossier("import", tree, "--workspace", "acme")
    assert report["added"] + report["unchanged"] == len(FILES)
    assert report["versions"] == 0
    assert dossier("doctor")["findings"] == []

    killed += [dossier.kill(delay, "export", str(out), "--workspace", "acme") for delay in delays()[:3]]
    dossier("export", str(out), "--workspace", "acme")
    assert contents(out) == FILES
    assert all(len(json.loads((out / each["details"]).read_text())["versions"]) == 1 for each in index(out))

    dossier("user", "add", "mara@example.com", "--workspace", "beta", "--role", "owner")
    killed += [dossier.kill(delay, "import", str(out), "--workspace", "beta") for delay in delays()]
    report = dossier("import", str(out), "--workspace", "beta")
    assert report["documents"] + report["present"] == len(FILES)
    assert dossier("doctor")["findings"] == []
    dossier("export", str(tmp_path / "again"), "--workspace", "beta")
    assert told(tmp_path / "again") == told(out)
    assert sum(killed) >= 5, "too few were still running"


def index(root: Path) -> list[dict[str, str]]:
    """The index of an export."""
    return lines(root / "documents.jsonl")
