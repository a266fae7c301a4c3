"""The schema: Alembic's one head, applied by `dossier migrate` and, embedded, at each start."""

from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, inspect, text

from dossier.core.db import Database

HEAD = "0001"


def folder() -> Path:
    """Where the migrations lie: beside the package in a checkout, inside it in a wheel."""
    package = Path(__file__).parents[1]
    beside = package.parent / "migrations"
    return beside if (beside / "env.py").is_file() else package / "_migrations"


async def revision(database: Database) -> str | None:
    """The schema's revision, or None for an empty database."""
    async with database.writer.connect() as connection:
        if not await connection.run_sync(lambda sync: inspect(sync).has_table("alembic_version")):
            return None
        return (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar()


def upgrade(address: str, target: str = "head") -> None:
    """Bring a database to ``target``; nothing happens where it is there. Blocks."""
    run(address, "upgrade", target)


def run(address: str, verb: str, target: str) -> None:
    """Run Alembic's ``upgrade`` or ``downgrade`` on a database. Blocks."""
    # Imported here: Alembic takes a tenth of a second to import, and a start with a current schema does without.
    from alembic import command
    from alembic.config import Config

    engine = create_engine(address)
    try:
        with engine.begin() as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            config: Any = Config()
            config.set_main_option("script_location", str(folder()))
            config.attributes["connection"] = connection
            getattr(command, verb)(config, target)
    finally:
        engine.dispose()
