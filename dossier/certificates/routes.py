"""HTTP for the certificates of partners' programs."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from dossier.certificates import schemas, service
from dossier.certificates.errors import BadCertificate, CertificateNotFound, CertificateTaken
from dossier.core.web import After, CurrentActor, IdempotencyKey, Limit, look, ok, paged, problems, write
from dossier.users import MemberNotFound

router = APIRouter(prefix="/api/v1", tags=["certificates"])


@router.get(
    "/certificates",
    summary="List certificates",
    status_code=200,
    response_model=None,
    responses=ok(schemas.CertificatePage) | problems(),
)
async def list_certificates(request: Request, limit: Limit = 50, after: After = None) -> Response:
    """The client certificates of partners' programs, those that ran out in the last 90 days too. For owners."""
    return paged(*await look(request, lambda unit: service.list_certificates(unit, limit, after)))


@router.post(
    "/certificates",
    summary="Register a certificate",
    status_code=201,
    response_model=None,
    responses=ok(schemas.Certificate, 201) | problems(BadCertificate, CertificateTaken, MemberNotFound, write=True),
)
async def register_certificate(
    request: Request, actor: CurrentActor, body: schemas.NewCertificate, _key: IdempotencyKey = None
) -> Response:
    """Let a client certificate open the partners' door for a program: a new member with name and role, or, to renew
    one, a program that is here already. It ends with the certificate's own end. For owners.
    """
    return await write(
        request,
        actor,
        lambda unit: service.register_certificate(unit, body),
        status=201,
        location="/api/v1/certificates",
    )


@router.delete(
    "/certificates/{certificate_id}",
    summary="Revoke a certificate",
    status_code=204,
    response_model=None,
    responses=problems(CertificateNotFound, write=True),
)
async def revoke_certificate(request: Request, actor: CurrentActor, certificate_id: UUID) -> Response:
    """End a certificate at once. Its program stays a member, whom `DELETE /members/{id}` deactivates. For owners."""
    return await write(request, actor, lambda unit: service.revoke_certificate(unit, certificate_id))
