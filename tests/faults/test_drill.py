"""The restore drill of deploy/drill.py, under work: what was answered before it began is in the restored stack, whole."""

import json
import subprocess
import sys
import time
from copy import deepcopy
from pathlib import Path

import httpx
import pytest

from tests.faults.work import Journal, sha256, working
from tools.stack import DATABASE, Program, Stack

DRILL = Path(__file__).parents[2] / "deploy" / "drill.py"
RESTORED = "restored"


def drill(stack: Stack, database: str, storage: str, *args: str) -> subprocess.CompletedProcess[str]:
    """One run of the drill against the living stack."""
    places = {"RESTORED_DATABASE_URL": database, "RESTORED_STORAGE_URL": storage}
    command = [sys.executable, str(DRILL), *args]
    return subprocess.run(command, env=stack.env | places, capture_output=True, text=True, timeout=300)


def before(journal: Journal) -> Journal:
    """What has been answered up to now."""
    return Journal(deepcopy(journal.versions), deepcopy(journal.tasks), run=journal.run)


class TestDrill:
    def test_what_was_answered_can_be_had_back(self, stack: Stack, token: str, tmp_path: Path) -> None:
        stack.make_database(RESTORED)
        database, storage = stack.database.address(RESTORED), stack.storage.address(RESTORED)
        with working(stack, token) as journal:
            time.sleep(4)
            answered = before(journal)
            done = drill(stack, database, storage, "--keep", str(tmp_path))
        assert done.returncode == 0, done.stdout + done.stderr
        report = json.loads(done.stdout.splitlines()[-1])
        assert report["doctor"]["findings"] == []
        assert (tmp_path / "dossier.sql").stat().st_size > 10_000
        assert answered.writes > 5

        settings = {"DATABASE_URL": database, "STORAGE_URL": storage}
        env = stack.env | {f"DOSSIER_{name}": value for name, value in settings.items()}
        program = Program(stack.folder / "restored", env, "serve", "--no-worker")
        program.start()
        try:
            self.check(program, token, answered)
        finally:
            program.stop()

    def check(self, program: Program, token: str, answered: Journal) -> None:
        """Every version that was answered is there with its bytes, and every task."""
        address = f"http://127.0.0.1:{program.port}/api/v1"
        with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=30) as client:
            for id_, versions in answered.versions.items():
                for number, digest in versions.items():
                    content = client.get(f"/documents/{id_}/versions/{number}/content")
                    assert sha256(content.content) == digest
                tasks = client.get(f"/documents/{id_}/tasks", params={"limit": 200}).json()["items"]
                assert {each["id"] for each in tasks} >= answered.tasks[id_]

    @pytest.mark.parametrize("what", ["same database", "same storage", "not empty"])
    def test_the_living_stack_is_never_written_into(self, stack: Stack, token: str, what: str) -> None:
        stack.make_database("empty")
        database, storage = stack.database.address("empty"), stack.storage.address("empty")
        if what == "same database":
            database = stack.database.address(DATABASE)
        elif what == "same storage":
            storage = stack.storage.address("main")
        else:
            stack.make_database("full")
            stack.database.execute("CREATE TABLE IF NOT EXISTS full.t (n INT)")
            database = stack.database.address("full")
        done = drill(stack, database, storage)
        assert done.returncode == 1
        assert ("not empty" if what == "not empty" else "living stack") in done.stderr
