"""The stacks of deploy/cloudformation, made in moto for each environment, and looked for at each service."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from moto import mock_aws

from tests.deploy.stacks import ENVIRONMENTS, REGION, ROOT, Made, all_of, expected, make, order, parameters


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def made(request: pytest.FixtureRequest) -> Iterator[Made]:
    """Each environment, from nothing, with its platform."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            patch.setenv(name, "testing")
        yield make(request.param)


@pytest.mark.slow
class TestMade:
    def test_every_resource_is_there(self, made: Made) -> None:
        for stack in order():
            there = {name for name, each in made.resources[stack].items() if each}
            assert there == expected(stack, made.environment), stack

    def test_network(self, made: Made) -> None:
        ec2, given = made.client("ec2"), parameters(made.environment)
        vpc = [{"Name": "vpc-id", "Values": [made.id_of("network", "Vpc")]}]
        subnets = ec2.describe_subnets(Filters=vpc)["Subnets"]
        assert len({each["AvailabilityZone"] for each in subnets}) == 3
        assert len(subnets) == 9
        nats = ec2.describe_nat_gateways(Filters=vpc)["NatGateways"]
        assert len(nats) == (3 if given["NatPerZone"] == "true" else 1)
        services = {each["ServiceName"].split(f"{REGION}.")[1] for each in ec2.describe_vpc_endpoints()["VpcEndpoints"]}
        assert services == {"s3", "ecr.api", "ecr.dkr", "secretsmanager"}
        assert ec2.describe_flow_logs()["FlowLogs"][0]["TrafficType"] == "ALL"
        assert self.way_out(ec2, made, "Isolated") == {None}
        assert self.way_out(ec2, made, "Private") == {each["NatGatewayId"] for each in nats}
        assert self.way_out(ec2, made, "Public") == {made.id_of("network", "InternetGateway")}

    @staticmethod
    def way_out(ec2: Any, made: Made, kind: str) -> set[str | None]:
        """Where packets for the world go from the three subnets of a kind."""
        tables = {made.id_of("network", f"{kind}Association{zone}") for zone in (1, 2, 3)}  # moto's id of one
        rows = [each["Routes"] for each in ec2.describe_route_tables(RouteTableIds=[*tables])["RouteTables"]]
        found = [{row["DestinationCidrBlock"]: row for row in each if "DestinationCidrBlock" in row} for each in rows]
        world = [each.get("0.0.0.0/0", {}) for each in found]
        return {each.get("NatGatewayId") or each.get("GatewayId") for each in world}

    def test_registry(self, made: Made) -> None:
        ecr = made.client("ecr")
        [repository] = ecr.describe_repositories()["repositories"]
        assert repository["imageTagMutability"] == "IMMUTABLE"
        [(_stack, _name, written)] = all_of("AWS::ECR::Repository")
        assert written["ImageScanningConfiguration"] == {"ScanOnPush": True}
        text = written["LifecyclePolicy"]["LifecyclePolicyText"]["Fn::Sub"].replace("${ImagesKept}", "500")
        [rule] = json.loads(text)["rules"]
        assert rule["selection"]["tagPrefixList"] == ["sha-"]

    def test_database(self, made: Made) -> None:
        rds, given = made.client("rds"), parameters(made.environment)
        [database] = rds.describe_db_instances()["DBInstances"]
        assert str(database["MultiAZ"]).lower() == given["MultiAz"]
        assert database["BackupRetentionPeriod"] == int(given["BackupDays"])
        assert database["StorageEncrypted"] and not database["PubliclyAccessible"]
        assert database["EngineVersion"] == given["DatabaseVersion"]
        assert database["DBSubnetGroup"]["VpcId"] == made.id_of("network", "Vpc")
        groups = rds.describe_db_parameter_groups(Filters=[])["DBParameterGroups"]
        [group] = [each for each in groups if each["Description"].startswith(f"dossier-{made.environment}")]
        assert group["DBParameterGroupFamily"] == "mysql8.4"
        rows = rds.describe_db_parameters(DBParameterGroupName=group["DBParameterGroupName"])["Parameters"]
        said = {row["ParameterName"]: row["ParameterValue"] for row in rows}
        assert said["require_secure_transport"] == said["sync_binlog"] == said["innodb_flush_log_at_trx_commit"] == "1"
        assert said["rds.optimized_writes"] == "OFF"

    def test_database_is_what_moto_does_not_tell(self) -> None:
        [(_stack, _name, database)] = all_of("AWS::RDS::DBInstance")
        assert database["DBParameterGroupName"] == {"Ref": "Settings"}
        assert database["DeletionProtection"] == {"Ref": "DeletionProtection"}
        assert database["ManageMasterUserPassword"] and "MasterUserPassword" not in database
        assert database["EnablePerformanceInsights"] and database["MonitoringInterval"] == 60

    def test_production_cannot_be_lost(self) -> None:
        given = parameters("prod")
        assert (given["MultiAz"], given["DeletionProtection"], given["BackupDays"]) == ("true", "true", "35")

    def test_contents_are_encrypted(self, made: Made) -> None:
        s3, bucket = made.client("s3"), made.id_of("storage", "Contents")
        encryption = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
        key = encryption["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"]
        assert key.endswith(f":key/{made.id_of('keys', 'DataKey')}")

    def test_moto_still_drops_what_only_the_text_is_asked_for(self, made: Made) -> None:
        """What is there by now has to be looked for at the service, and not in the text (test_cloudformation.py)."""
        s3, bucket = made.client("s3"), made.id_of("storage", "Contents")
        assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
        assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
        with pytest.raises(s3.exceptions.ClientError, match="NoSuchLifecycleConfiguration"):
            s3.get_bucket_lifecycle_configuration(Bucket=bucket)
        ecr = made.client("ecr")
        with pytest.raises(ecr.exceptions.LifecyclePolicyNotFoundException):
            ecr.get_lifecycle_policy(repositoryName="dossier")
        [database] = made.client("rds").describe_db_instances()["DBInstances"]
        assert database["DeletionProtection"] is False
        assert "MasterUserSecret" not in database

    def test_pods_may_do_what_the_documentation_says_and_no_more(self, made: Made) -> None:
        iam, role = made.client("iam"), made.id_of("access", "PodRole")
        [contents, secrets] = iam.list_role_policies(RoleName=role)["PolicyNames"]
        said = self.statements(iam, role, contents)
        bucket = made.id_of("storage", "Contents")
        assert said["Contents"]["Resource"] == f"arn:aws:s3:::{bucket}/main/*"
        assert said["Check"]["Resource"] == f"arn:aws:s3:::{bucket}/main/check/*"
        assert said["List"]["Condition"] == {"StringLike": {"s3:prefix": "main/*"}}
        text = (ROOT / "docs/operations.md").read_text().split("**Permissions**")[1].split("**Lifecycle")[0]
        documented = set(re.findall(r"`((?:s3|kms):\w+)`", text))
        actions = [each["Action"] for each in said.values()]
        assert {name for each in actions for name in ([each] if isinstance(each, str) else each)} == documented
        read = self.statements(iam, role, secrets)
        assert read["Read"]["Action"] == ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
        assert len(read["Read"]["Resource"]) == 2
        migrates = self.statements(iam, made.id_of("access", "MigrationRole"), "secrets")
        assert isinstance(migrates["Read"]["Resource"], str)
        assert migrates["Read"]["Resource"] in read["Read"]["Resource"]

    def test_no_role_may_do_everything(self, made: Made) -> None:
        iam = made.client("iam")
        for role in iam.list_roles()["Roles"]:
            for policy in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]:
                for each in self.statements(iam, role["RoleName"], policy).values():
                    actions = [each["Action"]] if isinstance(each["Action"], str) else each["Action"]
                    assert not [name for name in actions if name.endswith("*")], role["RoleName"]
                    assert each["Resource"] != "*" or actions == ["ecr:GetAuthorizationToken"], role["RoleName"]

    @staticmethod
    def statements(iam: Any, role: str, policy: str) -> dict[str, dict[str, Any]]:
        found = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
        document = yaml.safe_load(found) if isinstance(found, str) else found  # Python's notation, which YAML reads
        return {each.get("Sid", str(place)): each for place, each in enumerate(document["Statement"])}

    def test_only_main_and_releases_push(self, made: Made) -> None:
        document = made.client("iam").get_role(RoleName="dossier-push")["Role"]["AssumeRolePolicyDocument"]
        name = "token.actions.githubusercontent.com"
        [statement] = document["Statement"]
        repository = parameters(made.environment)["GitHubRepository"]
        assert statement["Condition"] == {
            "StringEquals": {f"{name}:aud": "sts.amazonaws.com"},
            "StringLike": {f"{name}:sub": [f"repo:{repository}:ref:refs/{ref}" for ref in ("heads/main", "tags/v*")]},
        }

    def test_alarms_go_to_somebody(self, made: Made) -> None:
        [topic] = made.client("sns").list_subscriptions()["Subscriptions"]
        assert topic["Endpoint"] == parameters(made.environment)["AlarmEmail"]
        assert all(each["AlarmActions"] == [{"Ref": "Topic"}] for _, _, each in all_of("AWS::CloudWatch::Alarm"))
