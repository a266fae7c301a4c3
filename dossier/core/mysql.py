"""MySQL and MariaDB: their engines, and what a server must promise before Dossier writes to it.

Writers run READ COMMITTED and lock the rows that they change; readers run REPEATABLE READ in a transaction that is READ
ONLY, so that each ReadUnit is one snapshot. Sessions speak UTC and utf8mb4 and are strict, whatever the server's defaults
are.
"""

import re
import ssl
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from dossier.core.pool import Pool

LEAST = {"MySQL": (8, 0), "MariaDB": (10, 6)}
CONNECT_SECONDS, POOL_SECONDS, RECYCLE_SECONDS = 5, 5, 1800
SESSION = (
    "SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,NO_ENGINE_SUBSTITUTION',"
    " innodb_lock_wait_timeout = 10"
)
# Both are needed for a commit to survive the server's machine; the second only where there is a binary log.
DURABLE = {"innodb_flush_log_at_trx_commit": "1", "innodb_doublewrite": "ON"}
DURABLE_LOG = {"sync_binlog": "1"}
ASKED = ("version", "version_comment", "wsrep_on", "log_bin", *DURABLE, *DURABLE_LOG)
VARIABLES = "SHOW GLOBAL VARIABLES WHERE Variable_name IN (" + ", ".join(f"'{name}'" for name in ASKED) + ")"


def address(url: URL, driver: str) -> URL:
    """``mysql://`` and ``mariadb://`` alike, on ``driver`` (aiomysql, or pymysql where nothing is awaited)."""
    rest = {name: value for name, value in url.query.items() if name not in ("ssl", "ssl_ca")}
    return url.set(drivername=f"mysql+{driver}", query={**rest, "charset": "utf8mb4"})


def arguments(url: URL) -> dict[str, Any]:
    """What both drivers take besides the address. ``?ssl=true`` asks for TLS, ``?ssl_ca=file`` for that CA's alone."""
    found: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, "init_command": SESSION}
    if url.query.get("ssl_ca") or url.query.get("ssl") in ("true", "1"):
        ca = url.query.get("ssl_ca")
        found["ssl"] = ssl.create_default_context(cafile=str(ca) if ca else None)
    return found


def engine(url: URL, size: int, *, read_only: bool = False) -> AsyncEngine:
    """A pool of at most ``size`` connections; who waits longer than POOL_SECONDS for one gets SQLAlchemy's TimeoutError."""
    made = create_async_engine(
        address(url, "aiomysql"),
        connect_args=arguments(url),
        isolation_level="REPEATABLE READ" if read_only else "READ COMMITTED",
        poolclass=Pool,
        pool_size=size,
        max_overflow=0,
        pool_timeout=POOL_SECONDS,
        pool_recycle=RECYCLE_SECONDS,
        pool_pre_ping=True,
        hide_parameters=True,
    )
    if read_only:
        event.listen(made.sync_engine, "begin", _begin_reading)
    return made


def _begin_reading(connection: Connection) -> None:
    connection.exec_driver_sql("START TRANSACTION READ ONLY")


def faults(variables: Mapping[str, str]) -> list[str]:
    """Why a server with these variables (``VARIABLES``) cannot keep Dossier's promises; empty if it can."""
    version = variables.get("version", "")
    brand = "MariaDB" if "mariadb" in (version + variables.get("version_comment", "")).lower() else "MySQL"
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    found = []
    if numbers < LEAST[brand]:
        least = ".".join(map(str, LEAST[brand]))
        found.append(f"{brand} {version} is too old; {least} or newer is needed.")
    if variables.get("wsrep_on", "OFF") == "ON":
        # Optimistic commits fail without a lock having been waited for, and event numbers would not be in commit order.
        found.append("Galera clusters (wsrep_on) are not supported; use one primary with replicas.")
    wanted = DURABLE | (DURABLE_LOG if variables.get("log_bin") == "ON" else {})
    for name, value in wanted.items():
        got = variables.get(name, value)
        if got != value and not (name == "innodb_doublewrite" and got in ("1", "DETECT_AND_RECOVER")):
            found.append(f"{name} is {got}; it must be {value}, or a commit can be lost.")
    return found
