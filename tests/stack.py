"""The production parts under the tests of one process, which every test finds as the seed left them."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from pydantic import SecretStr

from dossier.core import migrate
from dossier.core.settings import Settings
from tools.servers import DatabaseServer, Redis, SeaweedFS

SEED, WORK = "seed", "work"
EMBEDDED, PRODUCTION = "embedded", "production"
MASTER_KEY = base64.b64encode(b"a key of thirty-two bytes, made up".ljust(32)[:32]).decode()


@dataclass
class Stack:
    """The servers, with a database that is worked on and one that it is filled from."""

    database: DatabaseServer
    redis: Redis
    storage: SeaweedFS
    tables: Sequence[str] = ()
    filled: Sequence[str] = ()

    def make(self) -> None:
        """Both databases, with the present schema and nothing in them."""
        for name in (SEED, WORK):
            self.database.make_database(name)
            migrate.upgrade(self.database.address(name))

    def learn(self) -> None:
        """Remember which tables there are, and which of them the seed fills."""
        with self.database.connect(SEED) as connection, connection.cursor() as cursor:
            cursor.execute("SHOW TABLES")
            self.tables = [str(row[0]) for row in cursor.fetchall()]
            filled = []
            for table in self.tables:
                cursor.execute(f"SELECT EXISTS (SELECT 1 FROM `{table}`)")  # the server's own names
                row = cursor.fetchone()
                if row and row[0]:
                    filled.append(table)
            self.filled = filled

    def reset(self) -> None:
        """Put the database that is worked on into the seed's state."""
        empty = [f"DELETE FROM {WORK}.`{table}`" for table in self.tables]  # the server's own names
        fill = [f"INSERT INTO {WORK}.`{table}` SELECT * FROM {SEED}.`{table}`" for table in self.filled]
        with self.database.connect(WORK) as connection, connection.cursor() as cursor:
            cursor.execute(";".join(["SET FOREIGN_KEY_CHECKS = 0", "BEGIN", *empty, *fill, "COMMIT"]))
            while cursor.nextset():
                pass
        self.redis.say("FLUSHALL")

    def settings(self, data: Path, database: str = WORK) -> Settings:
        """Settings of a program on it, with a place of its own in the store."""
        return Settings(
            data_dir=data,
            database_url=self.database.address(database),
            redis_url=self.redis.address,
            storage_url=self.storage.address(uuid4().hex),
            storage_access_key=self.storage.access_key,
            master_key=MASTER_KEY,
            storage_secret_key=SecretStr(self.storage.secret_key),
        )
