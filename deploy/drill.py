"""The restore drill: a dump of the living database and a copy of its contents become those of an empty stack, and the doctor
reads every content there. Dossier may go on meanwhile; nothing of it is changed.

    RESTORED_DATABASE_URL=mysql://… RESTORED_STORAGE_URL=s3://… python deploy/drill.py [--keep FOLDER]

The living stack is that of the settings (DOSSIER_…). The other database is there and empty; its user and password are the
same unless RESTORED_DATABASE_USER and RESTORED_DATABASE_PASSWORD name others. What is restored stays, for whoever wants to
look at it. Needs the client programs of MySQL or MariaDB (`mysqldump`, `mysql`). Exit code 0: every version can be had back.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sqlalchemy import URL, make_url

from dossier.core.settings import Settings

#: A dump of one moment, without locks; the last two are known to MySQL's client alone.
DUMP = ["--single-transaction", "--quick", "--skip-lock-tables", "--no-tablespaces", "--hex-blob"]
OPTIONS = "[mysqldump]\nloose-set-gtid-purged=OFF\nloose-column-statistics=0\n"


def options(url: URL, folder: Path, name: str) -> Path:
    """A file that tells the client programs how to sign in: what is on a command line, others can read."""
    lines = [f"host={url.host}", f"port={url.port or 3306}", f"user={url.username}", f'password="{url.password or ""}"']
    lines += ["protocol=tcp", "default-character-set=utf8mb4"]
    if ca := url.query.get("ssl_ca"):
        lines += [f"ssl-ca={ca}"]
    elif url.query.get("ssl"):
        lines += ["loose-ssl"]
    file = folder / name
    file.touch(0o600)
    file.write_text("[client]\n" + "\n".join(lines) + "\n" + OPTIONS)
    return file


def dossier(env: dict[str, str], *args: str) -> Any:
    """What a command answers. Raises SystemExit where it fails."""
    command = [sys.executable, "-m", "dossier", *args, "--json"]
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"dossier {' '.join(args[:2])} failed:\n{done.stdout}")
    return json.loads(done.stdout)


def timed(what: str, do: Callable[[], Any]) -> Any:
    """Do it, and say how long it took."""
    began = time.monotonic()
    result = do()
    print(f"{what}: {time.monotonic() - began:.1f} s", flush=True)
    return result


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Try whether a back-up can be restored.")
    parser.add_argument("--keep", type=Path, help="where the dump stays; without it, it goes with the drill")
    keep: Path | None = parser.parse_args().keep
    living = Settings()
    database, storage = os.environ["RESTORED_DATABASE_URL"], os.environ["RESTORED_STORAGE_URL"]
    env = os.environ | {"DOSSIER_DATABASE_URL": database, "DOSSIER_STORAGE_URL": storage}
    for ours in ("DOSSIER_DATABASE_USER", "DOSSIER_DATABASE_PASSWORD"):
        if value := os.environ.get(ours.replace("DOSSIER", "RESTORED")):
            env[ours] = value
    # Its own data folder: the living one's is not touched.
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dossier-drill-")))
        env["DOSSIER_DATA_DIR"] = str(folder / "data")
        source = make_url(living.database)
        target = make_url(database)
        target = target.set(
            username=env.get("DOSSIER_DATABASE_USER") or target.username or living.database_user or source.username,
            password=env.get("DOSSIER_DATABASE_PASSWORD")
            or target.password
            or living.database_password
            or source.password,
        )
        refuse(source, target, living.storage_url, storage)
        into = ["mysql", f"--defaults-extra-file={options(target, folder, 'target.cnf')}", str(target.database)]
        tables = subprocess.run(
            [*into, "--batch", "-Ne", "SHOW TABLES"], check=True, capture_output=True, text=True
        ).stdout
        if tables:
            raise SystemExit("The database to restore into is not empty.")
        dump = (keep or folder) / "dossier.sql"
        from_ = ["mysqldump", f"--defaults-extra-file={options(source, folder, 'source.cnf')}", *DUMP]
        timed("dump", lambda: subprocess.run([*from_, f"--result-file={dump}", str(source.database)], check=True))
        print(f"dump: {dump.stat().st_size / 1e6:.1f} MB")
        with dump.open("rb") as text:
            timed("load", lambda: subprocess.run(into, stdin=text, check=True))
        copied = timed("contents", lambda: dossier(env, "storage", "copy", living.storage_url, storage))
        found = timed("doctor", lambda: dossier(env, "doctor"))
    print(json.dumps({"contents": copied, "doctor": found}))


def refuse(source: URL, target: URL, from_: str, to: str) -> None:
    """Raises SystemExit where the living stack would be written into."""
    if source.get_backend_name() == "sqlite":
        raise SystemExit("This is for a database server; docs/operations.md tells how one machine is backed up.")
    if (source.host, source.port, source.database) == (target.host, target.port, target.database) or from_ == to:
        raise SystemExit("That is the living stack: name an empty database and a place for contents that nobody uses.")


if __name__ == "__main__":
    main()
