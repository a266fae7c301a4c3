"""A schema that a newer version has made: on a server this one goes on, as in an update step by step, and in a way back."""

from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from dossier.cli import cli
from dossier.console import prepare
from dossier.core import log, migrate
from tests.conftest import World

NEWER, OLDER = "9999", "0001"


async def brought_to(world: World, revision: str) -> None:
    """What another version's `dossier migrate` leaves."""
    async with world.parts.database.writer.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = :at"), {"at": revision})


@pytest.mark.production
class TestServer:
    async def test_it_is_ready_and_starts_again(self, world: World, capfd: pytest.CaptureFixture[str]) -> None:
        await brought_to(world, NEWER)
        assert (await world.parts.health.ready())["parts"]["schema"]["state"] == "ok"
        log.configure("json")
        await prepare(world.parts)
        assert "schema.newer" in capfd.readouterr().err
        assert (await world.owner.client.get("/api/v1/documents")).status_code == 200

    async def test_not_with_an_older_one(self, world: World) -> None:
        await brought_to(world, OLDER)
        with pytest.raises(SystemExit, match="run `dossier migrate` first"):
            await prepare(world.parts)

    async def test_migrate_has_nothing_to_do(self, world: World, tmp_path: Path) -> None:
        await brought_to(world, NEWER)
        self.migrate_says(world, tmp_path)
        assert await migrate.revision(world.parts.database) == NEWER

    @staticmethod
    def migrate_says(world: World, tmp_path: Path) -> None:
        env = {"DOSSIER_DATABASE_URL": world.parts.settings.database, "DOSSIER_DATA_DIR": str(tmp_path / "data")}
        done = CliRunner().invoke(cli, ["migrate"], env=env)
        assert (done.exit_code, NEWER in done.output) == (0, True), done.output


@pytest.mark.embedded
class TestOneMachine:
    async def test_the_folder_is_left_alone(self, world: World) -> None:
        await brought_to(world, NEWER)
        with pytest.raises(SystemExit, match="a newer version has used this data folder"):
            await prepare(world.parts)
        assert await migrate.revision(world.parts.database) == NEWER


@pytest.mark.parametrize(("found", "newer"), [(None, False), (migrate.HEAD, False), (OLDER, False), (NEWER, True)])
def test_what_is_newer(found: str | None, newer: bool) -> None:
    assert migrate.is_newer(found) is newer
