"""What must hold in a data folder after any end of the program, judged from outside: plain SQL and plain files.

The names I1 to I6 are those of the trust plan: every acknowledged version is whole (I1), no row without its bytes (I2), an
orphan is allowed (I3), version numbers are dense (I4), each write has exactly one event (I5).
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pysqlite3 import dbapi2 as sqlite

BLOB = re.compile(r"[0-9a-f]{32}/[0-9a-f]{2}/[0-9a-f]{32}")


@dataclass(frozen=True)
class Found:
    """What a whole folder holds."""

    documents: int
    versions: int
    events: int
    orphans: int
    temporary: int


@contextmanager
def opened(data: Path) -> Iterator[Any]:
    """The database, for reading; nothing is checkpointed on the way out."""
    connection = sqlite.connect(f"file:{data / 'dossier.sqlite3'}?mode=ro", uri=True)
    try:
        yield connection
    finally:
        connection.close()


def check(data: Path) -> Found:
    """Assert all of it. The program must not be running, and must have been started since it was cut off."""
    with opened(data) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        check_numbers(database)
        check_events(database)
        check_names(database)
        check_holds(database)
        keys = check_bytes(database, data / "blobs")
        documents, versions, events = (
            int(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
            for table in ("documents", "versions", "events")
        )
    stored, temporary = files(data / "blobs")
    return Found(documents, versions, events, len(stored - keys), temporary)


def check_numbers(database: Any) -> None:
    """I4: versions 1..n of every document, head = max; none without a document."""
    odd = database.execute(
        "SELECT hex(d.id), d.head_number, count(v.number), min(v.number), max(v.number) FROM documents d "
        "LEFT JOIN versions v ON v.document_id = d.id GROUP BY d.id "
        "HAVING min(v.number) IS NOT 1 OR max(v.number) <> d.head_number OR count(v.number) <> d.head_number"
    ).fetchall()
    assert odd == [], "head, count, least and greatest number of versions"
    assert database.execute("SELECT count(*) FROM versions WHERE restored_from >= number").fetchone() == (0,)


def check_events(database: Any) -> None:
    """I5: numbers without a gap up to the counter, and one event for each version, document and task there is."""
    first, last, count = database.execute("SELECT min(seq), max(seq), count(*) FROM events").fetchone()
    assert (first, last) == (1, count), "a gap in the events"
    assert database.execute("SELECT seq FROM event_counters").fetchall() == [(count,)]
    told = (
        "SELECT document_id, json_extract(data, '$.number') AS number, count(*) AS times FROM events "
        "WHERE type IN ('document.added', 'version.added') GROUP BY 1, 2"
    )
    untold = f"SELECT count(*) FROM versions v LEFT JOIN ({told}) e USING (document_id, number) WHERE e.times IS NOT 1"
    assert database.execute(untold).fetchone() == (0,), "a version without exactly one event"
    purged = "(SELECT document_id FROM events WHERE type = 'document.purged')"
    lost = (
        f"SELECT count(*) FROM ({told}) e LEFT JOIN versions v USING (document_id, number) "
        f"WHERE v.number IS NULL AND e.document_id NOT IN {purged}"
    )
    assert database.execute(lost).fetchone() == (0,), "an event of a version that is not there"
    made = "SELECT count(*) FROM events WHERE type = 'task.created' AND document_id NOT IN " + purged
    assert database.execute("SELECT count(*) FROM tasks").fetchone() == database.execute(made).fetchone()


def check_names(database: Any) -> None:
    """A living document has its name, a trashed one has none, and a name leads to something."""
    odd = database.execute(
        "SELECT count(*) FROM documents d LEFT JOIN names n ON n.node_id = d.id "
        "WHERE d.trashed = (n.node_id IS NOT NULL)"
    ).fetchone()
    assert odd == (0,), "a living document without a name, or a trashed one with one"
    gone = "SELECT count(*) FROM names WHERE kind = 'document' AND node_id NOT IN (SELECT id FROM documents)"
    assert database.execute(gone).fetchone() == (0,)


def check_holds(database: Any) -> None:
    """What is held from the sweep are the bytes of uploads that have not ended, all of them and nothing else."""
    odd = database.execute(
        "SELECT key FROM blob_holds EXCEPT SELECT key FROM uploads WHERE state <> 'done' "
        "UNION ALL SELECT * FROM (SELECT key FROM uploads WHERE state <> 'done' EXCEPT SELECT key FROM blob_holds)"
    ).fetchall()
    assert odd == []


def check_bytes(database: Any, blobs: Path) -> set[str]:
    """I1 and I2 for every row: the bytes are there and hash to their digest. The keys that rows name."""
    torn = "SELECT count(*) FROM versions v LEFT JOIN blobs b USING (workspace_id, sha256) WHERE b.size IS NOT v.size"
    assert database.execute(torn).fetchone() == (0,)
    unnamed = "SELECT count(*) FROM blobs WHERE sha256 NOT IN (SELECT sha256 FROM versions)"
    assert database.execute(unnamed).fetchone() == (0,), "a blob row that no version names"
    keys = set()
    for key, sha256, size in database.execute("SELECT key, sha256, size FROM blobs"):
        body = place(blobs, key).read_bytes()
        assert (len(body), hashlib.sha256(body).digest()) == (size, sha256), f"blob {key} is torn"
        keys.add(key)
    return keys


def place(blobs: Path, key: str) -> Path:
    """Where the bytes of a key lie."""
    workspace, name = key.split("/")
    return blobs / workspace / name[-2:] / name


def files(blobs: Path) -> tuple[set[str], int]:
    """The keys of the files that count as blobs, and how many lie in the place for temporary ones; nothing else is there."""
    stored, temporary = set(), 0
    for path in blobs.rglob("*"):
        if path.is_dir():
            continue
        if path.parent in (blobs / ".tmp", blobs / ".parts"):
            temporary += 1
        else:
            name = str(path.relative_to(blobs))
            assert BLOB.fullmatch(name), f"a file where only blobs are: {name}"
            stored.add(f"{name[:32]}/{path.name}")
    return stored, temporary
