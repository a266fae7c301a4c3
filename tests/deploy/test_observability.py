"""The dashboard, asked of a real Prometheus that looks at a real Dossier."""

import http.client
import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from dossier.core.metrics import REGISTRY
from tools.dashboard import dashboard
from tools.servers import Server, free_ports, program, until
from tools.stack import Program

FOLDER = Path(__file__).parents[2] / "deploy" / "observability"
WRITTEN: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())
EXPRESSIONS = {
    f"{panel['title']} {target['refId']}": str(target["expr"])
    for panel in WRITTEN["panels"]
    for target in panel.get("targets", [])
}
#: What there is nothing of in a Dossier that has just started, has no link, no webhook and no fault.
QUIET = re.compile("link|webhook|swept|hints|Faults A|Sign-ins|code|job_seconds|jobs|consumer ", re.I)


def asked(expression: str) -> str:
    """An expression with Grafana's variables filled in."""
    return expression.replace("$__rate_interval", "1m").replace("$job", ".*")


def exported() -> set[str]:
    """The names of all series that a process of Dossier has."""
    names = {sample.name for metric in REGISTRY.collect() for sample in metric.samples}
    for metric in REGISTRY.collect():
        names |= {
            metric.name,
            f"{metric.name}_total",
            f"{metric.name}_bucket",
            f"{metric.name}_count",
            f"{metric.name}_sum",
        }
    return names


def test_it_is_what_the_code_makes() -> None:
    assert dashboard() == WRITTEN, "run `make dashboard`"


def test_panels_have_their_own_numbers_and_places() -> None:
    panels = WRITTEN["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = set[tuple[int, int]]()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken and at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells


@pytest.mark.parametrize("name", sorted(EXPRESSIONS))
def test_it_asks_for_what_there_is(name: str) -> None:
    bare = re.sub(r'"[^"]*"', "", EXPRESSIONS[name])
    used = set(re.findall(r"\b(?:dossier|process)_[a-z_]+", bare))
    assert used
    assert used <= exported()


class Prometheus(Server):
    """Looks at one address every second."""

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(folder)
        (self.port,) = free_ports(1)
        config = {
            "global": {"scrape_interval": "1s"},
            "scrape_configs": [{"job_name": "dossier", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}],
        }
        (self.folder / "prometheus.yml").write_text(json.dumps(config))

    def command(self) -> list[str]:
        listen = f"--web.listen-address=127.0.0.1:{self.port}"
        return [program("prometheus"), "--config.file=prometheus.yml", "--storage.tsdb.path=data", listen]

    def ready(self) -> bool:
        try:
            return self.get("/-/ready")[0] == 200
        except OSError:
            return False

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def query(self, expression: str) -> Any:
        """What it answers now."""
        status, body = self.get(f"/api/v1/query?{urlencode({'query': expression})}")
        assert status == 200, body
        return json.loads(body)["data"]["result"]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """It has seen a Dossier at work for a few seconds."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("DOSSIER_")}
    dossier = Program(tmp_path_factory.mktemp("dossier"), env, "serve")
    prometheus = Prometheus(tmp_path_factory.mktemp("prometheus"), dossier.side_port)
    try:
        dossier.start()
        prometheus.start()
        until(lambda: bool(prometheus.query("up == 1")), 30, prometheus.log)
        for _ in range(5):
            assert httpx.get(f"http://127.0.0.1:{dossier.port}/api/v1/me").status_code == 401
            time.sleep(1)
        until(lambda: bool(prometheus.query("rate(dossier_requests_total[1m]) > 0")), 30, prometheus.log)
        yield prometheus
    finally:
        prometheus.stop()
        dossier.stop()


@pytest.mark.slow
class TestPrometheus:
    @pytest.mark.parametrize("name", sorted(EXPRESSIONS))
    def test_every_panel_is_answered(self, prometheus: Prometheus, name: str) -> None:
        found = prometheus.query(asked(EXPRESSIONS[name]))
        assert found or QUIET.search(f"{name} {EXPRESSIONS[name]}")

    def test_what_is_promised_is_kept(self, prometheus: Prometheus) -> None:
        ((_time, share),) = [
            each["value"] for each in prometheus.query(asked(EXPRESSIONS["Answered without a fault, 30 days A"]))
        ]
        assert float(share) == 1

    def test_it_refuses_what_is_no_expression(self, prometheus: Prometheus) -> None:
        with pytest.raises(AssertionError):
            prometheus.query("rate(dossier_requests_total[)")
