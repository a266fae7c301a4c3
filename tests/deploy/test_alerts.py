"""The alert rules: one file for the chart and for a plain Prometheus, of metrics that there are, with something to do."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from dossier.core.metrics import REGISTRY
from tests.deploy.charts import CHART, ROOT, Release
from tools.servers import program

TEXT = (CHART / "files/alerts.yaml").read_text()
RULES: list[dict[str, Any]] = [rule for group in yaml.safe_load(TEXT)["groups"] for rule in group["rules"]]
OPERATIONS = (ROOT / "docs/operations.md").read_text()
NAMES = {rule["alert"]: rule for rule in RULES}
SUFFIXES = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"], "info": ["_info"], "gauge": [""]}
KNOWN = {
    metric.name + suffix: metric
    for metric in REGISTRY.collect()
    for suffix in SUFFIXES.get(metric.type, [])
    if metric.name.startswith("dossier_")
}
# What the scraping adds; `le` is a histogram's own.
SCRAPED = {"namespace", "instance", "le"}


def own_labels(name: str) -> set[str]:
    """The labels of a metric as the program declares it."""
    found = REGISTRY._names_to_collectors[name]  # the library tells them nowhere else
    return set(getattr(found, "_labelnames", ()))


@pytest.mark.parametrize("name", NAMES)
class TestEach:
    def test_asks_for_metrics_that_there_are(self, name: str) -> None:
        asked = set(re.findall(r"\bdossier_\w+", NAMES[name]["expr"]))
        assert asked
        assert asked <= KNOWN.keys()

    def test_asks_for_labels_that_they_have(self, name: str) -> None:
        expr = NAMES[name]["expr"]
        metrics = re.findall(r"\b(dossier_\w+)", expr)
        there = SCRAPED.union(*(own_labels(each) for each in metrics))
        for metric, braces in re.findall(r"\b(dossier_\w+)\{([^}]*)\}", expr):
            assert set(re.findall(r"(\w+)[=!]~?\"", re.sub(r'"[^"]*"', '""', braces))) <= own_labels(metric)
        for by in re.findall(r"\bby \(([^)]*)\)", expr):
            assert set(by.split(", ")) <= there
        said = " ".join(NAMES[name]["annotations"].values())
        assert set(re.findall(r"\$labels\.(\w+)", said)) <= {
            each for by in re.findall(r"\bby \(([^)]*)\)", expr) for each in by.split(", ")
        }

    def test_says_what_to_do(self, name: str) -> None:
        annotations = NAMES[name]["annotations"]
        assert annotations.keys() == {"summary", "description", "runbook_url"}
        page, _, anchor = annotations["runbook_url"].partition("#")
        assert page == "https://docs.example.com/operations.md"
        headings = re.findall(r"^### (\w+)$", OPERATIONS, flags=re.M)
        assert anchor in {heading.lower() for heading in headings}
        assert NAMES[name]["labels"]["severity"] in ("critical", "warning")

    def test_keeps_environments_apart(self, name: str) -> None:
        """One Prometheus may see several."""
        sums = re.findall(r"\b(?:sum|max|min|count|avg)\b(?: by \(([^)]*)\))?", NAMES[name]["expr"])
        assert sums
        assert all("namespace" in each.split(", ") for each in sums)


class TestAll:
    def test_names_are_given_once(self) -> None:
        assert len(NAMES) == len(RULES) > 10

    def test_every_runbook_is_of_an_alert(self) -> None:
        section = OPERATIONS.split("\n## Runbooks\n")[1].split("\n## ")[0]
        assert set(re.findall(r"^### (\w+)$", section, flags=re.M)) == NAMES.keys()

    def test_a_first_time_counts(self) -> None:
        """A counter with labels begins with 1 at its first time, which is no increase."""
        for name in ("DossierCommitUnknown", "DossierLinkBraked"):
            assert re.search(r"unless dossier_\w+\{[^}]*\} offset 1h", NAMES[name]["expr"])

    @pytest.mark.slow
    def test_prometheus_takes_them(self, tmp_path: Path) -> None:
        def checked(path: Path) -> int:
            return subprocess.run([program("promtool"), "check", "rules", path], capture_output=True).returncode

        assert checked(CHART / "files/alerts.yaml") == 0
        (tmp_path / "broken.yaml").write_text(TEXT.replace("max by (namespace", "max by namespace", 1))
        assert checked(tmp_path / "broken.yaml") != 0

    @pytest.mark.slow
    def test_the_chart_takes_them_as_they_are(self, prod: Release) -> None:
        spec = prod.named("PrometheusRule", "dossier")["spec"]
        assert spec == yaml.safe_load(TEXT)

    @pytest.mark.slow
    def test_the_monitor_asks_where_the_metrics_are(self, prod: Release) -> None:
        spec = prod.named("ServiceMonitor", "dossier")["spec"]
        service = prod.named("Service", "dossier-metrics")
        assert spec["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
        (endpoint,) = spec["endpoints"]
        assert endpoint["port"] in [each["name"] for each in service["spec"]["ports"]]
        assert endpoint["path"] == "/metrics"
        others = [each for each in prod.of("Service") if each is not service]
        assert not any(spec["selector"]["matchLabels"].items() <= each["metadata"]["labels"].items() for each in others)
