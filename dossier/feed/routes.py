"""HTTP for the feed and the live stream (server-sent events, WHATWG HTML §9.2)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from fastapi import APIRouter, Header, Path, Query, Request, Response
from starlette.responses import StreamingResponse

from dossier.core import events
from dossier.core.errors import DossierError
from dossier.core.web import CurrentActor, Limit, Wire, current_actor, json, ok, problems, units
from dossier.feed import cloud, kinds, schemas, service
from dossier.feed.errors import EventTypeNotFound

router = APIRouter(prefix="/api/v1/events", tags=["events"])
PAGE: Any = {
    200: {
        "model": schemas.EventPage,
        "description": "A page; or a batch of CloudEvents, whose `Link` says where to go on.",
        "content": {cloud.BATCH: {"schema": schemas.BATCH, "example": [schemas.CLOUD_EVENT]}},
        "headers": {"Link": {"description": "Of a batch: the next page.", "schema": {"type": "string"}}},
    }
}
STREAM: Any = {
    200: {"description": "Server-sent events.", "content": {"text/event-stream": {"schema": {"type": "string"}}}}
}
STREAM_SECONDS, POLL_SECONDS = 25.0, 5.0
LEAST_SECONDS = 1.0
"""Between two looks of a stream: the bell rings with every commit of anybody, and there are as many streams as people."""
Types = Annotated[list[str] | None, Query(description="Only these types.", max_length=50)]
Number = Annotated[int, Query(ge=0, le=2**63 - 1, description="The `next` of the page before; 0 for the beginning.")]


@router.get("", summary="Read the feed", response_model=None, responses=PAGE | problems())
async def list_events(
    request: Request,
    actor: CurrentActor,
    after: Number = 0,
    limit: Limit = 50,
    types: Types = None,
    document_id: UUID | None = None,
) -> Response:
    """What happened to things that the actor may see now, in order, without gaps; never answers the same event twice. With
    `Accept: application/cloudevents-batch+json` it is a batch of CloudEvents, and `Link` says where to go on."""
    async with units(request).read(actor) as unit:
        items, next_ = await service.page(unit, after, limit, types or (), document_id)
    if cloud.BATCH not in request.headers.get("accept", ""):
        return json({"items": items, "next": str(next_)}, Vary="Accept")
    batch = [cloud.cloud_event(item, actor.workspace_id) for item in items]
    headers = {"Link": f'<{request.url.path}?{_onward(request, next_)}>; rel="next"', "Vary": "Accept"}
    return Response(msgspec.json.encode(batch), headers=headers, media_type=cloud.BATCH)


def _onward(request: Request, after: int) -> str:
    """The query of the next page."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "after"]
    return urlencode([*kept, ("after", after)])


@router.get(
    "/schemas",
    summary="Read the schemas of all events",
    response_model=None,
    responses=ok(schemas.EventSchemas) | problems(),
)
async def get_event_schemas(actor: CurrentActor) -> Response:
    """The JSON Schema of every type of event, by type. New types and fields can come at any time."""
    return json({"types": {type_: kinds.schema(type_) for type_ in kinds.ABOUT}})


@router.get(
    "/schemas/{type}",
    summary="Read the schema of an event",
    response_model=None,
    responses=ok(schemas.EventSchema) | problems(EventTypeNotFound),
)
async def get_event_schema(actor: CurrentActor, type: Annotated[str, Path(max_length=64)]) -> Response:
    """The JSON Schema of one type of event, as the feed shows it."""
    if type not in kinds.ABOUT:
        raise EventTypeNotFound
    return json(kinds.schema(type))


@router.get(
    "/stream",
    summary="Follow the feed live",
    response_model=None,
    responses=STREAM | problems(),
)
async def stream_events(
    request: Request,
    actor: CurrentActor,
    after: Annotated[int | None, Query(ge=0, le=2**63 - 1)] = None,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID", pattern=r"^\d{1,18}$")] = None,
) -> Response:
    """Events as they happen, from now on, from `after`, or from `Last-Event-ID`; and `notice` with how many of my notices
    are `unread`, at the beginning and when that changes. A stream ends after 25 seconds at the latest, and the client goes
    on with `Last-Event-ID`, as browsers do by themselves."""
    start = int(last_event_id) if last_event_id is not None else after
    if start is None:
        async with units(request).read(actor) as unit:
            start = await events.last_seq(unit.session, unit.workspace_id)
    return StreamingResponse(
        _stream(request, start), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )


async def _stream(request: Request, seq: int) -> AsyncIterator[bytes]:
    state, loop = request.app.state, asyncio.get_running_loop()
    end = loop.time() + STREAM_SECONDS
    told = None
    yield b"retry: 1000\n: hello\n\n"
    while not state.draining and (left := end - loop.time()) > 0:
        ring, asked = state.units.bell.listen(), loop.time()
        try:
            # Asked anew each time, so that a stream ends within seconds of its session or right.
            actor = await current_actor(request)
            async with units(request).read(actor) as unit:
                items, seq_ = await service.page(unit, seq, 100)
                unread = await state.unread(unit)
        except DossierError:
            return
        for item in items:
            yield _frame(item)
        if seq_ != seq and not items:
            yield f"id: {seq_}\n\n".encode()
        if unread != told:
            # Without an id of its own: a stream goes on behind the last event.
            yield b'event: notice\ndata: {"unread": %d}\n\n' % unread
        seq, told = seq_, unread
        if len(items) < 100:
            await state.units.bell.wait(min(POLL_SECONDS, left), ring)
            if not state.draining:
                await asyncio.sleep(asked + LEAST_SECONDS - loop.time())


def _frame(item: Wire) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (item["seq"], item["type"].encode(), msgspec.json.encode(item))
