"""Many rows by one statement: as the mapper would have written them."""

from datetime import UTC, datetime

from sqlalchemy import select

from dossier.core.ids import new_id
from dossier.core.jobs import JobRow
from dossier.core.prepared import insert_rows
from dossier.core.units import Unit
from dossier.folders.models import Grant, Scope
from tests.conftest import World

AT = datetime(2026, 11, 29, 8, 0, 0, 123456, tzinfo=UTC)


async def test_values_come_back_as_the_mapper_reads_them(world: World) -> None:
    rows = [
        {
            "id": new_id(),
            "workspace_id": world.owner.actor.workspace_id,
            "kind": "test",
            "payload": {"name": "Übung 🎉 % %s ' \" \\", "number": n},
            "state": "dead",
            "attempts": n,
            "run_at": AT,
            "leased_by": new_id(),
            "created_at": AT,
            "last_error": None,
        }
        for n in range(3)
    ]

    async def verb(unit: Unit) -> None:
        await insert_rows(unit, JobRow, rows)
        await insert_rows(unit, JobRow, [])

    await world.parts.units.run(world.owner.actor, verb)
    async with world.parts.units.read(world.owner.actor) as unit:
        found = (
            await unit.session.scalars(select(JobRow).where(JobRow.kind == "test").order_by(JobRow.attempts))
        ).all()
        assert [(job.id, job.payload, job.leased_by, job.run_at, job.last_error) for job in found] == [
            (row["id"], row["payload"], row["leased_by"], AT, None) for row in rows
        ]


async def test_what_the_session_holds_goes_first(world: World) -> None:
    async def verb(unit: Unit) -> None:
        scope = Scope(id=new_id(), workspace_id=unit.workspace_id, folder_id=world.root, is_root=False)
        unit.session.add(scope)
        grant = {"principal_id": world.editor.member_id, "principal": "member", "role": "editor"}
        await insert_rows(unit, Grant, [{"scope_id": scope.id, **grant}])

    await world.parts.units.run(world.owner.actor, verb)
