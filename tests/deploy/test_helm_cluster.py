"""The chart in a cluster's eyes: who reaches whom, what is kept apart and scaled, and in which order things come."""

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.charts import (
    EDGES,
    METADATA,
    PRIVATE,
    PROGRAMS,
    PUBLIC,
    Object,
    Place,
    Release,
    containers,
    labels,
    matches,
    objects,
    reaches,
    rendered,
    volumes,
)

pytestmark = pytest.mark.slow
HOOK = "helm.sh/hook"
ADDRESSES = ("2001:db8::1", "fd00:ec2::254", "fe80::1")
PORTS = (8000, 8080, 8081, 8443, 9100)


def annotations(thing: Object) -> dict[str, str]:
    """The annotations of an object."""
    found: dict[str, str] = thing["metadata"].get("annotations", {})
    return found


def pod(release: Release, component: str) -> Place:
    """The pods of a component."""
    return Place(labels(release.pods[component]))


def numbers(template: Object) -> dict[str, int]:
    """The ports of a pod by name."""
    return {each["name"]: each["containerPort"] for part in containers(template) for each in part.get("ports", [])}


class TestNetwork:
    def reached(self, release: Release, source: Place) -> set[tuple[str, int]]:
        policies = release.of("NetworkPolicy")
        every = product(release.pods, PORTS)
        return {(name, port) for name, port in every if reaches(policies, source, pod(release, name), port)}

    def test_from_outside_the_edges_alone_are_reached(self, release: Release) -> None:
        doors = {("edge-portal", 8443), ("edge-portal", 8080), ("edge-partner", 8443)}
        assert self.reached(release, Place(address=PUBLIC)) == doors
        assert self.reached(release, Place({"app": "stranger"}, namespace="other")) == doors
        # Somebody else's pod of the same namespace.
        assert self.reached(release, Place({"app": "stranger"})) == doors

    @pytest.mark.parametrize(
        ("source", "reached"),
        [
            ("edge-portal", {("api", 8000)}),
            ("edge-partner", {("partner", 8000)}),
            *((name, set()) for name in (*sorted(PROGRAMS), "migrate")),
            ("smoke", {("edge-portal", 8443), ("edge-portal", 8080), ("edge-partner", 8443)}),
        ],
    )
    def test_inside_each_reaches_what_it_needs(
        self, source: str, reached: set[tuple[str, int]], release: Release
    ) -> None:
        assert self.reached(release, pod(release, source)) == reached

    def test_metrics_are_for_monitoring(self, release: Release) -> None:
        seen = self.reached(release, Place({"app": "prometheus"}, namespace="monitoring"))
        assert {each for each in seen if each[1] == 9100} == {(name, 9100) for name in PROGRAMS}

    def test_what_goes_out_is_named(self, prod: Release) -> None:
        places = {"own": Place(address=PRIVATE), "public": Place(address=PUBLIC), "node": Place(address=METADATA)}
        policies, ports = prod.of("NetworkPolicy"), (25, 80, 443, 3306, 6379)
        for component in prod.pods:
            out = {
                (name, port)
                for (name, place), port in product(places.items(), ports)
                if reaches(policies, pod(prod, component), place, port)
            }
            wanted = {("own", 443), ("own", 3306), ("own", 6379), ("public", 443)}
            assert out == (wanted if component in (*PROGRAMS, "migrate") else set()), component

    def test_names_can_be_looked_up(self, release: Release) -> None:
        dns = Place({"k8s-app": "kube-dns"}, namespace="kube-system")
        assert all(reaches(release.of("NetworkPolicy"), pod(release, each), dns, 53) for each in release.pods)

    def test_the_nodes_metadata_is_out_of_reach_by_ipv6_too(self, tmp_path: Path) -> None:
        wide = 'networkPolicy.https.cidrs=["0.0.0.0/0","::/0"]'
        release = Release(objects(rendered(tmp_path, "--set-json", wide)))
        policies, worker = release.of("NetworkPolicy"), pod(release, "worker")
        reached = {each: reaches(policies, worker, Place(address=each), 443) for each in (*ADDRESSES, METADATA, PUBLIC)}
        assert reached == {"2001:db8::1": True, "fd00:ec2::254": False, "fe80::1": False, METADATA: False, PUBLIC: True}

    def test_can_be_widened(self, prod: Release) -> None:
        """The judge of this test: without the policies everybody reaches everything."""
        assert reaches([], Place(address=PUBLIC), pod(prod, "api"), 9100)


class TestServices:
    def test_lead_to_ports_of_pods_that_they_select(self, release: Release) -> None:
        for service in release.of("Service"):
            selected = [
                each for each in release.pods.values() if service["spec"]["selector"].items() <= labels(each).items()
            ]
            assert selected, service["metadata"]["name"]
            for template, port in product(selected, service["spec"]["ports"]):
                assert port["targetPort"] in numbers(template)

    def test_of_the_edges_alone_are_for_the_outside(self, release: Release) -> None:
        kinds = {each["metadata"]["name"]: each["spec"].get("type", "ClusterIP") for each in release.of("Service")}
        assert {name for name, kind in kinds.items() if kind != "ClusterIP"} == {f"dossier-{each}" for each in EDGES}
        assert release.of("Ingress") == []

    def test_never_lead_past_the_edge_to_the_side_door(self, release: Release) -> None:
        side = [each for each in release.of("Service") if 9100 in [port["port"] for port in each["spec"]["ports"]]]
        assert [(each["metadata"]["name"], each["spec"]["clusterIP"]) for each in side] == [("dossier-metrics", "None")]

    def test_are_what_the_edges_and_the_smoke_test_ask(self, release: Release) -> None:
        services = {each["metadata"]["name"]: each["spec"] for each in release.of("Service")}
        asked = [
            each["value"]
            for template in release.pods.values()
            for part in containers(template)
            for each in part.get("env", [])
            if each["name"] in ("EDGE_UPSTREAM", "SMOKE_PORTAL", "SMOKE_PLAIN", "SMOKE_PARTNER")
        ]
        assert len(asked) == 5
        for name, port in (each.split(":") for each in asked):
            assert int(port) in [each["port"] for each in services[name]["ports"]]

    def test_keep_the_clients_address(self, release: Release) -> None:
        doors = [each["spec"] for each in release.of("Service") if each["spec"].get("type") == "LoadBalancer"]
        assert {each["externalTrafficPolicy"] for each in doors} == {"Local"}


class TestScaling:
    def test_selectors_meet_the_pods_and_no_others(self, release: Release) -> None:
        for kind in ("Deployment", "PodDisruptionBudget"):
            for each in release.of(kind):
                component = labels(each)["app.kubernetes.io/component"]
                met = {name for name, found in release.pods.items() if matches(each["spec"]["selector"], labels(found))}
                assert met == {component}

    def test_every_deployment_lets_one_pod_go(self, release: Release) -> None:
        budgets = {each["metadata"]["name"]: each["spec"] for each in release.of("PodDisruptionBudget")}
        assert budgets.keys() == {each["metadata"]["name"] for each in release.of("Deployment")}
        assert {each["maxUnavailable"] for each in budgets.values()} == {1}
        assert not any("minAvailable" in each for each in budgets.values())

    def test_one_alone_says_how_many(self, release: Release) -> None:
        scaled = {each["spec"]["scaleTargetRef"]["name"] for each in release.of("HorizontalPodAutoscaler")}
        fixed = {each["metadata"]["name"] for each in release.of("Deployment") if "replicas" in each["spec"]}
        assert scaled | fixed == {each["metadata"]["name"] for each in release.of("Deployment")}
        assert not scaled & fixed

    def test_in_prod_there_are_two_of_everything(self, prod: Release) -> None:
        bounds = [each["spec"] for each in prod.of("HorizontalPodAutoscaler")]
        assert len(bounds) == len(prod.of("Deployment")) == 5
        assert all(2 <= each["minReplicas"] < each["maxReplicas"] for each in bounds)

    def test_replicas_lie_apart(self, release: Release) -> None:
        for component in PROGRAMS | EDGES:
            spread = release.pods[component]["spec"]["topologySpreadConstraints"]
            assert {each["topologyKey"] for each in spread} == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
            assert all(matches(each["labelSelector"], labels(release.pods[component])) for each in spread)

    def test_no_pod_is_missing_while_they_are_replaced(self, release: Release) -> None:
        assert {str(each["spec"]["strategy"]) for each in release.of("Deployment")} == {
            str({"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}})
        }


class TestOrder:
    def test_the_migration_is_a_hook_that_brings_what_it_needs(self, release: Release) -> None:
        job = release.named("Job", "dossier-migrate")
        assert annotations(job)[HOOK] == "pre-install,pre-upgrade"
        spec = job["spec"]["template"]["spec"]
        account = release.named("ServiceAccount", spec["serviceAccountName"])
        assert annotations(account)[HOOK] == annotations(job)[HOOK]
        assert int(annotations(account)["helm.sh/hook-weight"]) < int(annotations(job)["helm.sh/hook-weight"])
        # Nothing of the chart's own that comes later.
        assert "envFrom" not in spec["containers"][0]
        ours = {each["metadata"]["name"] for each in release.all if HOOK not in annotations(each)}
        named = {name for volume in spec["volumes"] for name in self.named_by(volume)}
        assert not named & ours

    @staticmethod
    def named_by(volume: dict[str, Any]) -> list[str]:
        found = [volume.get("configMap", {}).get("name"), volume.get("secret", {}).get("secretName")]
        return [each for each in found if each]

    def test_the_migration_may_read_no_more_than_the_database(self, prod: Release) -> None:
        (secret,) = prod.variables("migrate")["DOSSIER_SECRETS"].split()
        assert secret == prod.variables("api")["DOSSIER_SECRETS"].split()[0]
        accounts = {each["metadata"]["name"] for each in prod.of("ServiceAccount")}
        assert accounts == {"dossier", "dossier-migrate"}

    def test_hooks_are_these(self, release: Release) -> None:
        hooks = {(each["kind"], each["metadata"]["name"]) for each in release.all if HOOK in annotations(each)}
        assert hooks == {("ServiceAccount", "dossier-migrate"), ("Job", "dossier-migrate"), ("Job", "dossier-smoke")}

    def test_the_smoke_test_comes_after_a_sync_and_by_helm(self, release: Release) -> None:
        found = annotations(release.named("Job", "dossier-smoke"))
        assert (found[HOOK], found["argocd.argoproj.io/hook"]) == ("test", "PostSync")

    def test_pods_start_anew_with_new_settings(self, release: Release, prod: Release) -> None:
        sums = {name: annotations(release.pods[name]).get("checksum/settings") for name in PROGRAMS}
        assert len(set(sums.values())) == 1
        same = (
            release.named("ConfigMap", "dossier-settings")["data"]
            == prod.named("ConfigMap", "dossier-settings")["data"]
        )
        assert (sums["api"] == annotations(prod.pods["api"])["checksum/settings"]) == same


class TestExternalSecrets:
    def test_make_what_the_edges_mount(self, prod: Release) -> None:
        made = {each["spec"]["target"]["name"]: each["spec"] for each in prod.of("ExternalSecret")}
        mounted = [each for template in prod.pods.values() for each in volumes(template) if "secret" in each]
        assert made.keys() == {each["secret"]["secretName"] for each in mounted}
        keys = {name: {each["secretKey"] for each in spec["data"]} for name, spec in made.items()}
        assert keys == {
            "dossier-portal-tls": {"tls.crt", "tls.key"},
            "dossier-partner-tls": {"tls.crt", "tls.key"},
            "dossier-partner-ca": {"ca.crt"},
            "dossier-edge-secret": {"edge_secret"},
        }
        for spec in made.values():
            assert spec["secretStoreRef"] == {"kind": "ClusterSecretStore", "name": "aws-secretsmanager"}
            assert all(each["remoteRef"]["key"].startswith("dossier/prod/") for each in spec["data"])
