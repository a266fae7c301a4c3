"""The database's password changes while the program runs, on a real MariaDB or MySQL, and nobody has to start it anew."""

import asyncio
import json
import time
import traceback
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from dossier import folders
from dossier.app import build, create_app
from dossier.core import log, migrate, rotation
from dossier.core.actor import Actor
from dossier.core.db import Database
from dossier.core.errors import Unavailable
from dossier.core.ids import new_id
from dossier.core.rotation import Rotating
from dossier.core.settings import Settings
from dossier.core.units import Units
from tests.moto import SecretsManager
from tools.servers import DatabaseServer

pytestmark = [pytest.mark.slow, pytest.mark.production]
USER, FIRST, SECOND, THIRD = "dossier", "canary-first", "canary-second", "canary-third"
Capture = pytest.CaptureFixture[str]


class Account:
    """The program's user: the password that the server takes, and the one that is told where secrets lie."""

    def __init__(self, server: DatabaseServer, name: str) -> None:
        self.server, self.address = server, server.address(name, USER)
        self.told, self.readings = FIRST, 0
        server.execute(
            f"DROP USER IF EXISTS {USER}",
            f"CREATE USER {USER} IDENTIFIED BY '{FIRST}'",
            f"GRANT ALL ON {name}.* TO {USER}",
        )

    def read(self) -> dict[str, str]:
        """What is told."""
        self.readings += 1
        return {"user": USER, "password": self.told}

    def change(self, password: str) -> None:
        """What the server takes from now on."""
        self.server.execute(f"ALTER USER {USER} IDENTIFIED BY '{password}'")

    def cut(self) -> None:
        """Let the server end every connection of the user."""
        with self.server.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT id FROM information_schema.processlist WHERE user = %s", (USER,))
            for (number,) in cursor.fetchall():
                cursor.execute(f"KILL {number}")


@pytest.fixture
def account(server: DatabaseServer, name: str) -> Account:
    migrate.upgrade(server.address(name))
    return Account(server, name)


@pytest.fixture
async def database(account: Account) -> AsyncIterator[Database]:
    made = Database(account.address, pool=3, sign_in=Rotating({"user": USER, "password": FIRST}, account.read, 3600))
    yield made
    await made.close()


async def write(units: Units) -> None:
    """A whole Unit."""
    slug = f"w{new_id().hex}"
    await units.run(Actor.system(new_id()), lambda unit: folders.found_workspace(unit, slug, "Acme"))


class TestSignIn:
    async def test_open_connections_stay_and_new_ones_follow(self, account: Account, database: Database) -> None:
        async with database.writer.connect() as old:
            await old.execute(text("SELECT 1"))
            account.change(SECOND)
            account.told = SECOND
            async with database.writer.connect() as new, database.reader.connect() as reader:
                for connection in (old, new, reader):
                    assert (await connection.execute(text("SELECT USER() LIKE 'dossier@%'"))).scalar() == 1
        assert account.readings == 1

    async def test_units_go_through(self, account: Account, database: Database, capfd: Capture) -> None:
        """Eight at once on three connections, all of which the server has just ended."""
        log.configure("json", "debug")
        units = Units(database)
        await asyncio.gather(*(write(units) for _ in range(8)))
        account.change(SECOND)
        account.told = SECOND
        account.cut()
        await asyncio.gather(*(write(units) for _ in range(8)))
        async with units.read(Actor.system(new_id())) as unit:
            assert await unit.session.scalar(text("SELECT COUNT(*) FROM workspaces")) == 16
        assert account.readings == 1
        told = capfd.readouterr()
        assert "secrets.read" in told.err
        assert "canary" not in told.out + told.err

    async def test_a_wrong_one_is_a_refusal(
        self, account: Account, database: Database, capfd: Capture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The place is asked once, not by each; when it tells the right one, all goes on."""
        log.configure("json", "debug")
        units = Units(database)
        account.change(SECOND)
        begun = time.monotonic()
        answers = await asyncio.gather(*(write(units) for _ in range(5)), return_exceptions=True)
        with pytest.raises(Unavailable) as refused:
            async with units.read(Actor.system(new_id())) as unit:
                await unit.session.execute(text("SELECT 1"))
        assert time.monotonic() - begun < 4, "nobody waits for a place in the pool"
        for answer in (*answers, refused.value):
            assert isinstance(answer, Unavailable)
            assert (answer.status, answer.retry_after) == (503, 5)
            assert "canary" not in "".join(traceback.format_exception(answer))
        assert account.readings == 1
        account.told = SECOND
        monkeypatch.setattr(rotation, "RETRY_SECONDS", 0.0)
        await write(units)
        told = capfd.readouterr()
        assert "canary" not in told.out + told.err


class TestWholeWay:
    async def test_from_secrets_manager_to_a_write(
        self,
        account: Account,
        environment: pytest.MonkeyPatch,
        manager: SecretsManager,
        tmp_path: Path,
        capfd: Capture,
    ) -> None:
        def tell(password: str) -> None:
            manager.keep("rotating", json.dumps({"username": USER, "password": password}))

        tell(FIRST)
        environment.setenv("DOSSIER_SECRETS", manager.address("rotating"))
        environment.setenv("DOSSIER_DATABASE_URL", account.address.replace(f"{USER}@", ""))
        environment.setenv("DOSSIER_DATA_DIR", str(tmp_path))
        log.configure("json", "debug")
        parts = build(Settings())
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=create_app(parts), raise_app_exceptions=False), base_url="http://test"
        )
        await write(parts.units)
        tell(SECOND)
        account.change(SECOND)
        account.cut()
        await write(parts.units)
        assert (await client.get("/api/v1/me", headers={"Authorization": "Bearer x"})).status_code == 401

        account.change(THIRD)
        account.cut()
        away = await client.get("/api/v1/me", headers={"Authorization": "Bearer x"})
        assert (away.status_code, away.headers["Content-Type"]) == (503, "application/problem+json")
        assert (await client.get("/health/ready")).status_code == 503
        await parts.close()
        told = capfd.readouterr()
        assert "canary" not in told.out + told.err + away.text
