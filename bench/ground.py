"""A workspace of any size, written straight into the database as the program itself would have: seeded, so always the same.

People, folders, scopes and contents are made by the program's own verbs, the rows of documents by the thousand. Words of
names follow Zipf's law: the first stand in a fifth of all documents, the last in a few dozen of a million. What follows
events has seen them all, so that a server on it is at rest.
"""

import asyncio
import itertools
import json
import random
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pymysql
import pymysql.cursors
from pysqlite3 import dbapi2 as sqlite3
from sqlalchemy.engine import make_url

from dossier import folders, sessions, storage, users
from dossier.app import build
from dossier.core import events, migrate
from dossier.core.actor import Actor
from dossier.core.ids import new_id
from dossier.core.settings import Settings
from dossier.core.units import Unit
from dossier.folders.schemas import GrantIn
from dossier.search import service as index
from dossier.search.tokens import workspace_key
from dossier.worker import CONSUMERS

CHUNK, CONTENTS, A_FOLDER = 5_000, 20, 500
BEGAN = datetime(2024, 1, 1, 8, tzinfo=UTC)
STEP = timedelta(seconds=40)
SYLLABLES = [first + vowel for first in "bdfgklmnprstvz" for vowel in "aeiou"]
COMMON = ("report", "invoice", "contract", "minutes", "offer", "plan", "drawing", "letter")
VOCABULARY, WORDS = 20_000, 4
PEOPLE = {
    "owner": "owner",
    "editor": "editor",
    "viewer": "viewer",
    "ines": "editor",
    "jakob": "editor",
    "tor": "editor",
}
TAGS = tuple(f"{kind} {number}" for kind in ("project", "client", "year") for number in range(1, 11))
TABLES = {
    "folders": "id workspace_id parent_id scope_id name name_key revision created_by created_at updated_at",
    "names": "folder_id name_key kind node_id",
    "documents": "id workspace_id folder_id scope_id name name_key description revision head_number media_type author_id"
    " open_tasks created_by created_at updated_at trashed",
    "versions": "document_id number workspace_id sha256 size media_type file_name comment author_id created_at",
    "document_tags": "document_id tag_key workspace_id tag",
    "events": "workspace_id seq id type document_id folder_id task_id actor_id actor_name at data",
    "search_documents": "document_id workspace_id tokens",
    "tasks": "id workspace_id document_id version_number title details status priority assignee_id due_at due_key revision"
    " comment_count created_by created_at updated_at",
    "task_texts": "task_id workspace_id tokens",
    "task_watchers": "task_id member_id",
}
Row = tuple[object, ...]
Rows = dict[str, list[Row]]


@dataclass(frozen=True, slots=True)
class Ground:
    """A filled workspace: the tokens of its people, the folder with half of the documents, words that are common in its
    names, and three of one name, of which one is common and one rare."""

    settings: Settings
    workspace: UUID
    members: dict[str, UUID]
    tokens: dict[str, str]
    large: UUID
    common: tuple[str, ...]
    mixed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Place:
    id: UUID
    scope: UUID


@dataclass(frozen=True, slots=True)
class _Content:
    sha256: bytes
    size: int
    text: str


@dataclass(frozen=True, slots=True)
class _Base:
    """What the verbs have made."""

    workspace: UUID
    members: dict[str, UUID]
    tokens: dict[str, str]
    root: _Place
    large: _Place
    board: _Place
    contents: list[_Content]
    seq: int


def lay(settings: Settings, count: int, *, seed: int = 1) -> Ground:
    """Fill the empty database of these settings, without a schema too, with ``count`` documents."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    migrate.upgrade(settings.database)
    chance = random.Random(seed)  # no secret
    words = _vocabulary(chance)
    base = asyncio.run(_make(settings, chance, words))
    field = _Field(base, chance, words, count)
    with closing(
        _Sqlite(settings) if make_url(settings.database).get_backend_name() == "sqlite" else _Mysql(settings)
    ) as to:
        for rows in field.rows():
            to.insert(rows)
        to.finish(base.workspace.bytes, field.seq)
    return Ground(settings, base.workspace, base.members, base.tokens, base.large.id, COMMON, field.mixed)


def _vocabulary(chance: random.Random) -> list[str]:
    made = dict.fromkeys(COMMON)
    while len(made) < VOCABULARY:
        made["".join(chance.choices(SYLLABLES, k=chance.randint(2, 4)))] = None
    return list(made)


async def _make(settings: Settings, chance: random.Random, words: list[str]) -> _Base:
    parts = build(settings)
    workspace = new_id()
    system = Actor.system(workspace)
    texts = [" ".join(chance.choices(words[:2000], k=30)) + "\n" for _ in range(CONTENTS)]
    try:
        stored = [await parts.store.put(workspace, _one(text.encode())) for text in texts]
        contents = [_Content(blob.sha256, blob.size, text) for blob, text in zip(stored, texts, strict=True)]

        async def found(unit: Unit) -> UUID:
            root = await folders.found_workspace(unit, "acme", "Acme")
            for blob, content in zip(stored, contents, strict=True):
                await storage.adopt(unit, storage.Received(blob))
                await index.keep_text(unit, content.sha256, content.text)
            return root

        async def join(unit: Unit, name: str, role: Any) -> tuple[Actor, str]:
            member_id = await users.add_member(unit, f"{name}@example.com", name.capitalize(), role)
            actor = await users.actor_of(unit, member_id)
            assert actor
            return actor, await sessions.make_token(unit, member_id, "bench", ("read", "write", "admin"))

        async def grow(unit: Unit) -> list[_Place]:
            made = [(await folders.create(unit, name))["id"] for name in ("Archive", "Board")]
            await folders.restrict(unit, made[1], [GrantIn(member_id=actors["editor"].member_id, role="editor")])
            return [await _place(unit, id_) for id_ in (root, *made)]

        root = await parts.units.run(system, found)
        people = {
            name: await parts.units.run(system, partial(join, name=name, role=role)) for name, role in PEOPLE.items()
        }
        actors = {name: actor for name, (actor, _) in people.items()}
        places = await parts.units.run(actors["owner"], grow)
        async with parts.units.read(system) as unit:
            seq = await events.last_seq(unit.session, workspace)
    finally:
        await parts.close()
    members = {name: actor.member_id for name, actor in actors.items() if actor.member_id}
    tokens = {name: token for name, (_, token) in people.items()}
    root_place, large, board = places
    return _Base(workspace, members, tokens, root_place, large, board, contents, seq)


async def _place(unit: Unit, id_: UUID) -> _Place:
    folder = await folders.require(unit, id_)
    return _Place(folder.id, folder.scope_id)


async def _one(content: bytes) -> AsyncIterator[bytes]:
    yield content


class _Field:
    """The rows, chunk by chunk; ``seq`` is the last event's number."""

    def __init__(self, base: _Base, chance: random.Random, words: list[str], count: int) -> None:
        self.base, self.chance, self.words, self.count, self.seq = base, chance, words, count, base.seq
        self.weights = list(itertools.accumulate(1 / (rank + 3) for rank in range(len(words))))
        self.people = [(id_.bytes, name.capitalize()) for name, id_ in base.members.items()]
        self.key = workspace_key(base.workspace)
        self.said = [tuple(dict.fromkeys(content.text.split())) for content in base.contents]
        self.ms = int(BEGAN.timestamp() * 1000)
        self.folders: list[_Place] = []
        self.common, self.rare = frozenset(COMMON[:3]), frozenset(words[len(words) // 2 :])
        self.mixed: tuple[str, ...] = tuple(words[:3])

    def rows(self) -> Iterator[Rows]:
        """All of it, what others refer to first."""
        yield self._folders()
        for first in range(0, self.count, CHUNK):
            rows: Rows = {table: [] for table in TABLES}
            many = min(CHUNK, self.count - first)
            drawn = iter(self.chance.choices(self.words, cum_weights=self.weights, k=many * WORDS))
            for number, name in enumerate(zip(*[drawn] * WORDS, strict=True), first):
                self._document(rows, number, name)
                if not (self.common.isdisjoint(name) or self.rare.isdisjoint(name)):
                    self.mixed = tuple(
                        sorted(set(name), key=lambda word: (word not in self.rare, word not in self.common))
                    )[:3]
            yield rows

    def _id(self, ms: int) -> bytes:
        """A UUIDv7 of that moment."""
        drawn = self.chance.getrandbits(74)
        return (ms << 80 | 7 << 76 | (drawn >> 62) << 64 | 2 << 62 | drawn & (1 << 62) - 1).to_bytes(16)

    def _folders(self) -> Rows:
        rows: Rows = {"folders": [], "names": []}
        base, at = self.base, _moment(BEGAN)
        for number in range(max(2, self.count // 2 // A_FOLDER)):
            id_, name = self._id(self.ms + number), f"Folder {number:05}"
            key = name.lower().encode()
            home = (base.workspace.bytes, base.root.id.bytes, base.root.scope.bytes)
            rows["folders"].append((id_, *home, name, key, 1, self.people[0][0], at, at))
            rows["names"].append((base.root.id.bytes, key, "folder", id_))
            self.folders.append(_Place(UUID(bytes=id_), base.root.scope))
        return rows

    def _where(self, number: int) -> _Place:
        if number % 100 == 99:
            return self.base.board
        return self.base.large if number % 2 else self.folders[number // 2 % len(self.folders)]

    def _document(self, rows: Rows, number: int, words: tuple[str, ...]) -> None:
        moment = BEGAN + STEP * number
        ms, at = self.ms + number * 40_000, _moment(moment)
        id_, place = self._id(ms), self._where(number)
        name, versions = f"{' '.join(words)} {number:07}.txt", 2 if number % 10 == 3 else 1
        key = name.encode()
        who, called = self.people[number % len(self.people)]
        tags = [TAGS[number % len(TAGS)]] if number % 10 == 7 else []
        has_task = number % 50 == 1 and number < 500_000
        workspace, folder = self.base.workspace.bytes, place.id.bytes
        rows["names"].append((folder, key, "document", id_))
        own = (name, key, "", versions, versions, "text/plain", who, int(has_task), who, at, at, 0)
        rows["documents"].append((id_, workspace, folder, place.scope.bytes, *own))
        for tag in tags:
            rows["document_tags"].append((id_, tag.encode(), workspace, tag))
        for version in range(1, versions + 1):
            content = self.base.contents[(number + version) % CONTENTS]
            of = (version, workspace, content.sha256, content.size, "text/plain", name, "", who, at)
            rows["versions"].append((id_, *of))
            told = {"number": version, "sha256": content.sha256.hex(), "size": content.size, "media_type": "text/plain"}
            told |= {"name": name, "comment": ""}
            if version == 1:
                self._event(rows, ms, "document.added", (id_, folder, None), (who, called, at), told)
            else:
                self._event(rows, ms, "version.added", (id_, None, None), (who, called, at), told)
        said = self.said[(number + versions) % CONTENTS]
        tokens = dict.fromkeys((*words, f"{number:07}", "txt", *" ".join(tags).split(), *said))
        rows["search_documents"].append((id_, workspace, " ".join([self.key + word for word in tokens])))
        if has_task:
            self._task(rows, id_, number, (who, called, at), moment)

    def _task(self, rows: Rows, document: bytes, number: int, by: Row, moment: datetime) -> None:
        id_, workspace = self._id(self.ms + number * 40_000 + 1), self.base.workspace.bytes
        who, _, at = by
        assignee = self.people[number // 50 % len(self.people)][0]
        due, title = _moment(moment + timedelta(days=14)), f"Read {number}"
        own = (1, title, "", "open", "normal", assignee, due, due, 1, 0, who, at, at)
        rows["tasks"].append((id_, workspace, document, *own))
        rows["task_texts"].append((id_, workspace, f"{self.key}read {self.key}{number}"))
        rows["task_watchers"] += [(id_, watcher) for watcher in {who, assignee}]
        subject = (document, None, id_)
        self._event(rows, self.ms + number * 40_000 + 1, "task.created", subject, by, {"title": title, "version": 1})
        told = {"title": title, "assignee_id": str(UUID(bytes=assignee)), "previous": None}
        self._event(rows, self.ms + number * 40_000 + 1, "task.assigned", subject, by, told)

    def _event(self, rows: Rows, ms: int, type_: str, subject: Row, by: Row, told: Mapping[str, object]) -> None:
        self.seq += 1
        of = (self.base.workspace.bytes, self.seq, self._id(ms), type_, *subject, *by)
        rows["events"].append((*of, json.dumps(told)))


def _moment(moment: datetime) -> str:
    """As both databases keep it."""
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}"


class _Sqlite:
    """One connection that promises nothing until ``finish``."""

    def __init__(self, settings: Settings) -> None:
        self._connection = sqlite3.connect(settings.data_dir / "dossier.sqlite3", isolation_level=None)
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE", "cache_size=-1500000"):
            self.run(f"PRAGMA {pragma}")
        self.run("BEGIN")

    def run(self, statement: str, *values: object) -> None:
        """One statement."""
        self._connection.execute(statement.replace("%s", "?"), values)

    def insert(self, rows: Rows) -> None:
        """A chunk."""
        for table, these in rows.items():
            self._connection.executemany(_insert(table).replace("%s", "?"), these)

    def finish(self, workspace: bytes, seq: int) -> None:
        """Keep it, in the journal that the program wants."""
        _settle(self, workspace, seq)
        self.run("COMMIT")
        self.run("PRAGMA locking_mode=NORMAL")
        self.run("PRAGMA journal_mode=WAL")

    def close(self) -> None:
        """Let go."""
        self._connection.close()


class _Cursor(pymysql.cursors.Cursor):
    max_stmt_length = 8_000_000  # a chunk in one statement; servers take 16 MB


class _Mysql:
    """One connection that checks no references: what is written is whole."""

    def __init__(self, settings: Settings) -> None:
        url = make_url(settings.database)
        self._connection = pymysql.connect(
            host=url.host or "",
            port=url.port or 3306,
            user=url.username or "",
            password=str(url.password or ""),
            database=url.database,
            charset="utf8mb4",
        )
        self._cursor = self._connection.cursor(_Cursor)
        self.run("SET foreign_key_checks = 0, unique_checks = 0")

    def run(self, statement: str, *values: object) -> None:
        """One statement."""
        self._cursor.execute(statement, values)

    def insert(self, rows: Rows) -> None:
        """A chunk."""
        for table, these in rows.items():
            if these:
                self._cursor.executemany(_insert(table), these)
        self._connection.commit()

    def finish(self, workspace: bytes, seq: int) -> None:
        """Keep it."""
        _settle(self, workspace, seq)
        self._connection.commit()
        for table in TABLES:
            self.run(f"ANALYZE TABLE {table}")

    def close(self) -> None:
        """Let go."""
        self._connection.close()


def _insert(table: str) -> str:
    columns = TABLES[table].split()
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})"


def _settle(to: _Sqlite | _Mysql, workspace: bytes, seq: int) -> None:
    """Nothing is left to do: the counter stands, every consumer has seen all, no job is due."""
    to.run("UPDATE event_counters SET seq = %s WHERE workspace_id = %s", seq, workspace)
    for consumer in CONSUMERS:
        to.run(
            "REPLACE INTO consumer_cursors (consumer, workspace_id, seq) VALUES (%s, %s, %s)",
            consumer.name,
            workspace,
            seq,
        )
    to.run("DELETE FROM jobs")
