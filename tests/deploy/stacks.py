"""The stacks of deploy/cloudformation: read, and made in moto, in order.

moto says CREATE_COMPLETE of what it does not know: that is left out, by a list that names it.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from botocore.session import get_session

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/cloudformation"
ENVIRONMENTS = ("dev", "stage", "prod")
REGION = "eu-central-1"
# What moto cannot make. One that it learns has to be taken from here, and is then made and looked at.
UNKNOWN_TO_MOTO = {
    "AWS::CloudWatch::Alarm",
    "AWS::EKS::AccessEntry",
    "AWS::EKS::Addon",
    "AWS::EKS::Cluster",
    "AWS::EKS::Nodegroup",
    "AWS::EKS::PodIdentityAssociation",
    "AWS::ElastiCache::ReplicationGroup",
    "AWS::ElastiCache::SubnetGroup",
    "AWS::IAM::OIDCProvider",
    "AWS::RDS::EventSubscription",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::SecretsManager::RotationSchedule",
    "AWS::SecretsManager::Secret",
}

# An attribute that it lacks of something that it makes.
UNKNOWN_ATTRIBUTE = "MasterUserSecret.SecretArn"
# A property by which it falls over.
UNBEARABLE = "DBParameterGroupName"

# It makes them, and tells no id.
NAMELESS = {"AWS::RDS::DBParameterGroup", "AWS::RDS::DBSubnetGroup"}


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms."""


def _short(loader: Loader, name: str, node: yaml.Node) -> Any:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name if name == "Ref" else f"Fn::{name}": value}


Loader.add_multi_constructor("!", _short)


def order() -> list[str]:
    """The stacks in the order of deploy.sh."""
    found = re.search(r"\$\{\*:-(.+?)\}", (FOLDER / "deploy.sh").read_text())
    assert found
    return found[1].split()


@cache
def template(stack: str) -> dict[str, Any]:
    """A template as it is written."""
    loaded: dict[str, Any] = yaml.load((FOLDER / f"{stack}.yml").read_text(), Loader)  # a SafeLoader
    return loaded


@cache
def parameters(environment: str) -> dict[str, str]:
    """The parameters of an environment."""
    found: dict[str, str] = json.loads((FOLDER / f"parameters/{environment}.json").read_text())["Parameters"]
    return found


def all_of(kind: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every resource of a type: stack, name, properties."""
    for stack in order():
        for name, each in template(stack)["Resources"].items():
            if each["Type"] == kind:
                yield stack, name, each.get("Properties", {})


def is_gone(attribute: list[str], gone: set[str]) -> bool:
    """Whether moto cannot tell an attribute."""
    return attribute[0] in gone or attribute[1] == UNKNOWN_ATTRIBUTE


def without(value: Any, gone: set[str]) -> Any:
    """A part of a template in which what refers to a resource that is gone says so in its place."""
    if isinstance(value, list):
        return [without(each, gone) for each in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        name, argument = next(iter(value.items()))
        if name == "Fn::GetAtt" and argument[1] == "ClusterSecurityGroupId":
            return {name: ["StandIn", "GroupId"]}
        if (name == "Ref" and argument in gone) or (name == "Fn::GetAtt" and is_gone(argument, gone)):
            return f"arn:aws:none:::{argument if name == 'Ref' else argument[0]}"
        if name == "Fn::Sub" and isinstance(argument, str):
            pattern = r"\$\{(" + "|".join(gone | {"\0"}) + r")(\.[\w.]+)?\}"
            return {name: re.sub(pattern, r"none-\1", argument)}
    return {name: without(each, gone) for name, each in value.items()}


def known(stack: str) -> dict[str, Any]:
    """The template without what moto does not know."""
    made = dict(template(stack))
    made.pop("Transform", None)
    gone = {name for name, each in made["Resources"].items() if each["Type"] in UNKNOWN_TO_MOTO}
    made["Resources"] = {name: dict(each) for name, each in made["Resources"].items() if name not in gone}
    for each in made["Resources"].values():
        properties = each.get("Properties", {}).items()
        each["Properties"] = {name: value for name, value in properties if name != UNBEARABLE}
        wanted = each.pop("DependsOn", [])
        each["DependsOn"] = [name for name in ([wanted] if isinstance(wanted, str) else wanted) if name not in gone]
    if "Cluster" in gone:  # it has a security group that others name
        group = {
            "GroupDescription": "stands in",
            "VpcId": {"Fn::ImportValue": {"Fn::Sub": "dossier-${Platform}-VpcId"}},
        }
        made["Resources"]["StandIn"] = {"Type": "AWS::EC2::SecurityGroup", "Properties": group}
    # moto makes no stack of nothing.
    made["Resources"] = made["Resources"] or {"StandIn": {"Type": "AWS::SNS::Topic"}}
    result: dict[str, Any] = without(made, gone)
    return result


@dataclass
class Made:
    """An environment in moto."""

    environment: str
    resources: dict[str, dict[str, str]] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """A client of one service."""
        return get_session().create_client(service, region_name=REGION)

    def id_of(self, stack: str, name: str) -> str:
        """The physical id of a resource."""
        return self.resources[stack][name]


def holds(condition: Any, given: dict[str, str]) -> bool:
    """Whether a condition of a template holds with these parameters."""
    (verb, argument), *_ = condition.items()
    if verb == "Fn::Not":
        return not holds(argument[0], given)
    assert verb == "Fn::Equals", f"teach this function {verb}"
    left, right = (given[each["Ref"]] if isinstance(each, dict) else each for each in argument)
    return bool(left == right)


def valued(stack: str, environment: str) -> dict[str, str]:
    """All parameters of a stack in an environment."""
    given = parameters(environment)
    wanted = template(stack).get("Parameters", {}).items()
    return {name: str(given.get(name, each.get("Default"))) for name, each in wanted}


def with_values(value: Any, given: dict[str, str]) -> Any:
    """A template with its parameters' values in their places."""
    if isinstance(value, list):
        return [with_values(each, given) for each in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"Ref"} and value["Ref"] in given:
        return given[value["Ref"]]
    if value.keys() == {"Fn::Sub"} and isinstance(value["Fn::Sub"], str):
        return {"Fn::Sub": re.sub(r"\$\{(\w+)\}", lambda found: given.get(found[1], found[0]), value["Fn::Sub"])}
    return {name: with_values(each, given) for name, each in value.items()}


def expected(stack: str, environment: str) -> set[str]:
    """The resources of which moto has to tell an id."""
    conditions, given = template(stack).get("Conditions", {}), valued(stack, environment)
    return {
        name
        for name, each in known(stack)["Resources"].items()
        if each["Type"] not in NAMELESS and ("Condition" not in each or holds(conditions[each["Condition"]], given))
    }


def make(environment: str) -> Made:
    """Make an environment and its platform from nothing, within ``mock_aws``."""
    made, given = Made(environment), parameters(environment)
    stacks = made.client("cloudformation")
    for stack in order():
        body = known(stack)
        names = [name for name in body.get("Parameters", {}) if name in given]
        wanted = [{"ParameterKey": name, "ParameterValue": given[name]} for name in names]
        stacks.create_stack(StackName=stack, TemplateBody=json.dumps(body), Parameters=wanted)
        rows = stacks.describe_stack_resources(StackName=stack)["StackResources"]
        # What a condition leaves out comes without a name.
        made.resources[stack] = {
            row["LogicalResourceId"]: row.get("PhysicalResourceId", "") for row in rows if "LogicalResourceId" in row
        }
    return made
