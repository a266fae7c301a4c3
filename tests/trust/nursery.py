"""A process that has imported Dossier and forks itself on demand: a server in 0.3 s instead of the 2 s that imports take.

The child goes on as the console script would, with ``dossier.cli.main()``, or with a scenario of ``scenario.py``. One order
per line of standard input, as JSON: ``{"argv", "env", "out", "err"}`` forks and answers the pid; ``{"wait": pid}`` answers
the exit code of a child that has ended (negative: the signal).
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import alembic.command
import alembic.config

import dossier.serve
import dossier.transfer
from dossier import cli
from tests.trust import scenario

IMPORTED_EARLY = (alembic.command, alembic.config, dossier.serve, dossier.transfer)  # though commands do it late


def main() -> None:
    """Take orders until the input ends."""
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            _pid, status = os.waitpid(order["wait"], 0)
            print(os.waitstatus_to_exitcode(status), flush=True)
            continue
        pid = os.fork()
        if not pid:
            _become(order)
            return
        print(pid, flush=True)


def _become(order: dict[str, Any]) -> None:
    os.setsid()
    for file, path in ((1, order["out"]), (2, order["err"])):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), file)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(Path(order["out"]).parent)
    sys.argv = order["argv"]
    scenario.main() if sys.argv[0] == "scenario" else cli.main()


if __name__ == "__main__":
    assert len(list(Path("/proc/self/task").iterdir())) == 1, "a fork takes one thread along"
    main()
