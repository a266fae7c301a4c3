"""A soak: mixed work through nginx on the production stack while its parts are killed and come back one after the other.

    python -m bench.soak [--minutes N] [--hands N] [--seed N]

Every write that was answered must be there and whole afterwards, once; `dossier doctor` must find nothing; and the first API
process and the first worker, the only ones that nobody kills, must not grow. Prints the figures; exit code 1 if any
of it does not hold.
"""

import argparse
import json
import random
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.conftest import BUILT_PORTAL
from tests.faults.work import check, client_of, working
from tools.servers import Server, until
from tools.stack import Program, Stack

EVERY_SECONDS, SAMPLE_SECONDS, WARM_SECONDS = 20.0, 10.0, 120.0
MOST_GROWTH = 1.15
"""The median of the last fifth of the samples over that of the first fifth after the warm-up."""


def killed(part: Server, away: float) -> None:
    """SIGKILL, some seconds without it, and back."""
    part.kill()
    time.sleep(away)
    part.start()


def replaced(part: Server) -> None:
    """Asked to end, and started again at once."""
    part.stop()
    part.start()


def faults(stack: Stack, dice: random.Random) -> list[tuple[str, Callable[[], None]]]:
    """What is done to the stack, by name."""
    return [
        ("MariaDB killed", lambda: killed(stack.database, dice.uniform(0, 4))),
        ("Redis killed", lambda: killed(stack.redis, dice.uniform(0, 4))),
        ("SeaweedFS killed", lambda: killed(stack.storage, dice.uniform(0, 4))),
        ("an API process killed", lambda: killed(stack.apis[1], dice.uniform(0, 4))),
        ("an API process replaced", lambda: replaced(stack.apis[1])),
        ("a worker killed", lambda: killed(stack.workers[1], dice.uniform(0, 4))),
        ("MariaDB stopped and started", lambda: replaced(stack.database)),
        ("nginx reloaded", lambda: stack.nginx.reload() if stack.nginx else None),
    ]


def rss_mib(program: Program) -> float:
    """The resident memory of a process, in MiB."""
    for line in Path(f"/proc/{program.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmRSS")


class Watch(threading.Thread):
    """Samples the memory of the processes that live through all of it."""

    def __init__(self, programs: list[Program]) -> None:
        super().__init__(daemon=True)
        self.programs, self.over = programs, threading.Event()
        self.samples: dict[str, list[float]] = {each.folder.name: [] for each in programs}

    def run(self) -> None:
        """Sample until told that it is over."""
        self.over.wait(WARM_SECONDS)
        while not self.over.wait(SAMPLE_SECONDS):
            for program in self.programs:
                self.samples[program.folder.name].append(rss_mib(program))

    def growth(self) -> dict[str, tuple[float, float]]:
        """Medians of the first and the last fifth of the samples, by process."""
        found = {}
        for name, samples in self.samples.items():
            if not samples:
                continue  # it was over before it was warm
            fifth = max(1, len(samples) // 5)
            found[name] = statistics.median(samples[:fifth]), statistics.median(samples[-fifth:])
        return found


def soak(stack: Stack, token: str, minutes: float, hands: int, seed: int) -> bool:
    """Work, kill, check; whether all of it holds."""
    dice, done, watch = random.Random(seed), Counter[str](), Watch([stack.apis[0], stack.workers[0]])
    end = time.monotonic() + minutes * 60
    watch.start()
    with working(stack, token, hands, pause=0.2) as journal:
        while time.monotonic() < end:
            time.sleep(EVERY_SECONDS)
            name, do = dice.choice(faults(stack, dice))
            do()
            done[name] += 1
    watch.over.set()
    print(f"{minutes:g} minutes, {hands} hands, seed {seed}; " + ", ".join(f"{n}× {what}" for what, n in done.items()))
    print(f"answered: {dict(journal.answered)}; slowest answer {journal.slowest:.1f} s")
    print(f"refused and sent again: {dict(journal.refused)}")
    check(stack, token, journal)
    print(f"{journal.writes} answered writes, all there, whole and once")
    with client_of(stack, token) as client:
        until(lambda: client.get("/health/ready").json().get("status") == "ok", 60, lambda: "The stack did not heal")
    until(lambda: not json.loads(stack.dossier("jobs", "list", "--json") or "[]"), 180, lambda: "jobs are left")
    found = stack.dossier("doctor")
    print(f"doctor: {found.strip().splitlines()[-1]}")
    is_flat = True
    for name, (first, last) in watch.growth().items():
        print(f"memory of {name}: {first:.0f} MiB at first, {last:.0f} MiB at last")
        is_flat = is_flat and last <= first * MOST_GROWTH
    return is_flat


def main() -> None:
    """Print the figures."""
    options = argparse.ArgumentParser()
    options.add_argument("--minutes", type=float, default=15)
    options.add_argument("--hands", type=int, default=6)
    options.add_argument("--seed", type=int, default=1)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="dossier-soak-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        (folder / "portal").symlink_to(BUILT_PORTAL)
        with Stack(folder, folder / "portal") as stack:
            stack.dossier("user", "add", "owner@example.com", "--workspace", "acme", "--role", "owner")
            token = stack.dossier("token", "add", "owner@example.com", "--workspace", "acme").strip()
            held = soak(stack, token, asked.minutes, asked.hands, asked.seed)
    raise SystemExit(0 if held else 1)


if __name__ == "__main__":
    main()
