"""The schema: Alembic's one head, applied by `dossier migrate` and, embedded, at each start.

On SQLite all steps are one transaction: a program that is killed in the middle of them finds the old schema, whole. On MySQL
each step commits by itself, and a second run goes on where the first one died. One program at a time migrates.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import DBAPIError

from dossier.core import mysql
from dossier.core.db import PRAGMAS, Database, refusal
from dossier.core.errors import DossierError, StorageFull, Unavailable

HEAD = "0010"
TURN_SECONDS = 300


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


def revision_at(address: str) -> str | None:
    """The same, of a database at an address. Blocks. Raises Unavailable, StorageFull."""
    try:
        with _connected(address) as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    except DBAPIError as error:
        if (refused := _refused(error, make_url(address).get_backend_name())) is None:
            raise
        raise refused from error


def is_newer(found: str | None) -> bool:
    """Whether a newer version of the program has brought a schema to this revision. This one goes on with it: a migration
    takes nothing away that the release before needs, so that one can follow the other without a gap."""
    return found is not None and found > HEAD


def upgrade(address: str, target: str = "head") -> None:
    """Bring a database to ``target``; nothing happens where it is there. Blocks. Raises Unavailable, StorageFull."""
    run(address, "upgrade", target)


def run(address: str, verb: str, target: str) -> None:
    """Run Alembic's ``upgrade`` or ``downgrade`` on a database. Blocks. Raises Unavailable, StorageFull."""
    # Imported here: Alembic takes a tenth of a second to import, and a start with a current schema does without.
    from alembic import command
    from alembic.config import Config

    try:
        with _connected(address) as connection:
            config: Any = Config()
            config.set_main_option("script_location", str(folder()))
            config.attributes["connection"] = connection
            getattr(command, verb)(config, target)
    except DBAPIError as error:
        if (refused := _refused(error, make_url(address).get_backend_name())) is None:
            raise
        raise refused from error


def _refused(error: DBAPIError, backend: str) -> DossierError | None:
    from dossier.core import _resumable

    found = refusal(error)
    if found is None or backend == "sqlite":
        return found
    why = "The database is away, or does not take the sign-in."
    if isinstance(found, StorageFull):
        why = "The database has no space left."
    elif _resumable.waited_in_vain(error):
        why = "A transaction has held on to a table for too long; an export can, or a back-up."
    return type(found)(f"{why} What the migration has done stays; run it again.")


@contextmanager
def _connected(address: str) -> Iterator[Connection]:
    url = make_url(address)
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url)
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    else:
        from dossier.core import _resumable  # noqa: F401  # takes its place among Alembic's dialects

        engine = create_engine(mysql.address(url, "pymysql"), connect_args=mysql.arguments(url))
    try:
        with engine.begin() as connection:
            if url.get_backend_name() != "sqlite":
                _take_turn(connection)
            yield connection
    finally:
        engine.dispose()


def _take_turn(connection: Connection) -> None:
    """Wait for another program that migrates, and for no table longer than the program that serves can bear."""
    from dossier.core import _resumable

    connection.exec_driver_sql("SET SESSION lock_wait_timeout = %s", (_resumable.TRY_SECONDS,))
    # This lock goes with the connection.
    turn = "SELECT GET_LOCK(LEFT(CONCAT('dossier.migrate.', DATABASE()), 64), %s)"
    if connection.exec_driver_sql(turn, (TURN_SECONDS,)).scalar() != 1:
        raise Unavailable(f"Another program has been migrating this database for {TURN_SECONDS} seconds.")


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver would begin at the first row, with the tables committed one by one
    for name in ("busy_timeout", "journal_mode", "synchronous"):
        connection.execute(f"PRAGMA {name}={PRAGMAS[name]}").close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
