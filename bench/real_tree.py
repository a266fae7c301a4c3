"""The main job on real files: import, list, search, change, import again, tasks, download as one zip, compare, doctor.

    python bench/real_tree.py [tree] [--keep]

``tree`` (default /usr/share/doc) is filled up from other folders of this machine where it has fewer than 2,000 files. A
real `dossier serve` runs on a free port and a data folder of its own. Ends with exit code 1 at the first thing that is
not as it should be; ``--keep`` leaves the data there.
"""

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import httpx

from dossier.folders import portable_name

LEAST_FILES, CHANGED, WITH_TASKS, SEARCHED = 2000, 50, 20, 10
FILLERS = [Path("/usr/share/doc"), Path("/usr/share/man"), Path(sysconfig.get_path("stdlib"))]
API = "/api/v1"


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("tree", nargs="?", type=Path, default=FILLERS[0])
    options.add_argument("--keep", action="store_true")
    given = options.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="real-tree-"))
    try:
        Run(folder, given.tree).all()
    finally:
        print(f"data: {folder}") if given.keep else shutil.rmtree(folder)


def check(what: str, *, holds: bool) -> None:
    """Go on only if it holds."""
    print(f"  {'ok  ' if holds else 'FAIL'}  {what}")
    if not holds:
        sys.exit(1)


@contextmanager
def timed(what: str, files: int = 0, size: int = 0) -> Iterator[None]:
    """Print how long something took, and the rates."""
    started = time.perf_counter()
    yield
    seconds = time.perf_counter() - started
    rates = f", {files} files, {files / seconds:.0f} files/s" if files else ""
    rates += f", {size / 1e6:.1f} MB, {size / 1e6 / seconds:.1f} MB/s" if size else ""
    print(f"{what}: {seconds:.1f} s{rates}")


def regular(tree: Path) -> dict[str, Path]:
    """The regular files below, by relative path; links are not followed."""
    found = {}
    for folder, _folders, names in os.walk(tree):
        for path in (Path(folder, name) for name in names):
            if path.is_file() and not path.is_symlink():
                found[str(path.relative_to(tree))] = path
    return found


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Run:
    """One run of the whole."""

    def __init__(self, folder: Path, tree: Path) -> None:
        self.folder, self.tree = folder, folder / "tree"
        shutil.copytree(tree, self.tree, symlinks=True)
        for filler in FILLERS:
            if len(regular(self.tree)) < LEAST_FILES and filler.is_dir():
                shutil.copytree(filler, self.tree / f"more {filler.name}", symlinks=True)
        self.files = regular(self.tree)
        self.size = sum(path.stat().st_size for path in self.files.values())
        self.env = {**os.environ, "DOSSIER_DATA_DIR": str(folder / "var"), "DOSSIER_LOG_LEVEL": "error"}
        self.dice = random.Random(2)
        self.left_out: set[str] = set()

    def all(self) -> None:
        print(f"tree: {tree_name(self.tree)} {len(self.files)} files, {self.size / 1e6:.1f} MB")
        check(f"at least {LEAST_FILES} files", holds=len(self.files) >= LEAST_FILES)
        self.dossier("user", "add", "mara@example.com", "--workspace", "acme", "--role", "owner")
        token = self.dossier("token", "add", "mara@example.com", "--workspace", "acme").strip()
        with self.server() as address, httpx.Client(base_url=address, timeout=120) as self.client:
            self.client.headers["Authorization"] = f"Bearer {token}"
            self.first_import()
            self.list_all()
            self.search()
            self.second_import()
            self.make_tasks()
            self.download()
            self.doctor()

    def dossier(self, *words: str) -> str:
        """Run a command; its standard output."""
        command = [sys.executable, "-m", "dossier.cli", *words]
        done = subprocess.run(command, env=self.env, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode not in (0, 1):
            sys.exit(f"{words}: exit code {done.returncode}")
        return done.stdout

    @contextmanager
    def server(self) -> Iterator[str]:
        command = [sys.executable, "-m", "dossier.cli", "serve", "--port", "0"]
        process = subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            found = re.match(r"Dossier is at (http://\S+)", process.stdout.readline())
            if found is None:
                sys.exit("the server did not start")
            yield found[1]
        finally:
            process.terminate()
            process.wait(60)
            process.stdout.close()

    def take_in(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self.dossier("import", str(self.tree), "--workspace", "acme", "--json"))
        return report

    def first_import(self) -> None:
        with timed("import", len(self.files), self.size):
            report = self.take_in()
        for each in report["failed"]:
            print(f"  not taken in: {each['path']}: {each['reason']}")
            self.left_out |= {name for name, path in self.files.items() if is_below(path, Path(each["path"]))}
        for reason, count in Counter(each["reason"] for each in report["skipped"]).items():
            print(f"  skipped: {count} × {reason}")
        kept = len(self.files) - len(self.left_out)
        check(f"{kept} documents added", holds=report["added"] == kept and report["versions"] == 0)

    def list_all(self) -> None:
        self.documents = list(self.pages("/documents"))
        kept = len(self.files) - len(self.left_out)
        check(f"{kept} documents listed", holds=len(self.documents) == kept)
        folders = len(list(self.pages("/folders")))
        with timed("list of everything, 200 a page, by name", len(self.documents)):
            for _ in self.pages("/documents"):
                pass
        print(f"  {folders} folders")
        there = Counter(each["version"]["sha256"] for each in self.documents)
        here = Counter(sha256(path) for name, path in self.files.items() if name not in self.left_out)
        check("every digest as on the disk", holds=there == here)

    def pages(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        after = None
        while True:
            page = self.get(path, limit=200, **query, **({"after": after} if after else {}))
            yield from page["items"]
            after = page["next"]
            if not after:
                return

    def get(self, path: str, **query: Any) -> Any:
        answer = self.client.get(API + path, params=query)
        answer.raise_for_status()
        return answer.json()

    def search(self) -> None:
        """Names are found as soon as the jobs have indexed them; the index follows the import."""
        wanted = self.dice.sample([each for each in self.documents if re.search(r"\w{4}", each["name"])], SEARCHED)
        with timed(f"until {SEARCHED} documents were found by their names"):
            deadline = time.monotonic() + 1800
            missing = wanted
            while missing and time.monotonic() < deadline:
                missing = [each for each in missing if not self.finds(each)]
                time.sleep(1 if missing else 0)
        check(f"{SEARCHED} documents found by their names", holds=not missing)
        seconds = []
        for each in wanted:
            started = time.perf_counter()
            self.get("/documents", q=each["name"], limit=50)
            seconds.append(time.perf_counter() - started)
        print(f"search: median {statistics.median(seconds) * 1000:.0f} ms of {SEARCHED}")

    def finds(self, document: dict[str, Any]) -> bool:
        return any(
            each["id"] == document["id"]
            for each in self.pages("/documents", q=document["name"], folder_id=document["folder_id"])
        )

    def second_import(self) -> None:
        names = self.dice.sample([name for name in self.files if name not in self.left_out], CHANGED)
        for name in names:
            self.files[name].chmod(0o600)
            with self.files[name].open("ab") as file:
                file.write(b"\nchanged\n")
        with timed("import again", len(self.files), self.size):
            report = self.take_in()
        unchanged = len(self.files) - len(self.left_out) - CHANGED
        counts = (report["added"], report["versions"], report["unchanged"])
        check(f"{CHANGED} new versions, {unchanged} unchanged", holds=counts == (0, CHANGED, unchanged))
        self.documents = list(self.pages("/documents"))
        heads = Counter(each["version"]["number"] for each in self.documents)
        check("no document doubled", holds=heads == {1: unchanged, 2: CHANGED})
        check("a third import changes nothing", holds=self.take_in()["unchanged"] == unchanged + CHANGED)

    def make_tasks(self) -> None:
        some = self.dice.sample(self.documents, WITH_TASKS)
        with timed(f"{WITH_TASKS} tasks"):
            for each in some:
                answer = self.client.post(
                    f"{API}/documents/{each['id']}/tasks", json={"title": f"Read {each['name'][:90]}"}
                )
                answer.raise_for_status()
        check(f"{WITH_TASKS} tasks listed", holds=len(list(self.pages("/tasks"))) == WITH_TASKS)
        counted = [self.get(f"/documents/{each['id']}")["open_tasks"] for each in some]
        check("each document counts its task", holds=counted == [1] * WITH_TASKS)

    def download(self) -> None:
        roots = [each["id"] for each in self.pages("/folders") if each["parent_id"] is None]
        answer = self.client.post(f"{API}/downloads", json={"document_ids": [], "folder_ids": roots})
        answer.raise_for_status()
        target, size = self.folder / "all.zip", sum(path.stat().st_size for path in self.files.values())
        with timed("download as one zip", len(self.documents), size), target.open("wb") as file:
            self.stream(answer.json()["url"], file)
        self.compare(target)

    def stream(self, url: str, file: BinaryIO) -> None:
        with self.client.stream("GET", url) as stream:
            stream.raise_for_status()
            for chunk in stream.iter_raw():
                file.write(chunk)

    def compare(self, target: Path) -> None:
        """Every file of the tree is in the archive, byte by byte, and nothing else is."""
        with zipfile.ZipFile(target) as archive:
            members = {each.filename: each for each in archive.infolist() if not each.is_dir()}
            top = os.path.commonpath(members).split("/")[0] + "/"
            renamed = [name for name in self.files if name not in self.left_out]
            for name in list(renamed):
                path = top + "/".join(map(portable_name, name.split("/")))
                path = path if path in members else path.removeprefix(top)
                if path in members and self.equal(archive, members[path], name):
                    renamed.remove(name)
                    del members[path]
            left = {hashlib.sha256(archive.read(each)).hexdigest(): path for path, each in members.items()}
        for name in renamed:
            print(f"  under another name: {name} → {left.get(sha256(self.files[name]))}")
        same = len(renamed) == len(members) and all(sha256(self.files[name]) in left for name in renamed)
        check(f"{len(self.files) - len(self.left_out)} files equal, byte by byte", holds=same)

    def equal(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> bool:
        with archive.open(member) as one, self.files[name].open("rb") as other:
            while chunk := one.read(1 << 20):
                if chunk != other.read(len(chunk)):
                    return False
            return not other.read(1)

    def doctor(self) -> None:
        with timed("doctor, beside the server"):
            found = json.loads(self.dossier("doctor", "--json"))
        print(f"  {json.dumps(found['checked'])}")
        check("no findings", holds=not found["findings"])


def is_below(path: Path, folder: Path) -> bool:
    return path == folder or folder in path.parents


def tree_name(tree: Path) -> str:
    return ", ".join(sorted(path.name for path in tree.iterdir())[:3]) + ", …:"


if __name__ == "__main__":
    main()
