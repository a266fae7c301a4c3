"""HTTP for arrivals."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from dossier import documents, folders
from dossier.core.paging import BadCursor
from dossier.core.web import After, Limit, look, ok, paged, problems
from dossier.uploads import arrivals, schemas

router = APIRouter(prefix="/api/v1/arrivals", tags=["uploads"])


@router.get(
    "",
    summary="List what is about to be there",
    response_model=None,
    responses=ok(schemas.ArrivalPage) | problems(documents.DocumentNotFound, folders.FolderNotFound, BadCursor),
)
async def list_arrivals(
    request: Request,
    folder_id: Annotated[
        UUID | None, Query(description="Only what comes into this folder, versions of its documents too.")
    ] = None,
    document_id: Annotated[UUID | None, Query(description="Only versions of this document.")] = None,
    limit: Limit = 50,
    after: After = None,
) -> Response:
    """Documents and versions of others too whose bytes are all here and are read once more (`hashing`), oldest first. Each
    is gone from here when it is there, or when its end was refused, which its sender is told."""
    return paged(*await look(request, lambda unit: arrivals.page(unit, limit, after, folder_id, document_id)))
