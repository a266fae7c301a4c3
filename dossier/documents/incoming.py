"""From a request to durable bytes: the raw body, or the files of a form. Nothing is read before the actor was checked."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TypeVar
from uuid import UUID

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from dossier import folders, storage
from dossier.core.errors import BadRequest, Invalid
from dossier.core.forms import Form
from dossier.documents.adding import MOST
from dossier.documents.errors import NameMissing
from dossier.documents.versions import Upload

F = TypeVar("F", bound=BaseModel)


class LengthMismatch(BadRequest):
    """Content-Length announced another number of bytes than came."""

    code = "length_mismatch"
    title = "The body is not as long as announced"


def is_form(request: Request) -> bool:
    """Whether the body is a multipart form rather than the raw file."""
    return request.headers.get("content-type", "").lower().startswith("multipart/form-data")


@asynccontextmanager
async def receive(
    request: Request, workspace_id: UUID, fields: F, check: Callable[[F], Awaitable[None]], name: str | None = None
) -> AsyncIterator[tuple[F, Upload]]:
    """Store the one file of a request; the fields in force (the form's, else ``fields``) and the upload.

    ``check`` refuses before the first byte of the file is read. Bytes that the caller's Unit did not adopt are gone after.
    """
    form = await _form(request, type(fields))
    if form is None:
        await check(fields)
        file_name = _named(getattr(fields, "name", None) or name)
        async with _stored(request, workspace_id, _body(request)) as received:
            yield fields, Upload(received, file_name, getattr(fields, "comment", ""))
        return
    merged = parse(type(fields), form.fields)
    await check(merged)
    files = form.files()
    part = await anext(files)
    file_name = _named(part.file_name or getattr(merged, "name", None) or name)
    async with _stored(request, workspace_id, part.chunks) as received:
        if await anext(files, None) is not None:
            raise Invalid("One file at a time here; /api/v1/documents/batch takes many.", fields={"file": "Only one."})
        yield merged, Upload(received, file_name, getattr(merged, "comment", ""))


@asynccontextmanager
async def receive_many(
    request: Request, workspace_id: UUID, fields: type[F], check: Callable[[F], Awaitable[None]]
) -> AsyncIterator[tuple[F, list[Upload]]]:
    """Store all files of a form; as ``receive``, for up to 1,000 files that one Unit adopts together."""
    form = await _form(request, fields)
    if form is None:
        raise Invalid("This takes a multipart form.", fields={"file": "Missing."})
    merged = parse(fields, form.fields)
    await check(merged)
    async with AsyncExitStack() as stack:
        uploads: list[Upload] = []
        async for part in form.files():
            if len(uploads) == MOST:
                raise Invalid(fields={"file": f"At most {MOST} files at once."})
            file_name = _named(part.file_name)
            received = await stack.enter_async_context(_stored(request, workspace_id, part.chunks))
            uploads.append(Upload(received, file_name, getattr(merged, "comment", "")))
        yield merged, uploads


async def _form(request: Request, fields: type[BaseModel]) -> Form | None:
    check_length(request)
    if not is_form(request):
        return None
    return await Form.open(_body(request), request.headers["content-type"], frozenset(fields.model_fields))


def check_length(request: Request) -> None:
    """Refuse a body that announces itself as over the limit, before it is read."""
    limit = request.app.state.settings.max_upload_bytes
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise storage.BodyTooLarge(f"A file here has at most {limit} bytes.", limit=limit)


async def _body(request: Request) -> AsyncIterator[bytes]:
    count, length = 0, request.headers.get("content-length", "")
    async for chunk in request.stream():
        count += len(chunk)
        if chunk:
            yield chunk
    if length.isdigit() and int(length) != count:
        raise LengthMismatch(f"{length} bytes were announced and {count} came.")


def _stored(
    request: Request, workspace_id: UUID, chunks: AsyncIterator[bytes]
) -> AbstractAsyncContextManager[storage.Received]:
    state = request.app.state
    return storage.received(state.store, workspace_id, chunks, limit=state.settings.max_upload_bytes)


def _named(raw: str | None) -> str:
    if not raw:
        raise NameMissing(fields={"name": "Give a name, or a file name with the file."})
    return folders.upload_name(raw)


def parse(model: type[F], values: dict[str, str]) -> F:
    """Form fields as ``model``. Raises Invalid with the fields that are wrong."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        fields = {".".join(map(str, item["loc"])): item["msg"] for item in error.errors()}
        raise Invalid("Some fields are wrong.", fields=fields) from error
