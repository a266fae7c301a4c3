"""Documents, versions, trash, names, locks and task counts over HTTP against a model of them in plain Python.

Four people in two workspaces do whatever Hypothesis thinks of, also what they may not. After each step the lists of the
workspace, the versions and the tasks are what the model says; at the end each folder, each content and the feed are, too.
"""

import asyncio
import copy
import hashlib
import shutil
import tempfile
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from dossier.app import build, create_app
from dossier.core import log
from dossier.core.settings import Settings
from tests.conftest import MovingClock, Seed, client_of

API = "/api/v1"
LEASE = 60
NAMES = ("a.txt", "A.TXT", "b.txt", "Straße", "STRASSE", "ﬃ.tar.gz")
CONTENTS = (b"", b"one", b"two", b"three")
ROLES = {"viewer": 1, "editor": 2, "owner": 3}
DONE = ("done", "cancelled")


class Refused(Exception):
    """What the model says that the program should answer: status and code, or one of several where several are due."""

    def __init__(self, status: int, code: str, *others: tuple[int, str]) -> None:
        super().__init__(status, code)
        self.due = {(status, code), *others}


@dataclass
class Dir:
    """A folder. ``gone`` is the number of the act that put it into the trash."""

    name: str
    parent: str | None
    etag: int = 1
    gone: int | None = None


@dataclass
class Doc:
    """A document; ``versions`` are content and what it was restored from, ``lock`` is the holder and the minute it ends."""

    name: str
    folder: str
    versions: list[tuple[bytes, int | None]]
    etag: int = 1
    lock: tuple[str, int] | None = None
    tasks: dict[str, str] = field(default_factory=dict)
    gone: int | None = None

    @property
    def open_tasks(self) -> int:
        """How many tasks are to be done."""
        return sum(status not in DONE for status in self.tasks.values())


def key(name: str) -> str:
    """A name for comparison."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def numbered(name: str, n: int, kind: type[Any]) -> str:
    """The n-th of a name, for the names that are used here."""
    for suffix in (".tar.gz", ".txt", ".TXT"):
        if kind is Doc and name.endswith(suffix):
            return f"{name.removesuffix(suffix)} ({n}){suffix}"
    return f"{name} ({n})"


@dataclass
class Room:
    """One workspace as it should be. Who is in ``roles`` is a member; each verb raises what the program should answer."""

    root: str
    roles: dict[str, str]
    dirs: dict[str, Dir] = field(default_factory=dict)
    docs: dict[str, Doc] = field(default_factory=dict)
    minute: int = 0
    act: int = 0

    # What is there

    def living(self, folder: str) -> dict[str, Dir | Doc]:
        """What lies in a folder, by key."""
        inside: list[Dir | Doc] = [each for each in self.dirs.values() if each.parent == folder and each.gone is None]
        inside += [each for each in self.docs.values() if each.folder == folder and each.gone is None]
        return {key(each.name): each for each in inside}

    def tree(self, folder: str) -> list[str]:
        """A folder and all below it, parents first, gone ones too."""
        found, level = [folder], [folder]
        while level:
            below = [id_ for id_, each in self.dirs.items() if each.parent in level]
            level = sorted(below, key=lambda id_: key(self.dirs[id_].name).encode())
            found += level
        return found

    def free(self, folder: str, name: str, kind: type[Any], me: Dir | Doc | None = None) -> str:
        """The first of "name", "name (2)", … that is free."""
        candidate, n, taken = name, 1, self.living(folder)
        while taken.get(key(candidate), me) is not me:
            n += 1
            candidate = numbered(name, n, kind)
        return candidate

    def claim(self, folder: str, name: str, me: Dir | Doc | None = None) -> None:
        """Refuse a name that something else has."""
        if self.living(folder).get(key(name), me) is not me:
            raise Refused(409, "name_taken")

    def outline(self) -> tuple[Any, ...]:
        """What changes when something other than a living document does."""
        return copy.deepcopy(self.dirs), [id_ for id_, doc in self.docs.items() if doc.gone is not None]

    # Who may

    def may(self, who: str, role: str, missing: str) -> None:
        """Refuse who is a stranger (404) or of too low a role (403)."""
        if who not in self.roles:
            raise Refused(404, f"{missing}_not_found")
        if ROLES[self.roles[who]] < ROLES[role]:
            raise Refused(403, "not_allowed")

    def doc(self, who: str, id_: str, role: str = "editor", *, trashed: bool = False) -> Doc:
        """A document to change."""
        if id_ not in self.docs:
            raise Refused(404, "document_not_found")
        self.may(who, role, "document")
        if self.docs[id_].gone is not None and not trashed:
            raise Refused(409, "document_trashed")
        return self.docs[id_]

    def dir(self, who: str, id_: str, *, trashed: bool = False) -> Dir:
        """A folder to change."""
        if who not in self.roles or (self.dirs[id_].gone is not None and not trashed):
            raise Refused(404, "folder_not_found")
        self.may(who, "editor", "folder")
        return self.dirs[id_]

    def fit(self, who: str, thing: Doc | Dir, etag: str = "", *, lease: bool = True) -> None:
        """Refuse a stale ETag, and where somebody else holds the lease; in which order does not matter."""
        lock = thing.lock if lease and isinstance(thing, Doc) else None
        due = [(412, "precondition_failed")] if etag == "stale" else []
        if lock and lock[0] != who and lock[1] > self.minute:
            due.append((423, "document_locked"))
        if due:
            raise Refused(*due[0], *due[1:])

    # Documents

    def add(self, who: str, folder: str, name: str, content: bytes, on_conflict: str, made: str) -> None:
        self.dir(who, folder)
        taken = self.living(folder).get(key(name))
        if isinstance(taken, Doc) and on_conflict == "version":
            self.fit(who, taken)
            self.append(taken, content)
            return
        if on_conflict == "rename":
            name = self.free(folder, name, Doc)
        self.claim(folder, name)
        self.docs[made] = Doc(name, folder, [(content, None)])

    @staticmethod
    def append(doc: Doc, content: bytes, source: int | None = None) -> None:
        doc.versions.append((content, source))
        doc.etag += 1

    def add_version(self, who: str, id_: str, content: bytes, etag: str) -> None:
        doc = self.doc(who, id_)
        self.fit(who, doc, etag)
        self.append(doc, content)

    def restore_version(self, who: str, id_: str, number: int, etag: str) -> None:
        doc = self.doc(who, id_)
        self.fit(who, doc, etag)
        if number > len(doc.versions):
            raise Refused(404, "version_not_found")
        self.append(doc, doc.versions[number - 1][0], number)

    def update(self, who: str, id_: str, name: str | None, folder: str | None, etag: str) -> None:
        doc = self.doc(who, id_)
        name, folder = name or doc.name, folder or doc.folder
        moves = (name, folder) != (doc.name, doc.folder)
        self.fit(who, doc, etag, lease=moves)
        if not moves:
            return
        self.dir(who, folder)
        self.claim(folder, name, doc)
        doc.name, doc.folder, doc.etag = name, folder, doc.etag + 1

    def trash(self, who: str, id_: str, etag: str) -> None:
        doc = self.doc(who, id_)
        self.fit(who, doc, etag)
        self.bury(doc)

    def bury(self, doc: Doc) -> None:
        doc.gone, doc.lock, doc.etag = self.act, None, doc.etag + 1

    def restore(self, who: str, id_: str, folder: str | None, on_conflict: str) -> None:
        doc = self.doc(who, id_, trashed=True)
        if doc.gone is None:
            raise Refused(409, "not_trashed")
        target = folder or doc.folder
        self.dir(who, target, trashed=folder is None)
        self.revive(target)
        self.bring_back(doc, target, rename=on_conflict == "rename")

    def bring_back(self, doc: Doc, folder: str, *, rename: bool) -> None:
        if rename:
            doc.name = self.free(folder, doc.name, Doc)
        self.claim(folder, doc.name)
        doc.folder, doc.gone, doc.etag = folder, None, doc.etag + 1

    def purge(self, who: str, id_: str) -> None:
        if self.doc(who, id_, "owner", trashed=True).gone is None:
            raise Refused(409, "not_trashed")
        del self.docs[id_]

    def lock(self, who: str, id_: str, *, take_over: bool) -> None:
        doc = self.doc(who, id_)
        if not take_over:
            self.fit(who, doc)
        doc.lock = (who, self.minute + LEASE)

    def unlock(self, who: str, id_: str) -> None:
        doc = self.doc(who, id_, trashed=True)
        self.fit(who, doc)
        doc.lock = None

    # Folders

    def make_dir(self, who: str, parent: str, name: str, made: str) -> None:
        self.dir(who, parent)
        self.claim(parent, name)
        self.dirs[made] = Dir(name, parent)

    def update_dir(self, who: str, id_: str, name: str | None, parent: str | None, etag: str) -> None:
        folder = self.dir(who, id_)
        if folder.parent is None:
            raise Refused(409, "root_folder")
        self.fit(who, folder, etag)
        name, parent = name or folder.name, parent or folder.parent
        if parent != folder.parent:
            self.dir(who, parent)
            if parent in self.tree(id_):
                raise Refused(409, "folder_cycle")
        if (name, parent) != (folder.name, folder.parent):
            self.claim(parent, name, folder)
            folder.name, folder.parent, folder.etag = name, parent, folder.etag + 1

    def trash_dir(self, who: str, id_: str, *, recursive: bool) -> None:
        if self.dir(who, id_).parent is None:
            raise Refused(409, "root_folder")
        if self.living(id_) and not recursive:
            raise Refused(409, "folder_not_empty")
        gone = [each for each in self.tree(id_) if self.dirs[each].gone is None]
        docs = [doc for doc in self.docs.values() if doc.folder in gone and doc.gone is None]
        for doc in docs:
            self.fit(who, doc)
        for doc in docs:
            self.bury(doc)
        for each in gone:
            self.dirs[each].gone = self.act

    def restore_dir(self, who: str, id_: str) -> None:
        gone = self.dir(who, id_, trashed=True).gone
        if gone is None:
            raise Refused(409, "not_trashed")
        back = [each for each in self.tree(id_) if self.dirs[each].gone == gone]
        for each in back:
            self.revive(each)
        docs = [doc for doc in self.docs.values() if doc.folder in back and doc.gone == gone]
        for doc in sorted(docs, key=lambda doc: key(doc.name).encode()):
            self.bring_back(doc, doc.folder, rename=True)

    def revive(self, id_: str) -> None:
        """Bring a folder back to life, and those above it before."""
        folder = self.dirs[id_]
        if folder.parent is not None:
            self.revive(folder.parent)
            if folder.gone is not None:
                folder.name = self.free(folder.parent, folder.name, Dir)
                folder.gone, folder.etag = None, folder.etag + 1

    # Tasks

    def make_task(self, who: str, id_: str, made: str) -> None:
        self.doc(who, id_).tasks[made] = "open"

    def task(self, who: str, id_: str, task: str) -> Doc:
        if self.docs[id_].gone is not None or who not in self.roles:
            raise Refused(404, "task_not_found")
        return self.doc(who, id_)

    def set_status(self, who: str, id_: str, task: str, status: str) -> None:
        self.task(who, id_, task).tasks[task] = status

    def end_task(self, who: str, id_: str, task: str) -> None:
        del self.task(who, id_, task).tasks[task]


WHO = {"owner": 5, "editor": 5, "viewer": 1, "stranger": 2}
STEPS = {
    "add": 6,
    "add_version": 4,
    "restore_version": 3,
    "update": 6,
    "trash": 4,
    "restore": 5,
    "purge": 1,
    "lock": 4,
    "unlock": 2,
    "time_passes": 1,
    "make_dir": 5,
    "update_dir": 5,
    "trash_dir": 3,
    "restore_dir": 4,
    "make_task": 4,
    "set_status": 4,
    "end_task": 1,
}


class Dice(Random):
    """What is done, of one number: Hypothesis's own choices come in clusters, too much so for some hundred steps."""

    def weighed(self, weights: dict[str, int]) -> str:
        """One of these, by weight."""
        return self.choices(list(weights), list(weights.values()))[0]

    def one(self, every: list[str], wanted: list[str]) -> str:
        """One of the wanted ones, or now and then of all."""
        return self.choice(wanted if wanted and self.random() < 0.9 else every)

    def etag(self) -> str:
        """Without If-Match, with the right one, or with a stale one."""
        return self.choice(["", "", "", "right", "stale"])


def refused(verb: Callable[[Room, str], None], room: Room, made: str) -> set[tuple[int, str]]:
    """What the model says against it; one of these is due."""
    try:
        verb(room, made)
    except Refused as refusal:
        return refusal.due
    return set()


class Machine(RuleBasedStateMachine):
    """The program beside its model."""

    seed: Seed
    part: str

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="stateful-"))
        assert self.seed.path
        shutil.copy(self.seed.path, self.folder / "dossier.sqlite3")
        log.configure("console", "critical")
        self.clock, self.runner = MovingClock(), asyncio.Runner()
        self.parts = build(Settings(data_dir=self.folder), clock=self.clock)
        app = create_app(self.parts)
        self.clients = {name: client_of(app, token) for name, (_, token) in self.seed.people.items()}
        for client in self.clients.values():
            client.event_hooks = {}  # that answers keep to the OpenAPI document is seen to by all the other tests
        acme, other = str(self.seed.root), str(self.seed.other_root)
        roles = {name: str(actor.role) for name, (actor, _) in self.seed.people.items() if name != "stranger"}
        self.rooms = [Room(acme, roles, {acme: Dir("Acme", None)}), Room(other, {"stranger": "owner"})]
        self.rooms[1].dirs[other] = Dir("Other", None)
        self.count, self.touched, self.moved, self.purged = 0, 0, True, [list[str](), list[str]()]

    def teardown(self) -> None:
        try:
            for index in (0, 1):
                self.check_thoroughly(index)
        finally:
            self.runner.run(self.parts.close())
            self.runner.close()
            shutil.rmtree(self.folder)

    def ask(self, who: str, method: str, path: str, **how: Any) -> httpx.Response:
        """Send a request."""
        return self.runner.run(self.clients[who].request(method, f"{API}/{path}", **how))

    def read(self, index: int, path: str, **query: Any) -> Any:
        """What a reader of a workspace is shown."""
        answer = self.ask(("viewer", "stranger")[index], "GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def both(self, index: int, verb: Callable[[Room, str], None], who: str, method: str, path: str, **how: Any) -> None:
        """Do it in the program and in the model: both do it, or both refuse alike and nothing has happened."""
        answer = self.ask(who, method, path, **how)
        body = answer.json() if answer.content else {}
        before, after = self.rooms[index], copy.deepcopy(self.rooms[index])
        after.act += 1
        due = refused(verb, after, body.get("id", ""))
        if not due:
            assert answer.is_success, f"{answer.status_code} {answer.text}"
            self.purged[index] += sorted(before.docs.keys() - after.docs.keys())
            self.rooms[index] = after
        else:
            assert (answer.status_code, body.get("code")) in due
        self.touched, self.moved = index, self.rooms[index].outline() != before.outline()

    # Which

    def a_doc(self, index: int, die: Dice, *, gone: bool = False) -> str:
        """A document, mostly one of the living or of the gone ones."""
        docs = self.rooms[index].docs
        return die.one(sorted(docs), [id_ for id_ in sorted(docs) if (docs[id_].gone is not None) == gone])

    def a_dir(self, index: int, die: Dice, *, gone: bool = False, root: bool = True) -> str:
        """A folder, mostly one of the living or of the gone ones, the root among them or not."""
        dirs = self.rooms[index].dirs
        kept = [id_ for id_ in sorted(dirs) if (dirs[id_].gone is not None) == gone]
        return die.one(sorted(dirs), [id_ for id_ in kept if root or dirs[id_].parent is not None])

    def tasks(self, index: int) -> dict[str, str]:
        """Task → document."""
        return {task: id_ for id_, doc in self.rooms[index].docs.items() for task in doc.tasks}

    def a_task(self, index: int, die: Dice) -> tuple[str, str]:
        """A task, mostly of a living document; the document first."""
        of = self.tasks(index)
        task = die.one(sorted(of), [each for each in sorted(of) if self.rooms[index].docs[of[each]].gone is None])
        return of[task], task

    @staticmethod
    def match(thing: Doc | Dir, wish: str) -> dict[str, str]:
        """An If-Match header."""
        return {"If-Match": f'"{thing.etag + (wish == "stale")}"'} if wish else {}

    # Steps

    @initialize()
    def begin(self) -> None:
        """Something in each workspace, so that there is something to do at once."""
        for index, who in enumerate(("owner", "stranger")):
            for n, step in enumerate(("add", "make_dir", "make_dir", "add", "make_task")):
                getattr(self, step)(index, who, Dice(n))

    @rule(number=st.integers(0, 2**64 - 1))
    def act(self, number: int) -> None:
        """Somebody does something, now and then in the workspace that they are not in."""
        self.count += 1
        die = Dice(f"{self.part} {number} {self.count}")  # a number that Hypothesis likes comes many times
        who, step = die.weighed(WHO), die.weighed(STEPS)
        index = int((who == "stranger") != (die.random() < 0.08))
        if not self.rooms[index].docs or (step in ("set_status", "end_task") and not self.tasks(index)):
            step = "add"
        note(f"{who} in {('acme', 'other')[index]}: {step}")
        getattr(self, step)(index, who, die)

    def add(self, index: int, who: str, die: Dice) -> None:
        folder, name, content = self.a_dir(index, die), die.choice(NAMES), die.choice(CONTENTS)
        on = die.choice(["error", "version", "rename"])
        query = {"folder_id": folder, "name": name, "on_conflict": on}

        def verb(room: Room, made: str) -> None:
            room.add(who, folder, name, content, on, made)

        self.both(index, verb, who, "POST", "documents", params=query, content=content)

    def add_version(self, index: int, who: str, die: Dice) -> None:
        id_, content, etag = self.a_doc(index, die), die.choice(CONTENTS), die.etag()
        headers = self.match(self.rooms[index].docs[id_], etag)

        def verb(room: Room, _made: str) -> None:
            room.add_version(who, id_, content, etag)

        self.both(index, verb, who, "POST", f"documents/{id_}/versions", content=content, headers=headers)

    def restore_version(self, index: int, who: str, die: Dice) -> None:
        id_, etag = self.a_doc(index, die), die.etag()
        doc = self.rooms[index].docs[id_]
        number, headers = die.randint(1, len(doc.versions) + 1), self.match(doc, etag)

        def verb(room: Room, _made: str) -> None:
            room.restore_version(who, id_, number, etag)

        self.both(index, verb, who, "POST", f"documents/{id_}/versions/{number}/restore", headers=headers)

    def update(self, index: int, who: str, die: Dice) -> None:
        id_, name, etag = self.a_doc(index, die), die.choice([None, *NAMES]), die.etag()
        folder = self.a_dir(index, die) if die.random() < 0.5 else None
        headers = self.match(self.rooms[index].docs[id_], etag)

        def verb(room: Room, _made: str) -> None:
            room.update(who, id_, name, folder, etag)

        body = {"name": name, "folder_id": folder}
        self.both(index, verb, who, "PATCH", f"documents/{id_}", json=body, headers=headers)

    def trash(self, index: int, who: str, die: Dice) -> None:
        id_, etag = self.a_doc(index, die), die.etag()
        headers = self.match(self.rooms[index].docs[id_], etag)

        def verb(room: Room, _made: str) -> None:
            room.trash(who, id_, etag)

        self.both(index, verb, who, "DELETE", f"documents/{id_}", headers=headers)

    def restore(self, index: int, who: str, die: Dice) -> None:
        id_, on = self.a_doc(index, die, gone=True), die.choice(["error", "rename"])
        folder = self.a_dir(index, die) if die.random() < 0.3 else None

        def verb(room: Room, _made: str) -> None:
            room.restore(who, id_, folder, on)

        body = {"folder_id": folder, "on_conflict": on}
        self.both(index, verb, who, "POST", f"documents/{id_}/restore", json=body)

    def purge(self, index: int, who: str, die: Dice) -> None:
        id_ = self.a_doc(index, die, gone=True)
        query = {"purge": True}
        self.both(index, lambda room, _: room.purge(who, id_), who, "DELETE", f"documents/{id_}", params=query)

    def lock(self, index: int, who: str, die: Dice) -> None:
        id_, take_over = self.a_doc(index, die), die.random() < 0.3

        def verb(room: Room, _made: str) -> None:
            room.lock(who, id_, take_over=take_over)

        body = {"minutes": LEASE, "take_over": take_over}
        self.both(index, verb, who, "PUT", f"documents/{id_}/lock", json=body)

    def unlock(self, index: int, who: str, die: Dice) -> None:
        id_ = self.a_doc(index, die)
        self.both(index, lambda room, _: room.unlock(who, id_), who, "DELETE", f"documents/{id_}/lock")

    def time_passes(self, _index: int, _who: str, _die: Dice) -> None:
        """Long enough for every lease to end."""
        self.clock.move(minutes=LEASE + 1)
        for room in self.rooms:
            room.minute += LEASE + 1

    def make_dir(self, index: int, who: str, die: Dice) -> None:
        parent, name = self.a_dir(index, die), die.choice(NAMES)

        def verb(room: Room, made: str) -> None:
            room.make_dir(who, parent, name, made)

        self.both(index, verb, who, "POST", "folders", json={"name": name, "parent_id": parent})

    def update_dir(self, index: int, who: str, die: Dice) -> None:
        id_, name, etag = self.a_dir(index, die, root=False), die.choice([None, *NAMES]), die.etag()
        parent = self.a_dir(index, die) if die.random() < 0.6 else None
        headers = self.match(self.rooms[index].dirs[id_], etag)

        def verb(room: Room, _made: str) -> None:
            room.update_dir(who, id_, name, parent, etag)

        body = {"name": name, "parent_id": parent}
        self.both(index, verb, who, "PATCH", f"folders/{id_}", json=body, headers=headers)

    def trash_dir(self, index: int, who: str, die: Dice) -> None:
        id_, recursive = self.a_dir(index, die, root=False), die.random() < 0.7

        def verb(room: Room, _made: str) -> None:
            room.trash_dir(who, id_, recursive=recursive)

        self.both(index, verb, who, "DELETE", f"folders/{id_}", params={"recursive": recursive})

    def restore_dir(self, index: int, who: str, die: Dice) -> None:
        id_ = self.a_dir(index, die, gone=True)
        self.both(index, lambda room, _: room.restore_dir(who, id_), who, "POST", f"folders/{id_}/restore")

    def make_task(self, index: int, who: str, die: Dice) -> None:
        id_ = self.a_doc(index, die)

        def verb(room: Room, made: str) -> None:
            room.make_task(who, id_, made)

        self.both(index, verb, who, "POST", f"documents/{id_}/tasks", json={"title": "Do it"})

    def set_status(self, index: int, who: str, die: Dice) -> None:
        (id_, task), status = self.a_task(index, die), die.choice(["open", "in_progress", *DONE])

        def verb(room: Room, _made: str) -> None:
            room.set_status(who, id_, task, status)

        self.both(index, verb, who, "PATCH", f"tasks/{task}", json={"status": status})

    def end_task(self, index: int, who: str, die: Dice) -> None:
        id_, task = self.a_task(index, die)
        self.both(index, lambda room, _: room.end_task(who, id_, task), who, "DELETE", f"tasks/{task}")

    # What has to be true

    @invariant()
    def lists_are_right(self) -> None:
        """As the model has it; folders and the trash are looked at when they should have changed, and at the end."""
        self.check_living(self.touched)
        if self.moved:
            self.check_rest(self.touched)

    def check_living(self, index: int) -> None:
        """Every living document: name, place, head, ETag, lease, count of open tasks; and no two of one name."""
        shown = self.read(index, "documents", limit=200)["items"]
        room = self.rooms[index]
        assert {each["id"]: self.as_shown(each, False) for each in shown} == {
            id_: self.as_meant(room, doc) for id_, doc in room.docs.items() if doc.gone is None
        }
        places = [(each["folder_id"], key(each["name"])) for each in shown]
        places += [(each.parent, key(each.name)) for each in room.dirs.values() if each.gone is None]
        assert len(places) == len(set(places)), "two things of one name"

    def check_rest(self, index: int) -> None:
        """The trash, and every living folder."""
        room = self.rooms[index]
        trashed = self.read(index, "documents", limit=200, trashed=True)["items"]
        assert {each["id"]: self.as_shown(each, True) for each in trashed} == {
            id_: self.as_meant(room, doc) for id_, doc in room.docs.items() if doc.gone is not None
        }
        folders = self.read(index, "folders", limit=200)["items"]
        assert {each["id"]: (each["name"], each["parent_id"], each["etag"]) for each in folders} == {
            id_: (each.name, each.parent, str(each.etag)) for id_, each in room.dirs.items() if each.gone is None
        }

    @staticmethod
    def as_shown(each: dict[str, Any], trashed: bool) -> tuple[Any, ...]:
        """What is compared of a document."""
        head, holder = each["version"], (each["lock"] or {}).get("holder", {}).get("name")
        assert (each["trashed_at"] is not None) == trashed
        place = each["name"], each["folder_id"], trashed, each["etag"], holder, each["open_tasks"]
        return *place, head["number"], head["sha256"], head["size"], head["restored_from"]

    @staticmethod
    def as_meant(room: Room, doc: Doc) -> tuple[Any, ...]:
        """The same of the model's."""
        holder = doc.lock[0].capitalize() if doc.lock and doc.lock[1] > room.minute else None
        place = doc.name, doc.folder, doc.gone is not None, str(doc.etag), holder, doc.open_tasks
        content, source = doc.versions[-1]
        return *place, len(doc.versions), hashlib.sha256(content).hexdigest(), len(content), source

    def check_thoroughly(self, index: int) -> None:
        """Each folder by itself, each version, one content a document, the tasks, what is purged, and the log."""
        room, who = self.rooms[index], ("viewer", "stranger")[index]
        self.check_living(index)
        self.check_rest(index)
        for id_ in (id_ for id_, each in room.dirs.items() if each.gone is None):
            listed = [each["id"] for each in self.read(index, "documents", folder_id=id_, limit=200)["items"]]
            meant = [each for each, doc in room.docs.items() if doc.folder == id_ and doc.gone is None]
            assert listed == sorted(meant, key=lambda each: key(room.docs[each].name).encode())
        for id_, doc in room.docs.items():
            versions = self.read(index, f"documents/{id_}/versions", limit=200)["items"]
            meant_versions = [
                (n, hashlib.sha256(content).hexdigest(), of) for n, (content, of) in enumerate(doc.versions, 1)
            ]
            shown = [(each["number"], each["sha256"], each["restored_from"]) for each in versions]
            assert shown == meant_versions[::-1]
            number = doc.etag % len(doc.versions) + 1
            content = self.ask(who, "GET", f"documents/{id_}/versions/{number}/content").content
            assert content == doc.versions[number - 1][0]
            tasks = self.read(index, f"documents/{id_}/tasks", limit=200)["items"]
            assert {each["id"]: each["status"] for each in tasks} == (doc.tasks if doc.gone is None else {})
        for id_ in self.purged[index]:
            assert self.ask(who, "GET", f"documents/{id_}").status_code == 404
        self.check_feed(index)

    def check_feed(self, index: int) -> None:
        """The owner's feed has every number once; events of a purged document are told no more, but that it was."""
        seen, after = list[int](), "0"
        while True:
            query = {"after": after, "limit": "200"}
            page = self.ask(("owner", "stranger")[index], "GET", "events", params=query).json()
            seen += [each["seq"] for each in page["items"]]
            if not page["items"]:
                break
            after = page["next"]
        assert seen == sorted(set(seen))
        assert self.purged[index] or seen == list(range(1, len(seen) + 1))


def explore(seed: Seed, part: str, examples: int, steps: int) -> None:
    """Run the machine, the same way each time; each part goes another way."""
    Machine.seed, Machine.part = seed, part
    wanted = settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    run_state_machine_as_test(Machine, settings=wanted)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", ["north", "east", "south", "west"])
def test_per_commit(seed: Seed, part: str) -> None:
    explore(seed, part, 8, 30)


@pytest.mark.long
@pytest.mark.timeout(0)
def test_acceptance(seed: Seed) -> None:
    explore(seed, "acceptance", 10_000, 100)
