"""deploy/cloudformation: judged by cfn-lint and checkov, made in moto for each environment, and then looked for."""

import importlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.session import get_session
from moto import mock_aws
from moto.core.common_models import CloudFormationModel

from dossier.core.settings import Settings
from tests.deploy.stacks import (
    ENVIRONMENTS,
    FOLDER,
    REGION,
    ROOT,
    UNKNOWN_TO_MOTO,
    all_of,
    order,
    parameters,
    template,
    valued,
    with_values,
)

TOOLS = ROOT / ".delivery/bin"
TEMPLATES = sorted(FOLDER.glob("*.yml"))


def run(tool: str, *args: str | Path) -> subprocess.CompletedProcess[str]:
    """One of the programs that judge the delivery."""
    program = TOOLS / tool
    assert program.exists(), f"there is no {program.relative_to(ROOT)}: `make .delivery/.done` fetches it"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.run(
        [program, *args], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def subclasses(kind: type[CloudFormationModel]) -> Iterator[type[CloudFormationModel]]:
    for each in kind.__subclasses__():
        yield each
        yield from subclasses(each)


@pytest.mark.slow
class TestJudged:
    def test_cfn_lint_finds_nothing(self) -> None:
        done = run("cfn-lint", *TEMPLATES)
        assert done.returncode == 0, done.stdout

    def test_cfn_lint_would_find_something(self, tmp_path: Path) -> None:
        broken = (FOLDER / "database.yml").read_text().replace("Engine: mysql\n", "Engine: mongo\n")
        (tmp_path / "database.yml").write_text(broken)
        assert run("cfn-lint", tmp_path / "database.yml").returncode != 0

    @pytest.mark.parametrize("broken", [{}, {"DatabaseClass": "db.r99.large"}, {"DatabaseVersion": "8.4.99"}])
    def test_what_the_parameters_name_exists(self, broken: dict[str, str], tmp_path: Path) -> None:
        """cfn-lint does not look through parameters: their values are put in their places."""
        paths = [
            tmp_path / f"{environment}-{stack}.json" for environment in ENVIRONMENTS for stack in ("database", "cache")
        ]
        for path in paths:
            environment, stack = path.stem.split("-")
            filled = with_values(template(stack), valued(stack, environment) | broken)
            path.write_text(json.dumps(filled | {"Parameters": {}}))
        done = run("cfn-lint", "--ignore-checks", "W", "--regions", REGION, "--", *paths)
        assert (done.returncode != 0) == bool(broken), done.stdout

    def test_checkov_finds_nothing(self) -> None:
        given = ["--framework", "cloudformation", "--compact", "--quiet", "--skip-download"]
        done = run("checkov", "-d", FOLDER, *given, "--output", "json")
        summary = json.loads(done.stdout)["summary"]
        assert done.returncode == 0, done.stdout
        assert summary["failed"] == summary["parsing_errors"] == 0
        assert summary["passed"] > 100
        assert summary["skipped"] == len(list(self.skips()))

    @staticmethod
    def skips() -> Iterator[dict[str, str]]:
        for stack in order():
            for each in template(stack)["Resources"].values():
                yield from each.get("Metadata", {}).get("checkov", {}).get("skip", [])

    def test_what_is_passed_over_says_why(self) -> None:
        assert all(len(each["comment"]) > 30 for each in self.skips())
        assert "checkov:skip" not in "".join(path.read_text() for path in TEMPLATES)


class TestWritten:
    def test_every_template_has_its_place_in_the_order(self) -> None:
        assert sorted(order()) == [path.stem for path in TEMPLATES]

    @pytest.mark.parametrize("environment", ENVIRONMENTS)
    def test_every_parameter_is_one_of_a_template(self, environment: str) -> None:
        names = {name for stack in order() for name in template(stack)["Parameters"]}
        assert parameters(environment).keys() <= names

    @pytest.mark.parametrize("environment", ENVIRONMENTS)
    def test_no_parameter_is_left_open(self, environment: str) -> None:
        for stack in order():
            assert "None" not in valued(stack, environment).values(), stack

    def test_environments_on_one_platform_say_the_same_of_it(self) -> None:
        names = {name for stack in ("network", "eks") for name in template(stack)["Parameters"]}
        said: dict[str, set[str]] = {}
        for environment in ENVIRONMENTS:
            given = valued("network", environment) | valued("eks", environment)
            text = json.dumps({name: given[name] for name in sorted(names)})
            said.setdefault(given["Platform"], set()).add(text)
        assert [platform for platform, texts in said.items() if len(texts) > 1] == []
        assert len(said) == 2, "production shares nothing"

    def test_what_is_imported_was_exported_before(self) -> None:
        there: set[str] = set()
        for stack in order():
            text = json.dumps(template(stack)["Resources"])
            wanted = set(re.findall(r'"Fn::ImportValue": \{"Fn::Sub": "([^"]+)"', text))
            assert wanted <= there, stack
            exports = [each["Export"]["Name"] for each in template(stack)["Outputs"].values()]
            there |= {name["Fn::Sub"] if isinstance(name, dict) else name for name in exports}

    def test_what_holds_data_outlives_its_stack(self) -> None:
        kinds = ("AWS::S3::Bucket", "AWS::KMS::Key", "AWS::SecretsManager::Secret", "AWS::RDS::DBInstance")
        for stack in order():
            for name, each in template(stack)["Resources"].items():
                if each["Type"] in (*kinds, "AWS::ECR::Repository"):
                    assert {each.get("DeletionPolicy"), each.get("UpdateReplacePolicy")} <= {"Retain", "Snapshot"}, name

    def test_links_lead_somewhere(self) -> None:
        for page in (FOLDER / "README.md", ROOT / ".github/README.md"):
            for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
                assert (page.parent / link).exists(), f"{page.name}: {link}"

    def test_every_export_in_the_table_is_one(self) -> None:
        table = (FOLDER / "README.md").read_text().split("## From exports")[1].split("## What it costs")[0]
        exports = [each["Export"]["Name"] for stack in order() for each in template(stack)["Outputs"].values()]
        names = {name["Fn::Sub"] if isinstance(name, dict) else name for name in exports}
        shown = {name.replace("${Environment}", "ENV").replace("${Platform}", "PLATFORM") for name in names}
        assert set(re.findall(r"`(dossier-[A-Z]\w+(?:-\w+)?)`", table)) <= shown

    def test_nothing_secret_stands_there(self) -> None:
        accounts = {each for path in FOLDER.rglob("*.*") for each in re.findall(r"\b\d{12}\b", path.read_text())}
        assert accounts <= {"111122223333"}
        assert not re.search(r"AKIA[0-9A-Z]{16}", "".join(path.read_text() for path in FOLDER.rglob("*.*")))


class TestDeploy:
    """deploy.sh, with a program in the place of AWS's that writes down how it was called."""

    @staticmethod
    def calls(tmp_path: Path, *args: str) -> list[list[str]]:
        program = tmp_path / "aws"
        program.write_text(f'#!/bin/sh\nprintf "%s\\037" "$@" >> {tmp_path}/calls\necho >> {tmp_path}/calls\n')
        program.chmod(0o755)
        subprocess.run(
            [FOLDER / "deploy.sh", *args],
            env=os.environ | {"AWS": str(program)},
            check=True,
            capture_output=True,
            timeout=60,
        )
        return [line.split("\037") for line in (tmp_path / "calls").read_text().splitlines()]

    @pytest.mark.parametrize("environment", ENVIRONMENTS)
    def test_makes_all_stacks_with_all_parameters(self, environment: str, tmp_path: Path) -> None:
        found = self.calls(tmp_path, environment)
        names = [call[call.index("--stack-name") + 1] for call in found]
        platform = parameters(environment)["Platform"]
        own = {"registry": "dossier-registry"} | {
            name: f"dossier-platform-{platform}-{name}" for name in ("network", "eks")
        }
        assert names == [own.get(stack, f"dossier-{environment}-{stack}") for stack in order()]
        for call in found:
            given = call[call.index("--parameter-overrides") + 1 : call.index("--capabilities")]
            assert dict(each.split("=", 1) for each in given) == parameters(environment)

    def test_makes_those_that_are_named(self, tmp_path: Path) -> None:
        found = self.calls(tmp_path, "prod", "database", "alarms")
        files = [call[call.index("--template-file") + 1] for call in found]
        assert files == ["database.yml", "alarms.yml"]

    @pytest.mark.parametrize("plan", ["", "1"])
    def test_only_shows_what_would_change_where_that_is_wanted(
        self, plan: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PLAN", plan)
        [call] = self.calls(tmp_path, "dev", "keys")
        assert ("--no-execute-changeset" in call) == bool(plan)

    def test_refuses_a_stack_that_is_none(self) -> None:
        done = subprocess.run([FOLDER / "deploy.sh", "dev", "moon"], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (2, "there is no stack moon\n")

    def test_refuses_an_environment_that_is_none(self) -> None:
        assert subprocess.run([FOLDER / "deploy.sh", "moon"], capture_output=True, timeout=60).returncode == 2


class TestUnknownToMoto:
    """Resources and properties of which only the text can be looked at; cfn-lint holds it against AWS's schemas."""

    def test_moto_still_does_not_know_them(self) -> None:
        for service in ("cloudwatch", "eks", "elasticache", "iam", "rds", "s3", "sns", "secretsmanager"):
            importlib.import_module(f"moto.{service}.models")
        able = {kind.cloudformation_type() for kind in subclasses(CloudFormationModel)}  # type: ignore[type-abstract]
        assert "AWS::S3::Bucket" in able
        assert UNKNOWN_TO_MOTO & able == set(), "take them from the list"

    def test_all_of_them_are_used(self) -> None:
        used = {each["Type"] for stack in order() for each in template(stack)["Resources"].values()}
        assert used >= UNKNOWN_TO_MOTO

    def test_the_cluster_logs_and_encrypts_and_lets_nobody_in_by_itself(self) -> None:
        [(_stack, _name, cluster)] = all_of("AWS::EKS::Cluster")
        assert len(cluster["Logging"]["ClusterLogging"]["EnabledTypes"]) == 5
        assert cluster["EncryptionConfig"][0]["Resources"] == ["secrets"]
        assert cluster["AccessConfig"] == {
            "AuthenticationMode": "API",
            "BootstrapClusterCreatorAdminPermissions": False,
        }
        assert cluster["ResourcesVpcConfig"]["EndpointPrivateAccess"]
        for environment in ENVIRONMENTS:
            assert "0.0.0.0/0" not in parameters(environment)["PublicAccessCidrs"]

    def test_the_cache_is_encrypted_and_asks_for_a_token(self) -> None:
        [(_stack, _name, cache)] = all_of("AWS::ElastiCache::ReplicationGroup")
        assert cache["TransitEncryptionEnabled"] and cache["AtRestEncryptionEnabled"]
        assert cache["TransitEncryptionMode"] == "required"
        assert "resolve:secretsmanager" in cache["AuthToken"]["Fn::Sub"]
        assert int(parameters("prod")["CacheNodes"]) > 1

    def test_contents_can_be_taken_back_for_two_weeks(self) -> None:
        contents = template("storage")["Resources"]["Contents"]["Properties"]
        assert contents["VersioningConfiguration"] == {"Status": "Enabled"}
        rules = {each["Id"]: each for each in contents["LifecycleConfiguration"]["Rules"]}
        assert rules["deleted-contents"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 14}
        days = rules["incomplete-uploads"]["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"]
        assert days > Settings.model_fields["upload_days"].default
        assert all(each["Status"] == "Enabled" for each in rules.values())
        assert contents["LoggingConfiguration"]["DestinationBucketName"] == {"Ref": "Logs"}
        for _stack, name, bucket in all_of("AWS::S3::Bucket"):
            assert all(bucket["PublicAccessBlockConfiguration"].values()), name
            assert len(bucket["PublicAccessBlockConfiguration"]) == 4

    def test_nothing_on_the_internet_but_what_balances(self) -> None:
        assert not any(each["MapPublicIpOnLaunch"] for _, _, each in all_of("AWS::EC2::Subnet"))
        assert [
            name
            for _, name, each in all_of("AWS::EC2::SecurityGroup")
            if "0.0.0.0/0" in json.dumps(each.get("SecurityGroupIngress"))
        ] == []

    def test_buckets_take_nothing_but_tls(self) -> None:
        policies = {each["Bucket"]["Ref"]: each["PolicyDocument"] for _, _, each in all_of("AWS::S3::BucketPolicy")}
        assert policies.keys() == {name for _, name, _ in all_of("AWS::S3::Bucket")}
        for policy in policies.values():
            denied = [each["Condition"] for each in policy["Statement"] if each["Effect"] == "Deny"]
            assert {"Bool": {"aws:SecureTransport": "false"}} in denied

    def test_secrets_have_a_key_and_the_password_rotates(self) -> None:
        assert all("KmsKeyId" in each for _, _, each in all_of("AWS::SecretsManager::Secret"))
        [(_stack, _name, rotation)] = all_of("AWS::SecretsManager::RotationSchedule")
        assert rotation["HostedRotationLambda"]["RotationType"] == "MySQLMultiUser"

    def test_dossier_understands_the_secret_of_the_database(self, monkeypatch: pytest.MonkeyPatch) -> None:
        properties = template("secrets")["Resources"]["DatabaseUser"]["Properties"]["GenerateSecretString"]
        text, _ = properties["SecretStringTemplate"]["Fn::Sub"]
        value = json.loads(text) | {properties["GenerateStringKey"]: "made-up"}
        with mock_aws():
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
                monkeypatch.setenv(name, "testing")
            client = get_session().create_client("secretsmanager", region_name=REGION)
            client.create_secret(Name="dossier/dev/database", SecretString=json.dumps(value))
            monkeypatch.setenv("DOSSIER_DATABASE_URL", "mysql://db.internal/dossier?ssl_ca=/etc/ssl/rds.pem")
            monkeypatch.setenv("DOSSIER_SECRETS", f"aws-secretsmanager://dossier/dev/database?region={REGION}")
            settings = Settings()
        assert settings.sign_in == {"user": "dossier", "password": "made-up"}
        assert "ssl_ca" in settings.database
        assert settings.rotates
