"""values.schema.json: nonsense is refused before anything is sent to a cluster."""

import json
from pathlib import Path

import pytest

from tests.deploy.charts import CHART, helm

pytestmark = pytest.mark.slow
NONSENSE = {
    "an unknown value": {"replicaCount": 3},
    "an unknown value further down": {"api": {"replica": 3}},
    "a setting that there is not": {"settings": {"trash_day": 3}},
    "a setting that the chart makes": {"settings": {"port": 9000}},
    "a secret among the settings": {"settings": {"master_key": "c2VjcmV0"}},
    "a password in an address": {"settings": {"database_url": "mysql://dossier:secret@database/dossier"}},
    "a token in an address": {"settings": {"redis_url": "rediss://:token@redis:6379/0"}},
    "a list as a setting": {"settings": {"log_level": ["info"]}},
    "a stop without end": {"settings": {"drain_seconds": 100000}},
    "an address without TLS": {"publicUrl": "http://dossier.example.com"},
    "an address with a path": {"publicUrl": "https://dossier.example.com/dossier"},
    "no replica": {"worker": {"replicas": 0}},
    "replicas as a text": {"worker": {"replicas": "two"}},
    "one replica as the least of many": {"api": {"autoscaling": {"enabled": True, "min": 1}}},
    "more than all of a CPU": {"api": {"autoscaling": {"cpu": 150}}},
    "a tag that moves": {"image": {"tag": "latest"}},
    "a tag of an environment": {"image": {"tag": "prod"}},
    "a tag that is a number": {"image": {"tag": 12}},
    "half a digest": {"image": {"digest": "sha256:abc"}},
    "an edge of any version": {"edge": {"image": {"tag": ""}}},
    "memory without a unit": {"api": {"resources": {"limits": {"memory": "1024"}}}},
    "a role that is none": {"serviceAccount": {"roleArn": "dossier-prod"}},
    "secrets from elsewhere": {"secrets": {"manager": "vault://dossier"}},
    "a file for what is no secret": {"secrets": {"existingSecret": {"settings": ["log_level"]}}},
    "monitoring by everybody": {"networkPolicy": {"monitoring": []}},
    "a peer that is everybody": {"networkPolicy": {"monitoring": [{}]}},
    "DNS anywhere": {"networkPolicy": {"dns": []}},
    "a database anywhere": {"networkPolicy": {"database": {"cidrs": []}}},
    "an address in place of a network": {"networkPolicy": {"database": {"cidrs": ["10.0.0.1"]}}},
    "a Service of another kind": {"edge": {"portal": {"service": {"type": "ExternalName"}}}},
    "a spread that is none": {"spread": {"zone": "Maybe"}},
    "a runbook with an anchor": {"monitoring": {"rules": {"runbooks": "https://docs.example.com/#a"}}},
}
SENSE = {
    "more networks": {"networkPolicy": {"more": [{"port": 587, "cidrs": ["10.9.0.0/16", "fd00:1::/32"]}]}},
    "other settings": {"settings": {"trash_days": 90, "outward_http": False, "log_level": "warning"}},
    "a default taken away": {"settings": {"redis_url": None}},
    "tolerations": {"tolerations": [{"key": "dedicated", "operator": "Exists"}], "nodeSelector": {"pool": "dossier"}},
    "a digest": {"image": {"digest": f"sha256:{'a' * 64}"}},
}


def template(folder: Path, values: object) -> "tuple[int, str]":
    """What helm says to these values."""
    (folder / "values.json").write_text(json.dumps(values))
    done = helm(folder, "template", "dossier", CHART, "--values", folder / "values.json")
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("what", NONSENSE)
def test_refuses(what: str, tmp_path: Path) -> None:
    code, said = template(tmp_path, NONSENSE[what])
    assert code != 0
    assert "values don't meet the specifications of the schema" in said


@pytest.mark.parametrize("what", SENSE)
def test_takes(what: str, tmp_path: Path) -> None:
    code, said = template(tmp_path, SENSE[what])
    assert code == 0, said


def test_every_object_says_what_it_knows() -> None:
    """Or a slip of the pen would be taken for a value."""

    def open_ones(schema: object, where: str) -> list[str]:
        if not isinstance(schema, dict):
            return []
        found = [each for name, value in schema.items() for each in open_ones(value, f"{where}/{name}")]
        return found + (
            [where]
            if "properties" in schema
            and schema.get("type") == "object"
            and schema.get("additionalProperties") is not False
            else []
        )

    schema = json.loads((CHART / "values.schema.json").read_text())
    assert open_ones(schema, "") == []
    free = {name for name, each in schema["properties"].items() if each == {"type": "object"}}
    assert free == {"global"}
