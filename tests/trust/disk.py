"""A disk that loses its power: what a program asked of it, as strace saw it, and what may be on it afterwards.

POSIX promises little: a file's bytes are there for good after an fsync of the file, its name after an fsync of the
directory. What else was written may be there, in any order, a sector (512 bytes) at a time; a rename is done whole or not at
all. (The model is that of ALICE, Pillai et al., OSDI 2014; SQLite counts on no more, <https://sqlite.org/psow.html>.)
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

SECTOR = 512
CALLS = (
    *("openat", "close", "dup", "write", "pwrite64", "writev", "pwritev", "pwritev2", "sendfile", "copy_file_range"),
    *("fallocate", "ftruncate", "truncate", "lseek", "fsync", "fdatasync", "sync_file_range", "msync"),
    *("rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir"),
)
"""What is traced. What of it changes files and is not modelled below raises."""
HARMLESS = {"sync_file_range", "msync"}


@dataclass(frozen=True)
class Call:
    """A call that a program made. ``begun`` and ``number`` say when it began and ended, by the lines of the trace."""

    name: str
    arguments: list[str]
    result: int
    begun: int
    number: int

    def text(self, index: int) -> str:
        """A path among the arguments."""
        return self.data(index).decode()

    def data(self, index: int) -> bytes:
        """Bytes among the arguments."""
        argument = self.arguments[index]
        assert argument.startswith('"') and argument.endswith('"'), f"cut off: {argument[:60]}"
        return bytes.fromhex(argument[1:-1].replace("\\x", ""))

    def int(self, index: int) -> int:
        """A number among the arguments."""
        return int(self.arguments[index], 0)


def calls(trace: str) -> Iterator[Call]:
    """The calls of all threads that succeeded, in the order of their ends; a close counts from its beginning."""
    under_way: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(trace.splitlines()):
        thread, _, said = line.partition(" ")
        said, begun = said.strip(), number
        if said.endswith(" <unfinished ...>"):
            said = said.removesuffix(" <unfinished ...>")
            if not said.startswith("close("):
                under_way[thread] = said, number
                continue
            said += ") = 0" if not said.endswith(")") else " = 0"
        elif said.startswith("<... close resumed>"):
            continue
        elif found := re.match(r"<\.\.\. \w+ resumed>", said):
            head, begun = under_way.pop(thread)
            said = head + said[found.end() :].lstrip(", " if head.endswith(", ") else "")
        if (found := re.fullmatch(r"(\w+)\((.*)\) += (-?\d+).*", said)) and int(found[3]) >= 0:
            yield Call(found[1], found[2].split(", "), int(found[3]), begun, number)


@dataclass
class Change:
    """Something asked of a file or a directory that need not be there yet."""

    number: int
    offset: int = 0
    data: bytes | None = None  # written at ``offset``; without, the file was cut or grown to ``offset``
    name: str = ""
    node: "Node | None" = None  # under ``name``; without, the name went
    needs: "Change | None" = None  # a rename: the old name does not go without the new one
    durable: bool = False


@dataclass
class Node:
    """A file or a directory: what is there for good, and what was asked since."""

    is_directory: bool = False
    content: bytearray = field(default_factory=bytearray)
    names: "dict[str, Node]" = field(default_factory=dict)
    waiting: list[Change] = field(default_factory=list)
    # As the program sees it.
    size: int = 0
    seen: "dict[str, Node]" = field(default_factory=dict)

    def sync(self, before: int) -> None:
        """What was asked before stays."""
        for change in [change for change in self.waiting if change.number < before]:
            self.keep(change)
            self.waiting.remove(change)

    def keep(self, change: Change) -> None:
        change.durable = True
        if not self.is_directory:
            apply(self.content, change)
        elif change.node is not None:
            self.names[change.name] = change.node
        else:
            self.names.pop(change.name, None)


def apply(content: bytearray, change: Change) -> None:
    """A change to a file's bytes."""
    end = change.offset + len(change.data or b"")
    if change.data is None:
        del content[change.offset :]
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    if change.data is not None:
        content[change.offset : end] = change.data


@dataclass
class Open:
    """A file descriptor."""

    node: Node
    path: str
    position: int = 0
    appends: bool = False


class Disk:
    """What lies below ``root``, which a program changes; ``start`` is a copy of how that began, ``descriptors`` what was
    open. An fsync of a path that the pattern ``deaf`` finds does nothing."""

    def __init__(self, root: Path, start: Path, descriptors: dict[int, str], deaf: str = "") -> None:
        self.root, self.base = root, Node(is_directory=True)
        self.deaf = re.compile(deaf) if deaf else None
        self._read(start, self.base)
        found = {number: self._find(path) for number, path in descriptors.items()}
        self.open = {number: Open(node, descriptors[number]) for number, node in found.items() if node is not None}

    def _read(self, folder: Path, node: Node) -> None:
        for path in folder.iterdir():
            made = Node(path.is_dir())
            if path.is_dir():
                self._read(path, made)
            else:
                made.content = bytearray(path.read_bytes())
                made.size = len(made.content)
            node.names[path.name] = node.seen[path.name] = made

    def _parts(self, path: str) -> list[str] | None:
        return list(Path(path).relative_to(self.root).parts) if Path(path).is_relative_to(self.root) else None

    def _find(self, path: str) -> Node | None:
        parts = self._parts(path)
        node: Node | None = self.base if parts is not None else None
        for part in parts or ():
            node = node.seen.get(part) if node else None
        return node

    def _at(self, path: str) -> tuple[Node, str] | None:
        """The directory of a path below the root, and the name in it."""
        folder = self._find(str(Path(path).parent))
        return (folder, Path(path).name) if folder is not None and self._parts(path) else None

    def make(self, call: Call) -> None:
        """What the program asked next."""
        do = getattr(self, f"_{call.name}", None)
        if do is not None:
            do(call)
        elif call.name not in HARMLESS:
            raise AssertionError(f"the model does not know {call.name}")

    def _enter(self, folder: Node, name: str, node: Node | None, call: Call, needs: Change | None = None) -> Change:
        change = Change(call.number, name=name, node=node, needs=needs)
        folder.waiting.append(change)
        if node is None:
            folder.seen.pop(name, None)
        else:
            folder.seen[name] = node
        return change

    def _openat(self, call: Call) -> None:
        path, flags = call.text(1), call.arguments[2].split("|")
        place = self._at(path)
        node = self._find(path)
        if place is not None and node is None and "O_CREAT" in flags:
            node = Node()
            self._enter(*place, node, call)
        if node is None:
            self.open.pop(call.result, None)
            return
        self.open[call.result] = Open(node, path, appends="O_APPEND" in flags)
        if "O_TRUNC" in flags:
            self._change(node, Change(call.number))

    def _close(self, call: Call) -> None:
        self.open.pop(call.int(0), None)

    def _dup(self, call: Call) -> None:
        assert call.int(0) not in self.open, "the model does not know two descriptors of one file"

    def _change(self, node: Node, change: Change) -> None:
        node.waiting.append(change)
        end = change.offset + len(change.data or b"")
        node.size = end if change.data is None else max(node.size, end)

    def _written(self, call: Call, offset: int | None) -> None:
        if (file := self.open.get(call.int(0))) is None:
            return
        start = offset if offset is not None else file.node.size if file.appends else file.position
        data = call.data(1)[: call.result]
        self._change(file.node, Change(call.number, start, data))
        if offset is None:
            file.position = start + len(data)

    def _write(self, call: Call) -> None:
        self._written(call, None)

    def _pwrite64(self, call: Call) -> None:
        self._written(call, call.int(3))

    def _lseek(self, call: Call) -> None:
        if (file := self.open.get(call.int(0))) is not None:
            file.position = call.result

    def _ftruncate(self, call: Call) -> None:
        if (file := self.open.get(call.int(0))) is not None:
            self._change(file.node, Change(call.number, call.int(1)))

    def _fsync(self, call: Call) -> None:
        if (file := self.open.get(call.int(0))) is None:
            return
        if self.deaf and self.deaf.search(file.path):
            return
        for change in file.node.waiting:
            if change.needs is not None and change.number < call.begun:
                self._settle(change.needs)
        file.node.sync(call.begun)

    _fdatasync = _fsync

    def _settle(self, change: Change) -> None:
        """The other half of a rename."""
        for node in walk(self.base):
            if any(each is change for each in node.waiting):
                node.keep(change)
                node.waiting = [each for each in node.waiting if each is not change]

    def _rename(self, call: Call) -> None:
        self._renamed(call, call.text(0), call.text(1))

    def _renameat(self, call: Call) -> None:
        assert call.arguments[0] == call.arguments[2] == "AT_FDCWD"
        self._renamed(call, call.text(1), call.text(3))

    _renameat2 = _renameat

    def _renamed(self, call: Call, old: str, new: str) -> None:
        source, target = self._at(old), self._at(new)
        if source is None and target is None:
            return
        assert source is not None and target is not None, "a rename over the border"
        made = self._enter(*target, source[0].seen[source[1]], call)
        self._enter(*source, None, call, made)

    def _unlink(self, call: Call) -> None:
        self._gone(call, call.text(0))

    _rmdir = _unlink

    def _unlinkat(self, call: Call) -> None:
        assert call.arguments[0] == "AT_FDCWD" or self._find(call.text(1)) is None
        self._gone(call, call.text(1))

    def _gone(self, call: Call, path: str) -> None:
        if (place := self._at(path)) is not None:
            self._enter(*place, None, call)

    def _mkdir(self, call: Call) -> None:
        if (place := self._at(call.text(0))) is not None:
            self._enter(*place, Node(is_directory=True), call)

    @property
    def waits(self) -> bool:
        """Whether anything could be lost."""
        return any(node.waiting for node in walk(self.base))


def walk(node: Node) -> Iterator[Node]:
    """Every file and directory that is there, was, or may be."""
    todo, known = [node], set()
    while todo:
        found = todo.pop()
        if id(found) in known:
            continue
        known.add(id(found))
        yield found
        todo += [*found.names.values(), *found.seen.values()]
        todo += [change.node for change in found.waiting if change.node is not None]


@dataclass(frozen=True)
class Luck:
    """How likely it is that something came to the disk before the power went: names, and sectors of bytes."""

    names: float
    sectors: float


EXTREMES = (Luck(0, 0), Luck(1, 0), Luck(0, 1), Luck(1, 1), Luck(1, 0.5), Luck(0.5, 1))


def restore(disk: Disk, target: Path, luck: Luck, random: Random) -> None:
    """Write below ``target`` what is on the disk when the power comes back."""
    kept: set[int] = set()
    for node in walk(disk.base):
        if node.is_directory:
            kept |= {id(change) for change in node.waiting if change.node is not None and random.random() < luck.names}
    _restore(disk.base, target, luck, random, kept)


def _restore(node: Node, target: Path, luck: Luck, random: Random, kept: set[int]) -> None:
    if not node.is_directory:
        target.write_bytes(_content(node, luck, random))
        return
    target.mkdir()
    names = dict(node.names)
    for change in node.waiting:
        if change.node is not None:
            if id(change) in kept:
                names[change.name] = change.node
        elif _goes(change, luck, random, kept):
            names.pop(change.name, None)
    for name, found in names.items():
        if not name.endswith("-shm"):  # memory that processes share; SQLite makes it anew
            _restore(found, target / name, luck, random, kept)


def _goes(change: Change, luck: Luck, random: Random, kept: set[int]) -> bool:
    """Whether a name is gone: one that was given another place, if and only if it is there."""
    if change.needs is not None and not change.needs.durable:
        return id(change.needs) in kept
    return random.random() < luck.names


def _content(node: Node, luck: Luck, random: Random) -> bytes:
    content = bytearray(node.content)
    for change in node.waiting:
        if change.data is None:
            if random.random() < luck.sectors:
                apply(content, change)
            continue
        start = change.offset
        end = start + len(change.data)
        while start < end:
            stop = min(end, (start // SECTOR + 1) * SECTOR)
            if random.random() < luck.sectors:
                part = change.data[start - change.offset : stop - change.offset]
                apply(content, Change(change.number, start, part))
            start = stop
    if random.random() < 0.5 and len(content) < node.size:
        content.extend(bytes(node.size - len(content)))  # it was made longer, and nothing was put there
    return bytes(content)
