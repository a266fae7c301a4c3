"""Traces: one from the request through Unit and storage to the job; by W3C's trace context and OTLP; off by default."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from dossier.app import create_app
from dossier.core import traces
from dossier.core.errors import NotFound
from dossier.core.jobs import GiveUp, Handler, JobRow
from dossier.core.units import Unit
from dossier.storage import traced
from dossier.worker import Worker
from tests.conftest import World, client_of
from tests.spans import Receiver, Spans

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


@pytest.fixture
def spans() -> Iterator[Spans]:
    yield from Spans.kept()


class TestSpan:
    async def test_nested(self, spans: Spans) -> None:
        with traces.span("outer"):
            await asyncio.create_task(self.inner())
        outer, inner = spans.named("outer"), spans.named("inner")
        assert inner.parent is not None
        assert outer.context is not None
        assert inner.parent.span_id == outer.context.span_id

    @staticmethod
    async def inner() -> None:
        with traces.span("inner"):
            await asyncio.sleep(0)

    def test_an_error_shows_by_its_code_or_class_and_not_by_its_text(self, spans: Spans) -> None:
        for name, error in (("known", NotFound("canary")), ("unforeseen", RuntimeError("canary"))):
            with pytest.raises(type(error)), traces.span(name):
                raise error
        assert spans.named("known").attributes == {"error.type": "not_found"}
        assert spans.named("unforeseen").attributes == {"error.type": "RuntimeError"}
        assert not spans.named("unforeseen").status.is_ok
        assert "canary" not in spans.text

    def test_continues_what_was_carried(self, spans: Spans) -> None:
        with traces.span("first"):
            carried = traces.carried()
        with traces.span("second", parent=carried):
            pass
        first = spans.named("first").context
        assert first is not None
        assert spans.trace(first.trace_id) == ["first", "second"]

    @pytest.mark.parametrize("carried", [{}, {"traceparent": "nonsense"}, {"traceparent": TRACEPARENT[:-3]}])
    def test_begins_anew_where_nothing_good_is_carried(self, spans: Spans, carried: dict[str, str]) -> None:
        with traces.span("outer"), traces.span("job", parent=carried):
            pass
        assert spans.named("job").parent is None


class TestOff:
    def test_nothing_is_done(self) -> None:
        with traces.span("x", {"a": 1}) as span:
            span.rename("y")
            span.set("b", 2)
            span.fail("c")
        assert traces.carried() == {}

    @pytest.mark.slow
    def test_the_sdk_is_not_imported(self) -> None:
        heavy = "('opentelemetry.sdk', 'opentelemetry.exporter', 'requests', 'google')"
        code = f"import sys, dossier.serve; print([name for name in sys.modules if name.startswith({heavy})])"
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
        assert ran.stdout == "[]\n"

    @pytest.mark.slow
    def test_fastapis_own_telemetry_cannot_be_turned_on(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
        assert not create_app(world.parts)._native_telemetry.enabled()


class TestRequest:
    async def test_one_trace_from_the_request_to_the_job(self, world: World, spans: Spans) -> None:
        world.app.state.store = traced(world.parts.store)
        added = await world.editor.client.post("/api/v1/documents?name=a.txt", content=b"words")
        assert added.status_code == 201
        await world.work()
        request = spans.named("POST /api/v1/documents").context
        assert request is not None
        assert set(spans.trace(request.trace_id)) == {
            "POST /api/v1/documents",
            "read unit",
            "storage.put",
            "unit",
            "consume search.documents",
            "consume webhooks.deliveries",
            "consume links",
            "job search.index",
        }

    async def test_what_a_span_of_a_request_tells(self, world: World, spans: Spans) -> None:
        answer = await world.owner.client.get("/api/v1/documents/0198c0de-0000-7000-8000-000000000009?x=canary")
        assert spans.named("GET /api/v1/documents/{document_id}").attributes == {
            "http.request.method": "GET",
            "http.route": "/api/v1/documents/{document_id}",
            "http.response.status_code": 404,
            "dossier.request_id": answer.headers["x-request-id"],
        }
        assert "canary" not in spans.text

    @pytest.mark.slow
    @pytest.mark.parametrize(("proxies", "taken"), [(1, True), (0, False)])
    async def test_traceparent_of_the_edge(self, world: World, spans: Spans, proxies: int, taken: bool) -> None:
        """Of strangers' it is not: who chooses the id of a trace could hide in another's."""
        behind = world.parts.settings.model_copy(update={"trusted_proxies": proxies})
        app = create_app(replace(world.parts, settings=behind))
        await client_of(app).get("/health/live", headers={"traceparent": TRACEPARENT})
        span = spans.named("GET /health/live")
        assert (span.parent is not None) is taken
        assert span.context is not None
        assert (f"{span.context.trace_id:032x}" == TRACE) is taken


class TestOtlp:
    def test_spans_reach_a_receiver(self) -> None:
        with Receiver() as receiver:
            traces.configure(receiver.endpoint)
            with traces.span("outer", {"dossier.bytes": 3}), traces.span("inner"):
                pass
            traces.close()
            outer, inner = sorted(receiver.spans(), key=lambda span: str(span.name), reverse=True)
        assert {path for path, _ in receiver.bodies} == {"/v1/traces"}
        assert (outer.name, inner.name) == ("outer", "inner")
        assert (inner.trace_id, inner.parent_span_id) == (outer.trace_id, outer.span_id)

    def test_none_of_a_ratio_of_zero(self) -> None:
        with Receiver() as receiver:
            traces.configure(receiver.endpoint, 0)
            with traces.span("outer"):
                pass
            traces.close()
            assert receiver.spans() == []

    @pytest.mark.slow
    def test_a_receiver_that_is_away_holds_nobody_up(self, capfd: pytest.CaptureFixture[str]) -> None:
        with Receiver() as receiver:
            endpoint = receiver.endpoint
        traces.configure(endpoint.replace("//", "//u:canary@"))
        with traces.span("lost"):
            pass
        begun = time.perf_counter()
        traces.close()
        assert time.perf_counter() - begun < 6
        assert "canary" not in "".join(capfd.readouterr())


class TestJobs:
    async def test_one_that_fails_is_told(self, world: World, spans: Spans) -> None:
        async def give_up(_context: object, _job: JobRow) -> None:
            raise GiveUp("canary")

        async def promise(unit: Unit) -> None:
            unit.defer("test.do")

        await world.parts.units.run(world.owner.actor, promise)
        await Worker(world.parts, {"test.do": Handler(give_up)}, []).work()
        assert spans.named("job test.do").attributes == {
            "dossier.job": "test.do",
            "dossier.attempt": 1,
            "error.type": "dead",
        }
        assert "canary" not in spans.text
