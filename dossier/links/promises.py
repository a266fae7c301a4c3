"""Which run of a link comes next: one job at a time, hastened by what happens."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, true

from dossier.core import jobs
from dossier.core.units import ReadUnit, Unit
from dossier.links.models import LinkItemRow, LinkRow

SYNC = "links.sync"
#: What a run left to do, or made for itself to do, is done by another one that soon.
AGAIN = timedelta(seconds=5)
ACTIVE = "active"


async def promise(unit: Unit, link: LinkRow, delay: timedelta = timedelta(0)) -> None:
    """A run by then. One that is promised for later already comes now, where there is no ``delay``."""
    if link.state != ACTIVE:
        return
    if not link.promised:
        link.promised, link.job_id = True, unit.defer(SYNC, delay=delay, link_id=str(link.id))
    elif link.job_id is not None and not delay:
        await jobs.hasten(unit.session, unit.now, link.job_id)
        unit.wake()


async def promise_again(unit: Unit, link_id: UUID, delay: timedelta) -> None:
    """A run by then, for one that could not be now."""
    link = await unit.session.get(LinkRow, link_id, with_for_update=True)
    if link is not None:
        await promise(unit, link, delay)


async def until_next(unit: ReadUnit, link: LinkRow, poll: timedelta) -> timedelta:
    """How long until the next run: until something is tried (again), and at the latest until the poll."""
    left = select(func.min(LinkItemRow.next_at)).where(
        LinkItemRow.link_id == link.id,
        LinkItemRow.dirty == true(),
        # What waits for something else is looked at in each run, but is no reason for one.
        LinkItemRow.state != "waiting",
    )
    at = await unit.session.scalar(left)
    return poll if at is None else min(poll, max(AGAIN, at - unit.now))


async def keep(unit: Unit, poll: timedelta) -> None:
    """Promise runs of the active links that had none for long: a job may have died of what it met."""
    late = unit.now - max(2 * poll, timedelta(hours=1))
    query = select(LinkRow).where(LinkRow.workspace_id == unit.workspace_id, LinkRow.state == ACTIVE).with_for_update()
    for link in (await unit.session.execute(query)).scalars().all():
        if (link.ran_at or link.created_at) < late:
            link.promised = False
            await promise(unit, link)


async def most_behind(unit: ReadUnit) -> datetime | None:
    """When the active link of any workspace that is most behind was last in step, or was made."""
    since = func.coalesce(LinkRow.in_step_at, LinkRow.created_at)
    return await unit.session.scalar(select(since).where(LinkRow.state == ACTIVE).order_by(since).limit(1))
