"""Migrations in processes of their own, forked from one that has all it needs loaded; one can be killed in the middle."""

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

CHANGES = {"CREATE", "ALTER", "DROP", "INSERT", "UPDATE", "DELETE"}


class Run(NamedTuple):
    """One process: what it does, and the how manieth change it is killed at (0: never)."""

    address: str
    verb: str = "upgrade"
    target: str = "head"
    dies_at: int = 0


class Migrating:
    """The process that forks. Ended by ``close``."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def begin(self, *runs: Run) -> None:
        """Start one process for each, at once."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(runs) + "\n")
        self._process.stdin.flush()

    def end(self) -> list[int]:
        """Wait for them; their exit codes, less than 0 for a signal."""
        assert self._process.stdout
        codes: list[int] = json.loads(self._process.stdout.readline())
        return codes

    def run(self, *runs: Run) -> list[int]:
        """Start them, and wait."""
        self.begin(*runs)
        return self.end()

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=30)


def is_change(statement: str) -> bool:
    """Whether a statement changes schema or rows."""
    return statement.split(maxsplit=1)[0] in CHANGES


def main() -> None:
    """Read what to run, a line at a time."""
    import dossier.app  # noqa: F401  # every table's module, once for all that are forked
    from dossier.core import migrate

    for line in sys.stdin:
        children = [_fork(migrate.run, Run(*each)) for each in json.loads(line)]
        print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]), flush=True)


def _fork(run: Callable[[str, str, str], None], how: Run) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        if how.dies_at:
            _die_at(how.dies_at)
        run(how.address, how.verb, how.target)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _die_at(left: int) -> None:
    """Send that change to the server, and be dead before it answers."""
    from pymysql.constants import COMMAND
    from sqlalchemy import Engine, event

    def count(_connection: Any, cursor: Any, statement: str, values: Any, *_: Any) -> None:
        nonlocal left
        left -= is_change(statement)
        if left == 0:
            cursor.connection._execute_command(COMMAND.COM_QUERY, cursor.mogrify(statement, values or None))
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", count)


if __name__ == "__main__":
    main()
