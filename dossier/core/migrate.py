"""The schema: Alembic's one head, applied by `dossier migrate` and, embedded, at each start.

On SQLite all steps are one transaction: a program that is killed in the middle of them finds the old schema, whole.
"""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event, inspect, text

from dossier.core.db import PRAGMAS, Database

HEAD = "0004"


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
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    try:
        with engine.begin() as connection:
            config: Any = Config()
            config.set_main_option("script_location", str(folder()))
            config.attributes["connection"] = connection
            getattr(command, verb)(config, target)
    finally:
        engine.dispose()


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver would begin at the first row, with the tables committed one by one
    for name in ("busy_timeout", "journal_mode", "synchronous"):
        connection.execute(f"PRAGMA {name}={PRAGMAS[name]}").close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
