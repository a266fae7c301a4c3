"""The chart as helm renders it, and what of Kubernetes it takes to read the result: selectors, and who may reach whom."""

import ipaddress
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy/helm/dossier"
DELIVERY = ROOT / ".delivery/bin"
ENVIRONMENTS = ("dev", "stage", "prod")
PROGRAMS = {"api", "partner", "worker"}
EDGES = {"edge-portal", "edge-partner"}
ENDING = {"migrate", "smoke"}
WORKLOADS = ("Deployment", "Job")
Object = dict[str, Any]
# Addresses that stand for a place: PROD's own network, the internet, the node's metadata.
PRIVATE, PUBLIC, METADATA = "10.30.7.7", "203.0.113.9", "169.254.169.254"


def program(name: str) -> str:
    """A program that judges the delivery."""
    path = DELIVERY / name
    assert path.exists(), f"{path.relative_to(ROOT)} is missing: make .delivery/.done fetches it"
    return str(path)


def helm(home: Path, *args: "str | Path") -> "subprocess.CompletedProcess[str]":
    """Run helm, with its caches and settings in ``home``."""
    places = {f"HELM_{kind}_HOME": str(home / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)} | places
    argv = [program("helm"), *args]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60)


def files_of(environment: str) -> list[str]:
    """The arguments that name an environment's values, as the ApplicationSet does."""
    image = ROOT / f"deploy/argocd/environments/{environment}.yaml"
    return ["--values", str(CHART / f"values-{environment}.yaml"), "--values", str(image)]


def rendered(home: Path, *args: str) -> str:
    """What helm makes of the chart with these arguments."""
    done = helm(home, "template", "dossier", CHART, *args)
    assert done.returncode == 0, done.stderr
    return done.stdout


def objects(text: str) -> list[Object]:
    """The objects of a stream of YAML."""
    return [each for each in yaml.safe_load_all(text) if each]


@dataclass(frozen=True)
class Release:
    """All objects of one rendering."""

    all: list[Object]

    def of(self, kind: str) -> list[Object]:
        """The objects of a kind."""
        return [each for each in self.all if each["kind"] == kind]

    def named(self, kind: str, name: str) -> Object:
        """The one of this kind and name."""
        (found,) = [each for each in self.of(kind) if each["metadata"]["name"] == name]
        return found

    @property
    def pods(self) -> dict[str, Object]:
        """The templates of pods by component."""
        templates = [each["spec"]["template"] for kind in WORKLOADS for each in self.of(kind)]
        return {labels(each)["app.kubernetes.io/component"]: each for each in templates}

    def variables(self, component: str, container: int = 0) -> dict[str, str]:
        """The environment of a container, ConfigMaps included."""
        spec = self.pods[component]["spec"]["containers"][container]
        found: dict[str, str] = {}
        for source in spec.get("envFrom", []):
            found |= self.named("ConfigMap", source["configMapRef"]["name"])["data"]
        return found | {each["name"]: each["value"] for each in spec.get("env", [])}


def labels(thing: Object) -> dict[str, str]:
    """The labels of an object or a template."""
    found: dict[str, str] = thing["metadata"].get("labels", {})
    return found


def containers(template: Object) -> Iterator[Object]:
    """All containers of a pod, those that run first included."""
    yield from template["spec"].get("initContainers", [])
    yield from template["spec"]["containers"]


def volumes(template: Object) -> list[Object]:
    """The volumes of a pod."""
    found: list[Object] = template["spec"].get("volumes", [])
    return found


def matches(selector: Object, found: dict[str, str]) -> bool:
    """Whether a label selector takes these labels; knows ``In`` alone, as the chart does."""
    assert selector.keys() <= {"matchLabels", "matchExpressions"}
    for each in selector.get("matchExpressions", []):
        assert each["operator"] == "In"
        if found.get(each["key"]) not in each["values"]:
            return False
    wanted: dict[str, str] = selector.get("matchLabels", {})
    return wanted.items() <= found.items()


@dataclass(frozen=True)
class Place:
    """Who sends or gets: a pod of a namespace by its labels, or an address."""

    labels: "dict[str, str] | None" = None
    namespace: str = ""
    address: str = ""

    def is_met_by(self, peer: Object) -> bool:
        """Whether a peer of a NetworkPolicy means this place; ``""`` is the policy's own namespace."""
        if block := peer.get("ipBlock"):
            inside = [
                self.address and _within(self.address, each) for each in (block["cidr"], *block.get("except", []))
            ]
            return bool(inside[0]) and not any(inside[1:])
        if self.labels is None:
            return False
        if (space := peer.get("namespaceSelector")) is None:
            return not self.namespace and matches(peer.get("podSelector", {}), self.labels)
        name = {"kubernetes.io/metadata.name": self.namespace}
        return matches(space, name) and matches(peer.get("podSelector", {}), self.labels)


def _within(address: str, network: str) -> bool:
    return ipaddress.ip_address(address) in ipaddress.ip_network(network)


def _lets(policies: Sequence[Object], way: str, mine: Place, other: Place, port: int) -> bool:
    """Whether policies let ``mine`` speak with ``other`` in one direction. Of several that meet a pod, one is enough."""
    if mine.labels is None or mine.namespace:
        return True
    rule, peers = way.lower(), {"Ingress": "from", "Egress": "to"}[way]
    met = [each["spec"] for each in policies if matches(each["spec"]["podSelector"], mine.labels)]
    met = [each for each in met if way in each["policyTypes"]]
    return not met or any(
        (not each.get(peers) or any(other.is_met_by(peer) for peer in each[peers]))
        and ("ports" not in each or port in [open_["port"] for open_ in each["ports"]])
        for spec in met
        for each in spec.get(rule, [])
    )


def reaches(policies: Sequence[Object], source: Place, target: Place, port: int) -> bool:
    """Whether NetworkPolicies let ``source`` open a connection to a port of ``target``: both ends have to agree."""
    return _lets(policies, "Egress", source, target, port) and _lets(policies, "Ingress", target, source, port)
