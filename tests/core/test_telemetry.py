"""Metrics and log lines by OTLP: what a receiver gets, and that one which is away costs nothing but them."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest
from pydantic import ValidationError

from dossier.core import log, metrics, telemetry, traces
from dossier.core.gathering import Gatherer
from dossier.core.settings import Settings
from tests.conftest import World
from tests.spans import Receiver


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Nothing is left on for the tests that follow."""
    log.configure("json", "info")
    yield
    telemetry.close()
    log.configure()


def settings_for(receiver: Receiver, signals: str) -> Settings:
    """Those of a program that sends these."""
    return Settings(otlp_endpoint=f"{receiver.endpoint}/", otlp_signals=signals)


class TestLines:
    def test_a_line_with_its_fields_and_its_trace(self, capfd: pytest.CaptureFixture[str]) -> None:
        with Receiver() as receiver:
            telemetry.configure(settings_for(receiver, "traces, logs"))
            with traces.span("work"):
                log.log.warning("job.failed", kind="search.index", tries=3, error=KeyError)
            telemetry.close()
            (line,), (span,) = receiver.lines(), receiver.spans()
        assert (line.body.string_value, line.severity_text) == ("job.failed", "WARNING")
        told = {each.key: each.value.string_value or each.value.int_value for each in line.attributes}
        assert told == {"kind": "search.index", "tries": 3, "error": str(KeyError)}
        assert (line.trace_id, line.span_id) == (span.trace_id, span.span_id)
        assert abs(line.time_unix_nano / 1e9 - time.time()) < 60
        assert '"event": "job.failed"' in capfd.readouterr().err, "standard error has it all the same"

    def test_less_than_the_least_is_not_sent(self) -> None:
        with Receiver() as receiver:
            telemetry.configure(settings_for(receiver, "logs"))
            log.log.debug("a")
            log.log.info("b")
            telemetry.close()
            assert [line.body.string_value for line in receiver.lines()] == ["b"]

    def test_not_asked_for(self) -> None:
        with Receiver() as receiver:
            telemetry.configure(settings_for(receiver, "traces"))
            log.log.info("a")
            telemetry.close()
            assert receiver.bodies == []

    def test_a_receiver_that_is_away_holds_nobody_up(self, capfd: pytest.CaptureFixture[str]) -> None:
        with Receiver() as receiver:
            gone = settings_for(receiver, "logs")
        telemetry.configure(gone)
        began = time.monotonic()
        log.log.info("a")
        assert time.monotonic() - began < 0.5
        telemetry.close()
        assert time.monotonic() - began < 15
        told = capfd.readouterr().err
        assert "otlp.not_sent" in told and receiver.endpoint not in told


class TestNumbers:
    async def sent(self, world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
        """A program that sends them for a moment."""
        monkeypatch.setattr(telemetry, "EVERY_SECONDS", 0.05)
        sending = asyncio.create_task(
            telemetry.send_metrics(settings_for(receiver, "metrics"), Gatherer(world.parts.units))
        )
        await asyncio.sleep(1)
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending

    async def test_all_that_prometheus_reads(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        before = metrics.REGISTRY.get_sample_value("dossier_blobs_swept_total") or 0
        metrics.blobs_swept.inc(3)
        kind = uuid4().hex
        metrics.job_seconds.labels(kind).observe(0.07)
        metrics.job_seconds.labels(kind).observe(1000)
        with Receiver() as receiver:
            await self.sent(world, receiver, monkeypatch)
            found = receiver.numbers()
            assert len(receiver.sent("metrics")) > 1
        (point,) = found["dossier_blobs_swept_total"].sum.data_points
        assert point.as_double == before + 3
        assert found["dossier_blobs_swept_total"].sum.is_monotonic
        (series,) = [
            each
            for each in found["dossier_job_seconds"].histogram.data_points
            if each.attributes[0].value.string_value == kind
        ]
        assert (series.count, series.sum) == (2, 1000.07)
        assert list(series.explicit_bounds) == list(metrics.WORK)
        assert sum(series.bucket_counts) == 2 and series.bucket_counts[-1] == 1 and series.bucket_counts[2] == 1
        assert not series.HasField("min")
        assert found["process_resident_memory_bytes"].WhichOneof("data") == "gauge"
        families = [family for family in metrics.REGISTRY.collect() if family.samples]
        assert found.keys() >= {each.name if each.type == "histogram" else each.samples[0].name for each in families}

    async def test_not_asked_for(self, world: World) -> None:
        with Receiver() as receiver:
            await telemetry.send_metrics(settings_for(receiver, "traces,logs"), Gatherer(world.parts.units))
            assert receiver.bodies == []


@pytest.mark.parametrize("signals", ["trace", "traces;logs", "all"])
def test_signals_that_there_are_not(signals: str) -> None:
    with pytest.raises(ValidationError, match="There are traces"):
        Settings(otlp_signals=signals)
