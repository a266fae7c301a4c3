"""Writes what the long runs found into docs/evidence.md: one row per test, replaced by a newer run."""

import fcntl
import os
import re
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/evidence.md"
HEAD = "| test | count | lost or torn | other figures | date | commit | machine |"


def machine() -> str:
    """The machine as the table shows it."""
    kind = subprocess.run(["stat", "-f", "-c", "%T", str(ROOT)], capture_output=True, text=True, check=False).stdout
    return f"{os.cpu_count()} cores, {kind.strip().replace('ext2/ext3', 'ext4') or 'unknown'}"


def commit() -> str:
    """The commit that was tested; ``+`` where the tree had changes."""
    head = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    changed = ["git", "-C", str(ROOT), "status", "--porcelain", "--", "dossier", "migrations"]
    name, dirty = (subprocess.run(do, capture_output=True, text=True, check=False).stdout for do in (head, changed))
    return name.strip() + ("+" if dirty.strip() else "")


def record(test: str, count: str, lost: str, figures: str) -> None:
    """Write the row of a test, in the place of its older one."""
    row = f"| {test} | {count} | {lost} | {figures} | {time.strftime('%Y-%m-%d')} | {commit()} | {machine()} |"
    with PAGE.open("r+") as page:
        fcntl.flock(page, fcntl.LOCK_EX)  # two runs may end at once
        text = _with(page.read(), test, row)
        page.seek(0)
        page.truncate()
        page.write(text)


def _with(text: str, test: str, row: str) -> str:
    assert HEAD in text
    old = re.compile(rf"^\| {re.escape(test)} \|.*$", re.M)
    if old.search(text):
        return old.sub(lambda _: row, text)
    start, table, end = re.split(r"(?s)(\| test \|.*?\n)(?=\n|\Z)", text, maxsplit=1)
    return f"{start}{table}{row}\n{end}"
