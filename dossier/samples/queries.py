"""Every SELECT on samples. Who may see a document is asked of its room."""

from collections.abc import Sequence

from sqlalchemy import select

from dossier import documents
from dossier.core.units import ReadUnit
from dossier.samples.models import Sample


async def any_visible(unit: ReadUnit) -> bool:
    """Whether the actor sees a living sample document."""
    query = select(Sample.document_id).where(
        Sample.workspace_id == unit.workspace_id, await documents.readable(unit, Sample.document_id)
    )
    return await unit.session.scalar(query.limit(1)) is not None


async def all_(unit: ReadUnit) -> Sequence[Sample]:
    """The workspace's samples, seen or not, living or trashed."""
    query = select(Sample).where(Sample.workspace_id == unit.workspace_id).order_by(Sample.document_id)
    return (await unit.session.execute(query)).scalars().all()
