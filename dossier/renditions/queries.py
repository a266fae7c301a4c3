"""Every SELECT on renditions. Who may see a version is asked of the documents' room before."""

from collections.abc import Collection, Sequence

from sqlalchemy import select

from dossier.core.units import ReadUnit
from dossier.renditions.models import Rendition


async def find(unit: ReadUnit, source: bytes, kind: str, *, lock: bool = False) -> Rendition | None:
    """The rendition of a content in the unit's workspace."""
    query = select(Rendition).where(
        Rendition.workspace_id == unit.workspace_id, Rendition.source_sha256 == source, Rendition.kind == kind
    )
    query = query.execution_options(populate_existing=True)
    return (await unit.session.execute(query.with_for_update() if lock else query)).scalar_one_or_none()


async def sources(unit: ReadUnit, after: bytes, limit: int) -> Sequence[bytes]:
    """A page of the digests that the workspace has renditions of, in order."""
    query = select(Rendition.source_sha256).where(
        Rendition.workspace_id == unit.workspace_id, Rendition.source_sha256 > after
    )
    query = query.distinct().order_by(Rendition.source_sha256).limit(limit)
    return (await unit.session.execute(query)).scalars().all()


async def of_sources(unit: ReadUnit, digests: Collection[bytes]) -> Sequence[Rendition]:
    """All renditions of these contents."""
    query = select(Rendition).where(
        Rendition.workspace_id == unit.workspace_id, Rendition.source_sha256.in_(list(digests))
    )
    return (await unit.session.execute(query)).scalars().all()


async def used_digests(unit: ReadUnit, digests: Collection[bytes]) -> set[bytes]:
    """Those of ``digests`` that a rendition of the workspace is."""
    query = select(Rendition.blob_sha256).where(
        Rendition.workspace_id == unit.workspace_id, Rendition.blob_sha256.in_(list(digests))
    )
    return {digest for digest in (await unit.session.execute(query)).scalars() if digest is not None}
