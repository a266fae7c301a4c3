"""The ways Dossier refuses, one tree; each is answered as RFC 9457 ``application/problem+json``.

DossierError
 ├─ Invalid 422             the request is understood and wrong (``fields`` says where)
 ├─ BadRequest 400          the request cannot be parsed
 ├─ Unauthenticated 401     nobody is signed in, or the token or session has ended
 ├─ Forbidden 403           the actor sees the thing and may not do this
 ├─ NotFound 404            there is no such thing, or the actor may not see it
 ├─ Conflict 409            the state of the thing forbids it
 ├─ PreconditionFailed 412  ``If-Match`` names a state that is gone
 ├─ TooLarge 413            the body is over the limit
 ├─ RangeNotSatisfiable 416 the range lies outside of the content
 ├─ Locked 423              somebody else holds the lock
 ├─ RateLimited 429         too many tries; ``retry_after`` seconds
 ├─ Unavailable 503         a part is away; ``retry_after`` seconds
 └─ StorageFull 507         no space is left; nothing was written

A domain's ``errors.py`` holds one subclass per refusal, with ``code`` and ``title``.
"""

from typing import Any, ClassVar


class DossierError(Exception):
    """A refusal with a stable ``code``, an HTTP ``status`` and a sentence for people (``detail``)."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong on our side"

    def __init__(
        self,
        detail: str | None = None,
        *,
        fields: dict[str, str] | None = None,
        retry_after: int | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.fields = fields
        self.retry_after = retry_after
        self.extra = extra


class Internal(DossierError):
    """An error nobody foresaw; its text stays in the log."""


class BadRequest(DossierError):
    status = 400
    code = "bad_request"
    title = "The request cannot be read"


class Unauthenticated(DossierError):
    status = 401
    code = "unauthenticated"
    title = "Sign in first"


class Forbidden(DossierError):
    status = 403
    code = "forbidden"
    title = "You may not do this"


class NotFound(DossierError):
    status = 404
    code = "not_found"
    title = "There is no such thing here"


class MethodNotAllowed(DossierError):
    status = 405
    code = "method_not_allowed"
    title = "This address does not take that method"


class Conflict(DossierError):
    status = 409
    code = "conflict"
    title = "The present state forbids it"


class PreconditionFailed(DossierError):
    status = 412
    code = "precondition_failed"
    title = "It was changed in the meantime"


class TooLarge(DossierError):
    status = 413
    code = "too_large"
    title = "The body is over the limit"


class UnsupportedMediaType(DossierError):
    status = 415
    code = "unsupported_media_type"
    title = "This kind of body is not understood here"


class RangeNotSatisfiable(DossierError):
    status = 416
    code = "range_not_satisfiable"
    title = "The range lies outside of the content"


class Invalid(DossierError):
    status = 422
    code = "invalid"
    title = "Something in the request is wrong"


class Locked(DossierError):
    status = 423
    code = "locked"
    title = "Somebody else holds the lock"


class RateLimited(DossierError):
    status = 429
    code = "rate_limited"
    title = "Too many tries"


class Unavailable(DossierError):
    status = 503
    code = "unavailable"
    title = "A part is away for the moment"


class StorageFull(DossierError):
    status = 507
    code = "storage_full"
    title = "No space is left"
