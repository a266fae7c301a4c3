"""The command line: exit codes, ``--json``, and what each command leaves behind."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dossier.core import db
from dossier.core.db import Database, DatabaseUnfit
from dossier.core.settings import Settings

pytestmark = pytest.mark.slow


class Shell:
    """Runs `dossier` on one data folder."""

    def __init__(self, data: Path) -> None:
        self.env = {**os.environ, "DOSSIER_DATA_DIR": str(data)}

    def __call__(self, *words: str, stdin: str = "", code: int = 0) -> str:
        """Run a command; its standard output, or its standard error where it is to fail."""
        command = [sys.executable, "-m", "dossier", *words]
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, env=self.env, timeout=60, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stderr if code else done.stdout


@pytest.fixture
def dossier(tmp_path: Path) -> Shell:
    """The command line on an empty data folder."""
    return Shell(tmp_path / "var")


class TestPeople:
    def test_user_makes_the_workspace(self, dossier: Shell) -> None:
        words = (
            "user",
            "add",
            "mara@example.com",
            "--workspace",
            "acme",
            "--role",
            "owner",
            "--password-stdin",
            "--json",
        )
        added = json.loads(dossier(*words, stdin="correct horse battery\n"))
        assert (added["workspace"], added["role"]) == ("acme", "owner")
        again = json.loads(
            dossier("user", "add", "mara@example.com", "--workspace", "acme", "--role", "owner", "--json")
        )
        assert again["member_id"] == added["member_id"]

    def test_token_is_printed_alone(self, dossier: Shell) -> None:
        dossier("user", "add", "mara@example.com", "--workspace", "acme", "--role", "owner")
        token = dossier("token", "add", "mara@example.com", "--workspace", "acme")
        assert token.startswith("dsr_")
        assert len(token.split()) == 1

    @pytest.mark.parametrize(
        ("words", "code", "said"),
        [
            (("token", "add", "mara@example.com", "--workspace", "nowhere"), 1, "workspace_not_found"),
            (("user", "add", "no address", "--workspace", "acme"), 1, "invalid"),
            (("user", "add", "a@b.example", "--workspace", "Not A Slug"), 1, "invalid"),
            (("user", "add", "a@b.example", "--workspace", "acme", "--role", "king"), 2, "--role"),
            (("nonsense",), 2, "nonsense"),
        ],
    )
    def test_refusals(self, dossier: Shell, words: tuple[str, ...], code: int, said: str) -> None:
        assert said in dossier(*words, code=code)

    def test_a_weak_password_leaves_nothing(self, dossier: Shell) -> None:
        words = ("user", "add", "mara@example.com", "--workspace", "acme", "--role", "owner", "--password-stdin")
        assert "password" in dossier(*words, stdin="short\n", code=1)
        assert "workspace_not_found" in dossier("token", "add", "mara@example.com", "--workspace", "acme", code=1)


class TestJobs:
    def test_list_and_retry(self, dossier: Shell) -> None:
        assert json.loads(dossier("jobs", "list", "--json")) == []
        assert json.loads(dossier("jobs", "retry", "--json")) == {"retried": 0}


class TestOpenapi:
    def test_is_json(self, dossier: Shell) -> None:
        document: dict[str, Any] = json.loads(dossier("openapi"))
        assert document["openapi"].startswith("3.1")


class TestMigrate:
    def test_twice(self, dossier: Shell) -> None:
        assert dossier("migrate") == dossier("migrate")


class TestStart:
    async def test_durability_is_asserted(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(db.PRAGMAS, "synchronous", "FULL")
        database = Database(settings.database)
        await database.check()
        await database.close()
        monkeypatch.setitem(db.PRAGMAS, "synchronous", "NORMAL")
        database = Database(settings.database)
        with pytest.raises(DatabaseUnfit, match="synchronous"):
            await database.check()
        await database.close()

    def test_old_sqlite_is_refused(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 40, 1))
        with pytest.raises(DatabaseUnfit, match=r"3\.51\.3"):
            Database(settings.database)
