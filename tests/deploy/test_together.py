"""Stacks, chart, Argo CD and workflows name the same things: what one makes is what the other asks for."""

import re
from typing import Any

import pytest
import yaml

from tests.deploy.charts import CHART, ENVIRONMENTS, ROOT
from tests.deploy.stacks import parameters, template

ACCOUNT = "111122223333"


def chart(environment: str) -> dict[str, Any]:
    """The values of an environment."""
    values: dict[str, Any] = yaml.safe_load((CHART / f"values-{environment}.yaml").read_text())
    return values


def named(environment: str, stack: str, kind: str, name: str) -> set[str]:
    """The names that a stack gives to its resources of a kind."""
    values = parameters(environment) | {"AWS::AccountId": ACCOUNT, "ServiceAccount": "dossier"}
    found = set[str]()
    for resource in template(stack)["Resources"].values():
        if resource["Type"] == kind:
            told = resource["Properties"][name]
            text = told["Fn::Sub"] if "Fn::Sub" in told else values[told["Ref"]] if isinstance(told, dict) else told
            found.add(re.sub(r"\$\{([\w:]+)\}", lambda match: values[match[1]], text))
    return found


@pytest.mark.parametrize("environment", ENVIRONMENTS)
class TestEnvironment:
    def secrets(self, environment: str) -> set[str]:
        kind = "AWS::SecretsManager::Secret"
        return {each for stack in ("secrets", "cache") for each in named(environment, stack, kind, "Name")}

    def test_programs_read_secrets_that_there_are(self, environment: str) -> None:
        asked = chart(environment)["secrets"]
        names = {match for text in asked.values() for match in re.findall(r"aws-secretsmanager://([^?\s]+)", text)}
        assert names == {f"dossier/{environment}/app", f"dossier/{environment}/database"}
        assert names <= self.secrets(environment)

    def test_edges_get_theirs_from_below_one_name(self, environment: str) -> None:
        """The role of External Secrets reads what is below it and no more."""
        remote = chart(environment)["externalSecrets"]["remote"]
        assert all(name.startswith(f"dossier/{environment}/edge/") for name in remote.values())
        assert remote["edgeSecret"] in self.secrets(environment)
        (statement,) = [
            each
            for policy in template("access")["Resources"]["SecretsRole"]["Properties"]["Policies"]
            for each in policy["PolicyDocument"]["Statement"]
            if each["Sid"] == "Read"
        ]
        assert statement["Resource"]["Fn::Sub"].endswith(":secret:dossier/${Environment}/edge/*")

    def test_contents_lie_in_the_bucket(self, environment: str) -> None:
        bucket = re.match(r"s3://([^/]+)/", chart(environment)["settings"]["storage_url"])
        assert bucket is not None
        assert bucket[1] in named(environment, "storage", "AWS::S3::Bucket", "BucketName")

    def test_both_accounts_have_a_role(self, environment: str) -> None:
        kind = "AWS::EKS::PodIdentityAssociation"
        assert named(environment, "access", kind, "ServiceAccount") == {"dossier", "dossier-migrate"}
        assert named(environment, "access", kind, "Namespace") == {f"dossier-{environment}"}
        assert "serviceAccount" not in chart(environment), "Pod Identity needs nothing of the chart"

    def test_the_network_is_open_to_its_own(self, environment: str) -> None:
        policy = chart(environment)["networkPolicy"]
        cidr = parameters(environment)["VpcCidr"]
        assert policy["database"]["cidrs"] == policy["redis"]["cidrs"] == [cidr]


def test_pods_reach_the_agent_that_gives_them_their_role() -> None:
    opening = yaml.safe_load((CHART / "values.yaml").read_text())["networkPolicy"]["podIdentity"]
    assert opening == {"port": 80, "cidrs": ["169.254.170.23/32", "fd00:ec2::23/128"]}


def test_images_are_named_as_the_registry_keeps_them() -> None:
    workflow = (ROOT / ".github/workflows/image.yml").read_text()
    assert "tag=sha-$GITHUB_SHA" in workflow
    for environment in ENVIRONMENTS:
        text = (ROOT / f"deploy/argocd/environments/{environment}.yaml").read_text()
        assert re.search(r'^  tag: "sha-[0-9a-f]{40}"$', text, flags=re.M)
