"""Settings out of AWS Secrets Manager: which forms are understood, and which one line helps where that fails."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dossier.core import secrets
from dossier.core.secrets import Address, SecretsFault
from tests.moto import CREDENTIALS, SecretsManager

KNOWN = {"database_url", "smtp_url", "trash_days"}
Env = pytest.MonkeyPatch


class TestAddress:
    @pytest.mark.parametrize(
        ("text", "address"),
        [
            ("aws-secretsmanager://prod/dossier", Address("prod/dossier")),
            ("aws-secretsmanager://a%20b?region=eu-central-1", Address("a b", "eu-central-1")),
            ("aws-secretsmanager://n?endpoint=http://h:1/", Address("n", None, "http://h:1/")),
            (
                "aws-secretsmanager://arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-1-AbCdEf",
                Address("arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-1-AbCdEf"),
            ),
        ],
    )
    def test_good(self, text: str, address: Address) -> None:
        assert Address.parse(text) == address

    @pytest.mark.parametrize(
        "text", ["prod/dossier", "vault://x", "aws-secretsmanager://", "aws-secretsmanager://n?zone=1"]
    )
    def test_bad(self, text: str) -> None:
        with pytest.raises(SecretsFault, match="aws-secretsmanager://NAME"):
            secrets.read(text, KNOWN)


@pytest.mark.slow
class TestRead:
    def test_settings_by_name(self, environment: Env, manager: SecretsManager) -> None:
        manager.keep("names", json.dumps({"smtp_url": "smtp://h?from=a@b.c", "DOSSIER_TRASH_DAYS": 3}))
        found = secrets.read(manager.address("names"), KNOWN)
        assert found == {"smtp_url": "smtp://h?from=a@b.c", "trash_days": 3}

    def test_what_rds_writes_for_a_managed_password(self, environment: Env, manager: SecretsManager) -> None:
        manager.keep("rds-managed", json.dumps({"username": "admin", "password": "p"}))
        found = secrets.read(manager.address("rds-managed"), KNOWN)
        assert found == {"database_user": "admin", "database_password": "p"}

    def test_the_whole_form_of_rds(self, environment: Env, manager: SecretsManager) -> None:
        value = {"engine": "mysql", "username": "u", "password": "p", "host": "h", "port": 3307, "dbname": "d"}
        manager.keep("rds", json.dumps(value | {"dbInstanceIdentifier": "i"}))
        assert secrets.read(manager.address("rds"), KNOWN) == {
            "database_url": "mysql+aiomysql://h:3307/d",
            "database_user": "u",
            "database_password": "p",
        }

    @pytest.mark.parametrize(
        ("value", "said"),
        [
            ("canary", "no JSON"),
            ('["canary"]', "JSON object"),
            ('{"smtp_url": {"deep": "canary"}}', "JSON object"),
            ('{"smtp_url": null}', "JSON object"),
            ('{"smpt_url": "canary"}', "no setting: smpt_url"),
            ('{"engine": "postgres", "username": "canary", "password": "canary"}', "another kind of database"),
        ],
    )
    def test_wrong_content(self, environment: Env, manager: SecretsManager, value: str, said: str) -> None:
        manager.keep("wrong", value)
        with pytest.raises(SecretsFault, match=said) as caught:
            secrets.read(manager.address("wrong"), KNOWN)
        assert "canary" not in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_none_of_that_name(self, environment: Env, manager: SecretsManager) -> None:
        with pytest.raises(SecretsFault, match="secret nowhere: there is no such secret"):
            secrets.read(manager.address("nowhere"), KNOWN)

    def test_no_region(self, environment: Env) -> None:
        with pytest.raises(SecretsFault, match=r"\?region="):
            secrets.read("aws-secretsmanager://x", KNOWN)

    def test_no_credentials(self, environment: Env, manager: SecretsManager) -> None:
        environment.delenv("AWS_ACCESS_KEY_ID")
        environment.delenv("AWS_SECRET_ACCESS_KEY")
        with pytest.raises(SecretsFault, match="no AWS credentials"):
            secrets.read(manager.address("names"), KNOWN)

    def test_away(self, environment: Env, tmp_path: Path) -> None:
        with pytest.raises(SecretsFault, match="cannot be reached"):
            secrets.read(SecretsManager(tmp_path).address("x"), KNOWN)


def refusing(code: str) -> Any:
    """A client that AWS refuses; moto knows no policies of secrets."""
    from botocore.exceptions import ClientError

    class Client:
        def get_secret_value(self, **_given: str) -> None:
            raise ClientError({"Error": {"Code": code, "Message": "canary"}}, "GetSecretValue")

    return Client()


class TestRefusals:
    @pytest.mark.parametrize(
        ("code", "said"),
        [
            ("AccessDeniedException", "allow secretsmanager:GetSecretValue"),
            ("DecryptionFailure", "allow kms:Decrypt"),
            ("ExpiredTokenException", "have expired"),
            ("SomethingNewException", r"refuses it \(SomethingNewException\)"),
        ],
    )
    def test_one_line_helps(self, monkeypatch: Env, code: str, said: str) -> None:
        monkeypatch.setattr("botocore.session.Session.create_client", lambda *_a, **_k: refusing(code))
        with pytest.raises(SecretsFault, match=said) as caught:
            secrets.read("aws-secretsmanager://x?region=eu-central-1", KNOWN)
        assert "canary" not in str(caught.value)


@pytest.mark.slow
class TestStart:
    """The program itself."""

    @staticmethod
    def run(tmp_path: Path, address: str) -> "subprocess.CompletedProcess[str]":
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("DOSSIER_", "AWS_"))}
        ours |= CREDENTIALS | {"DOSSIER_DATA_DIR": str(tmp_path / "var"), "DOSSIER_SECRETS": address}
        argv = [sys.executable, "-m", "dossier", "jobs", "list", "--json"]
        return subprocess.run(argv, env=ours, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    def test_with_a_good_secret(self, manager: SecretsManager, tmp_path: Path) -> None:
        manager.keep("good", '{"trash_days": 3}')
        ran = self.run(tmp_path, manager.address("good"))
        assert (ran.returncode, ran.stdout) == (0, "[]\n"), ran.stderr

    @pytest.mark.parametrize("value", [None, "canary", '{"trash_days": "canary"}'], ids=["missing", "torn", "unfit"])
    def test_does_not_start_and_says_one_line(self, manager: SecretsManager, tmp_path: Path, value: str | None) -> None:
        if value is not None:
            manager.keep("bad", value)
        ran = self.run(tmp_path, manager.address("bad" if value else "missing"))
        assert (ran.returncode, ran.stdout, len(ran.stderr.splitlines())) == (2, "", 1), ran.stderr
        assert ran.stderr.startswith("dossier: DOSSIER_")
        assert "canary" not in ran.stderr
        assert not (tmp_path / "var").exists()

    def test_the_sdk_is_imported_for_a_secret_only(self) -> None:
        code = "import sys, dossier.serve; print([name for name in sys.modules if 'boto' in name])"
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
        assert ran.stdout == "[]\n"
