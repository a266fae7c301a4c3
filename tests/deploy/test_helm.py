"""The chart: what helm renders of it for each environment, held against Kubernetes' schemas, the program and itself.

There is no cluster here: what is tested is what would be sent to one.
"""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr
from typer.main import get_command

from dossier.cli import cli
from dossier.core.settings import Settings
from tests.deploy.charts import (
    CHART,
    EDGES,
    ENDING,
    ENVIRONMENTS,
    PROGRAMS,
    ROOT,
    Object,
    Release,
    containers,
    files_of,
    helm,
    objects,
    program,
    rendered,
    volumes,
)
from tests.deploy.test_compose import STAGES

# They need what `make test` fetches and `make check` does not.
pytestmark = pytest.mark.slow
# What is known by none of Kubernetes' own schemas.
CUSTOM = {"ExternalSecret", "PrometheusRule", "ServiceMonitor"}
SECRETS = {
    name
    for name, field in Settings.model_fields.items()
    if field.annotation in (SecretStr, SecretStr | None) or name == "storage_access_key" or not field.repr
}
ADDRESSES = {"database_url", "database_replica_url", "redis_url", "otlp_endpoint"}
SCHEMA = yaml.safe_load((CHART / "values.schema.json").read_text())


class TestHelm:
    @pytest.mark.parametrize("environment", ENVIRONMENTS)
    def test_finds_nothing_to_say(self, environment: str, tmp_path: Path) -> None:
        done = helm(tmp_path, "lint", "--strict", CHART, *files_of(environment))
        assert done.returncode == 0, done.stdout + done.stderr

    def test_says_what_to_do_next(self, tmp_path: Path) -> None:
        done = helm(tmp_path, "install", "dossier", CHART, "--dry-run=client")
        assert done.returncode == 0, done.stderr
        assert "kubectl --namespace default get service dossier-edge-portal dossier-edge-partner" in done.stdout

    def test_without_partners_nothing_of_theirs_is_left(self, tmp_path: Path) -> None:
        release = Release(objects(rendered(tmp_path, "--set", "edge.partner.enabled=false", *files_of("prod"))))
        assert release.pods.keys() == (PROGRAMS | EDGES | ENDING) - {"partner", "edge-partner"}
        assert [each["metadata"]["name"] for each in release.all if "partner" in each["metadata"]["name"]] == []
        assert "SMOKE_PARTNER" not in release.variables("smoke")

    def test_secrets_as_files_count_before_what_is_set(self, tmp_path: Path) -> None:
        wanted = 'secrets.existingSecret={"name":"mine","settings":["redis_url","master_key"]}'
        release = Release(objects(rendered(tmp_path, "--set-json", wanted)))
        for component in (*PROGRAMS, "migrate"):
            found = release.variables(component)
            assert found["DOSSIER_REDIS_URL_FILE"] == "/run/secrets/dossier/redis_url"
            assert "DOSSIER_REDIS_URL" not in found
            (secret,) = [each["secret"] for each in volumes(release.pods[component]) if each["name"] == "secrets"]
            assert secret["secretName"] == "mine"

    def test_large_numbers_stay_whole(self, tmp_path: Path) -> None:
        given = ["--set", "settings.max_upload_bytes=68719476736", "--set-json", "settings.trace_ratio=0.25"]
        data = Release(objects(rendered(tmp_path, *given))).named("ConfigMap", "dossier-settings")["data"]
        assert (data["DOSSIER_MAX_UPLOAD_BYTES"], data["DOSSIER_TRACE_RATIO"]) == ("68719476736", "0.25")


class TestSchemasOfKubernetes:
    def validate(self, version: str, *files: Path) -> "subprocess.CompletedProcess[str]":
        argv = [program("kubernetes-validate"), "--strict", "-k", version, *map(str, files)]
        return subprocess.run(argv, capture_output=True, text=True, timeout=120)

    @pytest.mark.parametrize("age", [1, 2, 3])
    def test_take_everything(self, age: int, texts: dict[str, str], tmp_path: Path) -> None:
        ask = "import kubernetes_validate as known; print(*known.utils.all_versions())"
        argv = [program("python"), "-c", ask]
        every = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout.split()
        version = list(dict.fromkeys(every))[-age]
        for name, text in texts.items():
            (tmp_path / f"{name}.yaml").write_text(text)
        (tmp_path / "namespaces.yaml").write_text((ROOT / "deploy/argocd/namespaces.yaml").read_text())
        done = self.validate(version, *tmp_path.glob("*.yaml"))
        assert done.returncode == 0, done.stdout
        assert set(re.findall(r"find schema for kind (\w+)", done.stdout + done.stderr)) == CUSTOM

        broken = tmp_path / "broken.yaml"
        broken.write_text(texts["prod"].replace("topologyKey:", "topologyKeys:"))
        assert self.validate(version, broken).returncode != 0


class TestPods:
    def test_are_those_that_there_are(self, release: Release) -> None:
        assert release.pods.keys() == PROGRAMS | EDGES | ENDING

    def test_are_locked_in(self, release: Release) -> None:
        for template in release.pods.values():
            security = template["spec"]["securityContext"]
            assert security["runAsNonRoot"] is True
            assert security["runAsUser"] == security["fsGroup"] == 10001
            assert security["seccompProfile"] == {"type": "RuntimeDefault"}
            assert template["spec"]["automountServiceAccountToken"] is False
            for container in containers(template):
                assert container["securityContext"] == {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "runAsNonRoot": True,
                    "capabilities": {"drop": ["ALL"]},
                }

    def test_share_nothing_with_the_node(self, release: Release) -> None:
        kinds = {kind for each in release.pods.values() for volume in volumes(each) for kind in volume}
        assert kinds <= {"name", "emptyDir", "configMap", "secret"}
        assert all(
            each["spec"].keys().isdisjoint({"hostNetwork", "hostPID", "hostIPC"}) for each in release.pods.values()
        )

    def test_get_no_settings_from_services(self, release: Release) -> None:
        """A Service named `dossier` would set DOSSIER_PORT."""
        assert {each["spec"]["enableServiceLinks"] for each in release.pods.values()} == {False}

    def test_have_bounds(self, release: Release) -> None:
        for template in release.pods.values():
            for container in containers(template):
                requests, limits = container["resources"]["requests"], container["resources"]["limits"]
                assert requests.keys() >= {"cpu", "memory", "ephemeral-storage"}
                assert limits.keys() >= {"memory", "ephemeral-storage"}
            assert all("sizeLimit" in each["emptyDir"] for each in volumes(template) if "emptyDir" in each)

    def test_mount_what_there_is(self, release: Release) -> None:
        for template in release.pods.values():
            mounted = {each["name"] for part in containers(template) for each in part.get("volumeMounts", [])}
            assert mounted == {each["name"] for each in volumes(template)}

    @pytest.mark.parametrize("component", sorted(PROGRAMS | {"migrate"}))
    def test_have_a_place_for_what_is_written(self, component: str, release: Release) -> None:
        written = {each["mountPath"] for each in release.pods[component]["spec"]["containers"][0]["volumeMounts"]}
        (home,) = re.findall(r"DOSSIER_DATA_DIR=(\S+)", " ".join(STAGES["program"].of("ENV")))
        assert written >= {home, "/tmp"}

    def test_are_asked_how_they_are(self, release: Release) -> None:
        for component in PROGRAMS | EDGES:
            (container,) = release.pods[component]["spec"]["containers"]
            ports = {each["name"] for each in container["ports"]}
            probes = {name: container[name]["httpGet"] for name in container if name.endswith("Probe")}
            assert {each["port"] for each in probes.values()} <= ports
            assert probes.keys() >= {"readinessProbe", "livenessProbe"}
            # What a restart cannot mend must not restart.
            assert probes["livenessProbe"]["path"] in ("/health/live", "/live")
            if component in PROGRAMS:
                assert probes["startupProbe"]["path"] == "/health/ready"

    def test_are_named_by_an_image_that_stays(self, release: Release) -> None:
        for template in release.pods.values():
            for container in containers(template):
                assert re.search(r":[\w.-]+(@sha256:[0-9a-f]{64})?$", container["image"])
                assert not re.search(r":(latest|main|dev|stage|prod)$", container["image"])

    def test_run_what_there_is(self, release: Release) -> None:
        commands: dict[str, Any] = get_command(cli).commands  # type: ignore[attr-defined]  # the group's
        for component in PROGRAMS | {"migrate"}:
            (container,) = release.pods[component]["spec"]["containers"]
            word, *rest = container["args"]
            assert "command" not in container
            context = commands[word].make_context(word, list(rest))
            assert context.params.get("worker", False) is False
            face = {"api": "portal", "partner": "partner"}.get(component)
            assert context.params.get("face") == face

    def test_have_time_to_stop(self, release: Release) -> None:
        for component in PROGRAMS:
            found = release.variables(component)
            needed = float(found["DOSSIER_LEAVE_SECONDS"]) + float(found["DOSSIER_DRAIN_SECONDS"])
            assert release.pods[component]["spec"]["terminationGracePeriodSeconds"] >= needed + 5
        for component in EDGES:
            spec = release.pods[component]["spec"]
            slept = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
            assert spec["terminationGracePeriodSeconds"] >= slept + 30


class TestSettings:
    @pytest.mark.parametrize("component", sorted(PROGRAMS | {"migrate"}))
    def test_are_taken_by_the_program(
        self, component: str, release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "secret").write_text("0123456789abcdef" * 3)
        found = release.variables(component) | dict(
            each.split("=") for each in " ".join(STAGES["program"].of("ENV")).split() if each.startswith("DOSSIER_")
        )
        assert {name.removeprefix("DOSSIER_").removesuffix("_FILE").lower() for name in found} <= (
            Settings.model_fields.keys()
        )
        for name, value in found.items():
            if name != "DOSSIER_SECRETS":  # nobody to ask
                monkeypatch.setenv(name, str(tmp_path / "secret") if name.endswith("_FILE") else value)
        settings = Settings()
        ports = {each["name"]: each["containerPort"] for each in self.ports(release, component)}
        assert settings.secure
        assert (settings.host, settings.trusted_proxies, settings.accel_prefix) == ("0.0.0.0", 1, "")
        assert ports.get("http", settings.port) == settings.port
        side = settings.worker_port if component == "worker" else settings.metrics_port
        assert ports.get("metrics", 0) == side
        assert bool(settings.edge_secret) == (component == "partner")

    @staticmethod
    def ports(release: Release, component: str) -> list[Object]:
        found: list[Object] = release.pods[component]["spec"]["containers"][0].get("ports", [])
        return found

    def test_hold_nothing_secret(self, release: Release) -> None:
        assert release.of("Secret") == []
        for component in release.pods:
            for name, value in release.variables(component).items():
                setting = name.removeprefix("DOSSIER_").lower()
                assert setting not in SECRETS - ADDRESSES
                assert "@" not in value
        for config in release.of("ConfigMap"):
            assert not re.search(r"BEGIN [A-Z ]*PRIVATE KEY|password\s*[:=]", "".join(config["data"].values()))

    def test_of_the_edges_are_few(self, release: Release) -> None:
        """The door for people does not know the secret of the other; neither has an account of AWS."""
        for face, spec in ((each, release.pods[f"edge-{each}"]["spec"]) for each in ("portal", "partner")):
            assert "serviceAccountName" not in spec
            names = {volume["name"] for volume in spec["volumes"]}
            assert ("edge-secret" in names) == (face == "partner")
            (nginx,) = spec["containers"]
            assert "edge-secret" not in {each["name"] for each in nginx["volumeMounts"]}

    def test_that_can_be_set_are_all_that_there_are(self) -> None:
        """A new setting belongs into values.schema.json, or here if the chart sets it itself."""
        own = {"secrets", "data_dir", "face", "host", "port", "public_url", "portal_dir", "metrics_port", "worker_port"}
        own |= {"trusted_proxies", "accel_prefix", "link_folders", "soffice"}
        free = Settings.model_fields.keys() - own - (SECRETS - ADDRESSES)
        assert SCHEMA["properties"]["settings"]["properties"].keys() == free
        files = SCHEMA["properties"]["secrets"]["properties"]["existingSecret"]["properties"]["settings"]
        assert set(files["items"]["enum"]) == (SECRETS | {"database_user"}) - {"edge_secret"}

    def test_of_the_environments_name_no_key_that_is_a_secret_twice(self, prod: Release) -> None:
        """What stands in Secrets Manager must not be a variable, which would count before it."""
        assert "DOSSIER_REDIS_URL" not in prod.variables("api")
