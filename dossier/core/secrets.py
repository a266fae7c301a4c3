"""Settings that lie in AWS Secrets Manager: ``aws-secretsmanager://name[?region=…&endpoint=…]``, a JSON object each.

Its keys are names of settings; RDS's own form (``username``, ``password`` and maybe ``host``, ``port``, ``dbname``) is
understood for the database. AWS's SDK is imported only here and only when a secret is read.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, TypeGuard
from urllib.parse import parse_qs, unquote

SCHEME: Final = "aws-secretsmanager://"
DRIVER: Final = "mysql+aiomysql"
ENGINES: Final = {"mysql", "mariadb"}
CONNECT_SECONDS, READ_SECONDS, TRIES = 3, 5, 2
Values = dict[str, Any]
HELP = {
    "ResourceNotFoundException": "there is no such secret there; make it, or correct name and region",
    "AccessDeniedException": "this role may not read it; allow secretsmanager:GetSecretValue on it",
    "DecryptionFailure": "its key cannot be used; allow kms:Decrypt on it for this role",
    "InvalidRequestException": "it is being deleted; restore it, or name another",
    "UnrecognizedClientException": "AWS does not know the credentials in use",
    "InvalidSignatureException": "AWS does not take the credentials in use",
    "ExpiredTokenException": "the credentials in use have expired",
}


class SecretsFault(Exception):
    """A secret cannot be read or used. Its text is one line that helps, and holds nothing of the secret."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a secret lies."""

    name: str
    region: str | None = None
    endpoint: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Raises SecretsFault."""
        path, _, query = text.removeprefix(SCHEME).partition("?")
        given = {name: values[0] for name, values in parse_qs(query).items()}
        if not text.startswith(SCHEME) or not path or given.keys() - {"region", "endpoint"}:
            raise SecretsFault(f"this is no address of a secret; write {SCHEME}NAME?region=REGION")
        return cls(unquote(path), given.get("region"), given.get("endpoint"))


def read(addresses: str, known: Collection[str]) -> Values:
    """The settings in these secrets (addresses with a space between); of a setting in several the first counts.

    Blocks, for seconds where AWS is away. Raises SecretsFault.
    """
    found: Values = {}
    for text in addresses.split():
        address = Address.parse(text)
        try:
            found = _settings(_fetch(address), known) | found
        except SecretsFault as fault:
            raise SecretsFault(f"secret {address.name}: {fault}") from fault.__cause__
    return found


def _fetch(address: Address) -> str:
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError
    from botocore.session import get_session

    retries = {"mode": "standard", "total_max_attempts": TRIES}
    config = Config(connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retries=retries)
    try:
        client = get_session().create_client(
            "secretsmanager", region_name=address.region, endpoint_url=address.endpoint, config=config
        )
        answer: Values = client.get_secret_value(SecretId=address.name)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        raise SecretsFault(HELP.get(code, f"AWS refuses it ({code})")) from error
    except NoRegionError as error:
        raise SecretsFault("no region is known; add ?region=REGION to the address") from error
    except NoCredentialsError as error:
        raise SecretsFault("no AWS credentials are found; give the process a role") from error
    except (BotoCoreError, ValueError) as error:
        raise SecretsFault(f"Secrets Manager cannot be reached ({type(error).__name__})") from error
    return str(answer.get("SecretString", ""))


def _settings(text: str, known: Collection[str]) -> Values:
    try:
        values = json.loads(text)
    except ValueError:
        raise SecretsFault("it is no JSON; it must be an object whose keys are settings") from None
    if not _is_flat(values):
        raise SecretsFault("it must be a JSON object whose keys are settings and whose values are texts or numbers")
    if "password" in values and "username" in values:
        return _database(values)
    values = {name.lower().removeprefix("dossier_"): value for name, value in values.items()}
    if unknown := sorted(values.keys() - set(known)):
        raise SecretsFault(f"it holds what is no setting: {', '.join(unknown)}")
    return values


def _is_flat(values: Any) -> TypeGuard[Values]:
    return isinstance(values, dict) and all(isinstance(value, str | int | float | bool) for value in values.values())


def _database(values: Values) -> Values:
    """What RDS writes when it manages a password, in our settings."""
    if values.get("engine", "mysql") not in ENGINES:
        raise SecretsFault("it is for another kind of database; MySQL and MariaDB are understood")
    found = {"database_user": str(values["username"]), "database_password": str(values["password"])}
    if "host" in values:
        place = f"{values['host']}:{values.get('port', 3306)}/{values.get('dbname', 'dossier')}"
        found["database_url"] = f"{DRIVER}://{place}"
    return found
