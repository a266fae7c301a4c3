"""Two sides that people change at random, a link between them, a network that loses words, and a program that is killed.

Everything follows from the seed: the same seed gives the same trace. A run of the world ends in quiet, and then ``judge``
says whether anything was lost, whether both sides agree, and whether a second pass would do nothing.
"""

import asyncio
import hashlib
import inspect
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast
from uuid import UUID

from dossier.connectors import Caps, RemoteError
from dossier.links.sync.books import Books, Terms
from dossier.links.sync.engine import Engine
from dossier.links.sync.planner import Direction
from tests.connectors.memory import MemoryRemote
from tests.links.books import MemoryBooks, Row, Thing, sha

NAMES = ["a.txt", "b.docx", "A.txt", "c", "c (2)", "d:e.txt", "ü.txt"]
SYSTEMS = [
    Caps(feed=True, stable_ids=True, conditional_write=True, versions=True, case_sensitive=False),
    Caps(feed=True, stable_ids=True, conditional_write=True),
    Caps(conditional_write=True, case_sensitive=False),
    Caps(conditional_write=True, versions=True),
    Caps(feed=True, conditional_write=True),
]
TYPES: list[tuple[str, ...]] = [(), (), (), ("txt", "docx")]
DIRECTIONS: list[Direction] = ["both", "both", "both", "in", "out"]
FAULTS = ("unreachable", "throttled", "locked")


class Killed(BaseException):
    """The process is no more."""


@dataclass
class World:
    """One seed's world."""

    seed: int
    trace: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        dice = self.dice
        direction: Direction = dice.choice(DIRECTIONS)
        self.remote = MemoryRemote(dice.choice(SYSTEMS), rewrites=dice.random() < 0.3, tells_tags=dice.random() < 0.5)
        types = dice.choice(TYPES)
        self.books = MemoryBooks(
            Terms(direction, types=types, most_deleted=3, most_deleted_share=0.5, most_replaced=50)
        )
        self.width = dice.choice([1, 1, 3])
        self.faulty = dice.choice([0, 0.02, 0.1])
        self.mortal = dice.choice([0, 0.01, 0.05])
        self.busy = dice.choice([0, 0.02, 0.1])
        self.remote.before, self.remote.after = self._before, self._after
        self.calm = False
        self.said = 0
        #: Tags that were agreed on, by the item; no two contents have the same.
        self.agreed: set[tuple[UUID, str]] = set()

    # The people

    def _content(self) -> bytes:
        self.said += 1
        return f"{self.seed}.{self.said}".encode() if self.dice.random() < 0.9 else b"the same"

    def act(self) -> None:
        """Somebody does something, on one side or the other."""
        self._ours() if self.dice.random() < 0.5 else self._theirs()

    def _ours(self) -> None:
        dice, books = self.dice, self.books
        things = books.living()
        holders = [None, *[thing.id for thing in things if thing.folder]]
        thing = dice.choice(things) if things else None
        what = dice.choice(["new", "new", "folder", "edit", "edit", "move", "rename", "trash"])
        if what in {"new", "folder"} or thing is None:
            books.our_new(dice.choice(holders), dice.choice(NAMES), self._content(), folder=what == "folder")
        elif what == "edit" and not thing.folder:
            books.our_edit(thing, self._content())
        elif what == "move":
            books.our_move(thing, dice.choice(holders), thing.name)
        elif what == "rename":
            books.our_move(thing, thing.parent, dice.choice(NAMES))
        elif what == "trash":
            books.our_trash(thing)
        self._note(f"we {what}")

    def _theirs(self) -> None:
        dice, remote = self.dice, self.remote
        nodes = sorted(remote.nodes.values(), key=lambda node: node.id)
        holders = [None, *[node.id for node in nodes if node.folder]]
        node = dice.choice(nodes) if nodes else None
        what = dice.choice(["new", "new", "folder", "edit", "edit", "move", "rename", "delete", "save"])
        try:
            if what in {"new", "folder"} or node is None:
                remote.their_new(dice.choice(holders), dice.choice(NAMES), self._content(), folder=what == "folder")
            elif what == "edit" and not node.folder:
                remote.their_edit(node.id, self._content())
            elif what == "move":
                remote.their_move(node.id, dice.choice(holders), node.name)
            elif what == "rename":
                remote.their_move(node.id, node.parent, dice.choice(NAMES))
            elif what == "delete":
                remote.their_delete(node.id)
            elif what == "save" and not node.folder:
                # As some programs save: the old file goes, a new one takes its name.
                remote.their_delete(node.id)
                remote.their_new(node.parent, node.name, self._content())
        except RemoteError:
            what = "nothing"
        if dice.random() < 0.03:
            remote.forget_cursors()
        self._note(f"they {what}")

    # The faults

    def _before(self, what: str) -> None:
        self._note(what)
        if self.calm:
            return
        if self.dice.random() < self.busy:
            self.act()
        self._die()
        self._fail()

    def _after(self, what: str) -> None:
        if not self.calm:
            self._die()
            self._fail()

    def before_books(self) -> None:
        """Before a transaction of the link."""
        if not self.calm:
            if self.dice.random() < self.busy / 4:
                self.act()
            self._die()

    def after_books(self, name: str) -> None:
        """After it."""
        self._note(name)
        self.agreed.update((row.key, row.base.tag) for row in self.books.rows.values() if row.base)
        if not self.calm:
            self._die()

    def _die(self) -> None:
        if self.dice.random() < self.mortal:
            self._note("killed")
            raise Killed

    def _fail(self) -> None:
        if self.dice.random() < self.faulty:
            kind = self.dice.choice(FAULTS)
            self._note(kind)
            raise RemoteError(cast(Any, kind), kind)

    def _note(self, what: str) -> None:
        self.trace.append(what)

    def hash(self) -> str:
        """What the whole run comes to."""
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()

    # The link

    async def sync(self) -> Engine:
        """One run of the link, whatever becomes of it."""
        self.books.now += 1000 if self.calm else 5
        self.books.braked = None
        engine = Engine(cast(Books, Mortal(self.books, self)), self.remote, width=self.width)
        try:
            await engine.run()
        except (Killed, RemoteError) as error:
            self._note(type(error).__name__)
        except BaseExceptionGroup as errors:
            lost = errors.split((Killed, RemoteError))[1]
            if lost is not None:
                raise
        if self.books.braked:
            self._note(f"brake {self.books.braked}")
            # A person looks, and says that it is well.
            self.books.given = replace(self.books.given, released=True)
        elif self.books.given.released:
            self.books.given = replace(self.books.given, released=False)
        return engine

    async def live(self) -> None:
        """Some rounds of people and runs."""
        for _ in range(self.dice.randint(1, 6)):
            for _ in range(self.dice.randint(0, 8)):
                self.act()
            await self.sync()
            if self.dice.random() < 0.5:
                self.choose()

    def choose(self) -> None:
        """Somebody decides the conflicts."""
        for row in list(self.books.rows.values()):
            if row.conflict:
                self.books.our_choice(row, ours=self.dice.random() < 0.5)

    async def settle(self) -> None:
        """No more faults and no more people: until a run changes nothing."""
        self.calm = True
        for _ in range(30):
            before = self._now()
            engine = await self.sync()
            if self._now() == before and not engine.outcome.braked:
                return
        raise AssertionError(f"seed {self.seed}: it never comes to rest")

    def _now(self) -> tuple[object, ...]:
        rows = [(row.key, row.revision, row.dirty) for row in self.books.rows.values()]
        return self.remote.writes, self.books.changes, len(self.remote.log), rows


class Mortal:
    """The books, in the hands of a process that may be killed before and after each transaction."""

    def __init__(self, books: MemoryBooks, world: World) -> None:
        self._books, self._world = books, world

    def __getattr__(self, name: str) -> Any:
        method: Callable[..., Any] = getattr(self._books, name)
        if not inspect.iscoroutinefunction(method):
            return method

        async def mortal(*args: Any, **kwargs: Any) -> Any:
            self._world.before_books()
            answer = await method(*args, **kwargs)
            self._world.after_books(name)
            # Others get their turn here, as at a database.
            await asyncio.sleep(0)
            return answer

        return mortal


async def run(seed: int) -> World:
    """A whole life and its end."""
    world = World(seed)
    await world.live()
    await world.settle()
    return world


def judge(world: World) -> list[str]:
    """What is wrong; nothing, one hopes."""
    books, remote, wrong = world.books, world.remote, []
    kept = {content.rstrip(b"!") for content in books.contents() | remote.contents()}
    wrong += [f"lost {content!r}" for content in remote.replaced if content.rstrip(b"!") not in kept]
    wrong += [f"twice {content!r}" for content in books.doubled if content != b"the same"]
    rows = list(books.rows.values())
    for ids in ([row.remote_id for row in rows], [row.node for row in rows]):
        known = [id_ for id_ in ids if id_]
        wrong += ["two rows for one"] if len(known) != len(set(known)) else []
    for thing in books.living():
        if not any(row.node == thing.id for row in rows):
            wrong.append(f"nobody knows our {thing.name}")
    for node in remote.nodes.values():
        if not any(row.remote_id == node.id and row.theirs for row in rows):
            wrong.append(f"nobody knows their {node.id}")
    for row in rows:
        wrong += _apart(world, row) + _passed_over(world, row)
    return wrong


def _passed_over(world: World, row: Row) -> list[str]:
    """What people there made of a document since both sides agreed on one of its contents, and is no version."""
    thing = world.books.things.get(row.node) if row.node else None
    node = world.remote.nodes.get(row.remote_id or "")
    if not world.remote.caps.versions or thing is None or node is None or node.folder or row.state != "synced ":
        return []
    kept = {content.rstrip(b"!") for content in world.books.contents()}
    made = [content.rstrip(b"!") for content in [*node.history, node.content]]
    if not world.remote.tells_tags and made.count(b"the same") > 1:
        # By its bytes alone one cannot be told from the other.
        return []
    tags = [*node.old_tags, node.tag]
    first = next((at for at, tag in enumerate(tags) if (row.key, tag) in world.agreed), len(made))
    return [f"passed over {content!r} {row}" for content in made[first:] if content not in kept]


def _holds_held(world: World, row: Row) -> bool:
    """Whether a folder lives on for what the direction of the link keeps in it."""
    for each in world.books.rows.values():
        ours = world.books._ours(each)
        inside = row.key in {ours.place.parent if ours else None, each.theirs.place.parent if each.theirs else None}
        if inside and (each.state.startswith("held") or (each.folder and _holds_held(world, each))):
            return True
    return False


def _apart(world: World, row: Row) -> list[str]:
    books, remote = world.books, world.remote
    if row.state.startswith("held") or (row.folder and _holds_held(world, row)):
        return []
    thing: Thing | None = books.things.get(row.node) if row.node else None
    node = remote.nodes.get(row.remote_id or "")
    if thing is None or thing.trashed or node is None:
        return [f"one-sided {row}"]
    wrong = []
    ours = books._ours(row)
    parent = remote.nodes[node.parent] if node.parent else None
    above = books._by_remote(parent.id) if parent else None
    if ours is None or ours.place.parent != (above.key if above else None):
        wrong.append(f"another place {row}")
    if not row.folder and not row.conflict:
        mine = thing.versions[-1]
        rewritten = remote.rewrites and node.content.rstrip(b"!") == mine.rstrip(b"!")
        if sha(mine) != sha(node.content) and not rewritten:
            wrong.append(f"another content {row} {mine!r} {node.content!r}")
    if row.state != "synced ":
        wrong.append(f"not settled {row}")
    return wrong
