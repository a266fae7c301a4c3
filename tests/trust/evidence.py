"""Writes what the long runs found into docs/evidence.md: one row per test, replaced by a newer run."""

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
    text = PAGE.read_text()
    assert HEAD in text
    old = re.compile(rf"^\| {re.escape(test)} \|.*$", re.M)
    if old.search(text):
        text = old.sub(lambda _: row, text)
    else:
        start, table, end = re.split(r"(?s)(\| test \|.*?\n)(?=\n|\Z)", text, maxsplit=1)
        text = f"{start}{table}{row}\n{end}"
    PAGE.write_text(text)
