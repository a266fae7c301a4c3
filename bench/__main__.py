"""``make bench``: every group of figures, printed and kept in docs/performance.md and the JSON beside it.

    python -m bench [--only GROUP …] [--rounds 5] [--small]

``--small`` tries the bench itself with little data and keeps nothing. Measure on a machine that does nothing else.
"""

import argparse
import importlib
import os
import platform
import subprocess
import time

from bench import figures

GROUPS = ("lists", "work", "bulk", "bytes", "behind", "resting")


def _commit() -> str:
    told = subprocess.run(["git", "describe", "--always", "--dirty=+"], capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=GROUPS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--small", action="store_true")
    told = parser.parse_args()
    scale = figures.Scale(told.rounds, told.small)
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f} before"
    for group in told.only:
        started, found = time.monotonic(), []
        for figure in importlib.import_module(f"bench.{group}").measure(scale):
            print(figures.table([figure]).splitlines()[-1], flush=True)
            found.append(figure)
        print(f"{group}: {time.monotonic() - started:.0f} s", flush=True)
        if not scale.small:
            about = {
                "date": time.strftime("%Y-%m-%d"),
                "commit": _commit(),
                "machine": machine,
                "rounds": str(scale.rounds),
            }
            figures.keep(group, found, about)


if __name__ == "__main__":
    main()
