"""What is asserted before the first request: SQLite's settings and version; and that a start with data is quick."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dossier.core import db as loaded
from tests.trust import invariants
from tests.trust.server import Server, Template, environment

Serving = Callable[..., Server]
IN_FORCE = {
    "journal_mode": "wal",
    "synchronous": 2,
    "foreign_keys": 1,
    "trusted_schema": 0,
    "cell_size_check": 1,
    "mmap_size": 0,
}
OTHERWISE = {
    "journal_mode": "DELETE",
    "synchronous": "NORMAL",
    "foreign_keys": "OFF",
    "trusted_schema": "ON",
    "mmap_size": "1000000",
}


@pytest.fixture(scope="module")
def db() -> Any:
    """``dossier.core.db`` as it is written: other tests do without the disk's part of it."""
    spec = importlib.util.spec_from_file_location("db_as_written", str(loaded.__file__))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TestDurability:
    async def test_every_connection_has_the_settings(self, db: Any, tmp_path: Path) -> None:
        database = db.Database(f"sqlite:///{tmp_path / 'dossier.sqlite3'}")
        for engine in (database.writer, database.reader):
            async with engine.connect() as first:
                for name, wanted in IN_FORCE.items():
                    assert (await first.exec_driver_sql(f"PRAGMA {name}")).scalar() == wanted, name
                assert (await first.exec_driver_sql("PRAGMA busy_timeout")).scalar_one() >= 5000
        async with database.reader.connect() as reader:
            assert (await reader.exec_driver_sql("PRAGMA query_only")).scalar() == 1
        await database.check()
        await database.close()
        assert IN_FORCE.keys() | {"busy_timeout"} == db.PRAGMAS.keys()

    @pytest.mark.parametrize("name", OTHERWISE)
    async def test_any_other_setting_is_refused(
        self, db: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        monkeypatch.setitem(db.PRAGMAS, name, OTHERWISE[name])
        database = db.Database(f"sqlite:///{tmp_path / 'dossier.sqlite3'}")
        with pytest.raises(db.DatabaseUnfit, match=name):
            await database.check()
        await database.close()

    @pytest.mark.parametrize("version", [(3, 40, 1), (3, 51, 2)])
    def test_a_sqlite_that_can_lose_commits_is_refused(
        self, db: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int]
    ) -> None:
        monkeypatch.setattr(db.sqlite3, "sqlite_version_info", version)
        with pytest.raises(db.DatabaseUnfit, match=r"3\.51\.3"):
            db.Database(f"sqlite:///{tmp_path / 'dossier.sqlite3'}")

    def test_the_one_in_use_is_pypis(self, db: Any) -> None:
        assert db.sqlite3.sqlite_version_info >= (3, 51, 3)
        assert "pysqlite3" in db.sqlite3.__name__


@pytest.mark.slow
class TestStart:
    @pytest.mark.parametrize(
        "tampering",
        [
            "import sqlite3; sqlite3.sqlite_version_info = (3, 40, 1)",
            "from dossier.core import db; db.PRAGMAS['synchronous'] = 'NORMAL'",
        ],
        ids=["version", "setting"],
    )
    def test_the_program_does_not_start_on_an_unfit_database(
        self, data_template: Template, tmp_path: Path, tampering: str
    ) -> None:
        data = data_template.copy(tmp_path / "data")
        code = f"import dossier; {tampering}; from dossier.cli import main; main()"
        ran = subprocess.run(
            [sys.executable, "-c", code, "serve", "--port", "0"],
            env=environment(data),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ran.returncode not in (0, 2)
        assert "Dossier is at" not in ran.stdout
        assert "DatabaseUnfit" in ran.stderr

    def test_a_start_with_data_takes_three_seconds_at_most_and_keeps_all(self, serving: Serving) -> None:
        server = serving(cold=True)
        body = b"kept " * 100_000
        id_ = server.ask("POST", "/documents?name=kept.bin", body).json()["id"]
        took, worked = [], []
        for _ in range(3):
            assert server.stop() == 0
            took.append(server.start().started_in)
            worked.append(cpu_seconds(server.pid))
        assert server.ask("GET", f"/documents/{id_}/content").body == body
        assert min(worked) <= 3, worked
        if os.getloadavg()[0] < 1.5:  # else the time on the clock is other programs'
            assert min(took) <= 3, took
        assert server.stop() == 0
        assert invariants.check(server.data).documents == 1


def cpu_seconds(pid: int) -> float:
    """What a process has spent so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
