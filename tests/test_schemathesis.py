"""Schemathesis over the whole OpenAPI document: what it promises holds for whatever may be sent, and nothing breaks.

Each operation is asked as a workspace's owner, on a copy of one furnished place; about every second id is one that exists.
"""

import asyncio
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, settings

from dossier.app import build, create_app
from dossier.core import log
from dossier.core.limits import Limits
from dossier.core.settings import Settings
from dossier.feed import routes as feed_routes
from dossier.links import making
from tests.conftest import Seed
from tests.security.place import placed
from tests.users.house import cheapen

if "schemathesis" not in sys.modules:
    pytest.skip("`make check` leaves schemathesis out: loading it takes two seconds", allow_module_level=True)

import requests
import schemathesis
from schemathesis.specs.openapi import checks

Case = schemathesis.Case[Any]
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
DOCUMENT = json.loads((ROOT / "openapi.json").read_text())
HOME = "http://127.0.0.1:8000"
REAL = {"document_id": "plan", "folder_id": "vault", "task_id": "task", "group_id": "group", "token_id": "token"}
REAL |= {
    "certificate_id": "certificate",
    "invitation_id": "invitation",
    "member_id": "partner",
    "job_id": "job",
    "upload_id": "upload",
    "webhook_id": "webhook",
    "link_id": "link",
    "item_id": "link_item",
    "sign_in_id": "sign_in",
    "delivery_id": "delivery",
}
# The owner's token goes with everything; who else may do what is the permission matrix's question.
schema = schemathesis.openapi.from_dict({**DOCUMENT, "security": []})


@dataclass(frozen=True)
class Stage:
    """A program to ask, in a loop of its own."""

    runner: asyncio.Runner
    app: FastAPI
    client: httpx.AsyncClient
    ids: dict[str, str]

    def ask(self, case: Case) -> httpx.Response:
        """Send a case as it would go over the wire."""
        self.real(case)
        sent: Any = requests.Request(**case.as_transport_kwargs(base_url=HOME)).prepare()
        headers = {name: value for name, value in sent.headers.items() if name.lower() != "content-length"}
        request = self.client.build_request(sent.method, sent.url, headers=headers, content=sent.body)
        self.app.state.limits = Limits()
        return self.runner.run(self.client.send(request))

    def real(self, case: Case) -> None:
        """Put an id that exists in the place of about every second one that could."""
        for name, value in (case.path_parameters or {}).items():
            try:
                number = UUID(str(value)).int
            except ValueError:
                continue
            if name in REAL and number % 2:
                case.path_parameters[name] = self.ids[REAL[name]]


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory, embedded_seed: Seed) -> tuple[Path, dict[str, str], str]:
    """The data folder that each operation gets a copy of, the ids in it, and the owner's token."""
    folder = tmp_path_factory.mktemp("furnished")

    async def furnish() -> tuple[Path, dict[str, str], str]:
        async with placed(folder, embedded_seed) as place:
            return folder, {**place.ids, **place.others}, place.world.owner.token

    with asyncio.Runner() as runner:
        return runner.run(furnish())


@pytest.fixture
def stage(
    tmp_path: Path, furnished: tuple[Path, dict[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    """The program on a fresh copy."""
    folder, ids, token = furnished
    shutil.copytree(folder, tmp_path / "var")
    cheapen(monkeypatch)
    monkeypatch.setattr(feed_routes, "STREAM_SECONDS", 0.01)
    nowhere = "http://127.0.0.1:9/{tenant}"
    monkeypatch.setattr(making, "CLOUDS", dict.fromkeys(making.CLOUDS, (nowhere, f"{nowhere}/token")))
    log.configure("console", "critical")
    parts = build(Settings(data_dir=tmp_path / "var", log_level="error"))
    app = create_app(parts)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {token}"}
    with asyncio.Runner() as runner:
        yield Stage(runner, app, httpx.AsyncClient(transport=transport, headers=headers), ids)
        runner.run(parts.close())


def misjudged(case: Case) -> Iterator[Any]:
    """Checks that give false alarms, here or anywhere."""
    # A refusal of what the schema lets through is meant: cursors, ETags, keys used twice, names, people not known here.
    yield checks.positive_data_acceptance
    # The token goes with everything; who may do what without one is the permission matrix's question.
    yield checks.ignored_auth
    name = case.operation.definition.raw["operationId"]
    if name in ("add_documents", "accept_invitation"):
        # The address is also one of /documents/{document_id}, /invitations/{invitation_id}, which take other methods.
        yield from (checks.unsupported_method, checks.allow_header_conformance)
    if name == "stream_events":
        # It holds each event against the schema of the whole body.
        yield checks.response_schema_conformance
    if name in ("add_document", "add_version"):
        # No body at all is what an empty file looks like, and an empty file is welcome.
        yield checks.negative_data_rejection
    if name in ("create_upload", "head_upload", "append_upload", "delete_upload"):
        # 412 for another version of tus, or none, is a refusal too.
        yield from (checks.negative_data_rejection, checks.missing_required_header)
    if name == "list_events":
        # Whatever is sent once in a query is a text, and a list of one.
        yield checks.negative_data_rejection


@schema.parametrize()
@settings(
    max_examples=8,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_holds_what_it_promises(case: Case, stage: Stage) -> None:
    case.validate_response(stage.ask(case), excluded_checks=list(misjudged(case)))
