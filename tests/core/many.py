"""A workspace with much in it, written by the database itself: for what depends on how much there is."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from dossier import documents, storage, tasks
from dossier.core.units import Unit
from tests.conftest import World

DOCUMENTS, TIMES = 200, 50
MULTIPLY = [
    """INSERT INTO documents (id, workspace_id, folder_id, scope_id, name, name_key, description, revision, head_number,
    media_type, author_id, open_tasks, created_by, created_at, updated_at, trashed)
    {n}
    SELECT UNHEX(LEFT(SHA2(CONCAT(HEX(id), i), 256), 32)), workspace_id,
    folder_id, scope_id, CONCAT(name, i), CONCAT(name_key, i), '', 1, 1,
    media_type, author_id, 0, created_by, created_at, updated_at + INTERVAL i MICROSECOND, trashed FROM documents, n""",
    """INSERT INTO versions (document_id, number, workspace_id, sha256, size, media_type, file_name, comment, created_at)
    SELECT d.id, 1, v.workspace_id, v.sha256, v.size, v.media_type, v.file_name, '', v.created_at
    FROM documents d, versions v WHERE v.document_id = (SELECT MIN(document_id) FROM versions)
    AND NOT EXISTS (SELECT 1 FROM versions w WHERE w.document_id = d.id)""",
    """INSERT INTO tasks (id, workspace_id, document_id, version_number, title, details, status, priority, due_key, revision,
    comment_count, created_at, updated_at)
    {n}
    SELECT UNHEX(LEFT(SHA2(CONCAT(HEX(id), i), 256), 32)), workspace_id, document_id, 1, title, '', status, priority,
    due_key + INTERVAL i MICROSECOND, 1, 0, created_at, updated_at FROM tasks, n""",
    """INSERT INTO events (workspace_id, seq, id, type, document_id, actor_name, at, data)
    {n}
    SELECT workspace_id, seq + 1000 * i, UNHEX(LEFT(SHA2(CONCAT(HEX(id), i), 256), 32)), type,
    IF(i % 2, document_id, UNHEX('{busy}')),
    actor_name, at, data FROM events, n WHERE document_id IS NOT NULL""",
    """INSERT INTO notices (id, workspace_id, member_id, seq, kind, document_id, at, is_read)
    SELECT id, workspace_id, UNHEX('{member}'), seq, 'assigned', document_id, at, 0 FROM events
    WHERE document_id IN (SELECT id FROM documents)""",
    "UPDATE event_counters SET seq = (SELECT MAX(seq) FROM events e WHERE e.workspace_id = event_counters.workspace_id)",
]


async def fill(world: World) -> tuple[UUID, UUID]:
    """DOCUMENTS × TIMES documents in one folder with a task each, their events, and notices of them for the viewer.

    The folder, and a document that half of the events are about.
    """
    made = await world.owner.client.post("/api/v1/folders", json={"name": "Many"})
    folder = UUID(made.json()["id"])
    actor = world.owner.actor
    stored = await world.parts.store.put(UUID(str(actor.workspace_id)), _one(b"x"))
    added: list[UUID] = []

    async def add(unit: Unit) -> None:
        for number in range(DOCUMENTS):
            upload = documents.Upload(storage.Received(stored), f"{number:04}.txt")
            document = await documents.add(unit, upload, folder)
            added.append(document["id"])
            due = datetime(2030, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
            await tasks.create(unit, document["id"], tasks.NewTask(title=f"Read {number}", due_at=due))

    await world.parts.units.run(actor, add)
    n = f"WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < {TIMES - 1})"
    async with world.parts.database.writer.begin() as connection:
        for statement in MULTIPLY:
            said = statement.format(n=n, busy=added[0].hex, member=world.viewer.member_id.hex)
            await connection.execute(text(said))
        for table in ("documents", "versions", "tasks", "events", "folders", "names", "notices"):
            await connection.execute(text(f"ANALYZE TABLE {table}"))
    return folder, added[0]


async def _one(content: bytes) -> AsyncIterator[bytes]:
    yield content
