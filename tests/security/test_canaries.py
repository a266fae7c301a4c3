"""What people write and what opens doors is in no log line, no metric and no trace, at the most talkative level.

A real program is led through many of its routes with values that are marked; then all that it told about itself is searched.
"""

import base64
import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.mailbox import Mailbox
from tests.spans import Receiver
from tests.test_serve import Numbers, free_port
from tests.trust.server import Nursery, Server, Template, command, prepare_template
from tests.trust.tracer import until

pytestmark = pytest.mark.slow
CANARY = "qanary"
PASSWORD = f"{CANARY} horse battery"


class Walk:
    """Goes through the program's routes; ``secrets`` are what it was given on the way."""

    def __init__(self, server: Server) -> None:
        self.server, self.client = server, server.client()
        self.secrets = [server.template.token]

    def ask(self, method: str, path: str, body: Any = None, *, good: int = 200, **headers: str) -> Any:
        answer = self.client.ask(method, path, body, **headers)
        assert answer.status == good, (method, path, answer.status, answer.body)
        return answer

    def documents(self) -> str:
        """Add, change, search, lock, download, trash."""
        folder = self.ask("POST", "/folders", {"name": f"{CANARY} folder"}, good=201).json()["id"]
        query = f"name={CANARY}.txt&comment={CANARY}&folder_id={folder}"
        id_: str = self.ask("POST", f"/documents?{query}", f"{CANARY} inside".encode(), good=201).json()["id"]
        self.ask("POST", f"/documents/{id_}/versions?comment={CANARY}", CANARY.encode(), good=201)
        change = {"name": f"{CANARY}2.txt", "description": CANARY, "tags": [CANARY]}
        self.ask("PATCH", f"/documents/{id_}", change)
        self.ask("POST", f"/documents?name={CANARY}2.txt&folder_id={folder}", b"x", good=409)
        self.ask("PUT", f"/documents/{id_}/lock", {})
        self.ask("DELETE", f"/documents/{id_}/lock", good=204)
        for path in (f"/documents?q={CANARY}", f"/search?q={CANARY}", f"/documents?tag={CANARY}", "/home", "/events"):
            self.ask("GET", path)
        assert CANARY.encode() in self.ask("GET", f"/documents/{id_}/content").body
        ticket = self.ask("POST", "/downloads", {"folder_ids": [folder]}, good=201).json()["url"].rpartition("/")[2]
        self.ask("GET", f"/downloads/{ticket}")
        self.secrets.append(ticket)
        self.ask("GET", f"/downloads/{ticket}", good=404)
        return id_

    def files_that_cannot_be_read(self) -> None:
        """What programs say of torn files may quote them."""
        torn = io.BytesIO()
        with zipfile.ZipFile(torn, "w") as archive:
            archive.writestr("[Content_Types].xml", f"<{CANARY}>")
            archive.writestr("word/document.xml", f"<w:document {CANARY}=<")
        for name, body in ((f"{CANARY}.docx", torn.getvalue()), (f"{CANARY}.pdf", b"%PDF-1.7\n" + CANARY.encode())):
            id_ = self.ask("POST", f"/documents?name={name}", body, good=201).json()["id"]
            self.client.ask("GET", f"/documents/{id_}/versions/1/preview")

    def resumable(self) -> None:
        """An upload in pieces."""
        told = f"filename {base64.b64encode(f'{CANARY}.bin'.encode()).decode()}"
        tus = {"Tus_Resumable": "1.0.0"}
        place = self.ask("POST", "/uploads", b"", good=201, Upload_Length="6", Upload_Metadata=told, **tus)
        path = place.headers["location"].partition("/api/v1")[2]
        kind = {"Content_Type": "application/offset+octet-stream", "Upload_Offset": "0"}
        self.ask("PATCH", path, CANARY.encode(), good=204, **tus, **kind)

    def tasks(self, document_id: str) -> None:
        """A task and what is said of it."""
        wish = {"title": CANARY, "details": CANARY}
        id_ = self.ask("POST", f"/documents/{document_id}/tasks", wish, good=201).json()["id"]
        self.ask("POST", f"/tasks/{id_}/comments", {"body": f"{CANARY} said"}, good=201)
        self.ask("PATCH", f"/tasks/{id_}", {"status": "done"})
        self.ask("GET", f"/tasks/{id_}/history")

    def people(self) -> None:
        """Invitations, groups, tokens, sign-ins."""
        self.ask("POST", "/invitations", {"email": f"{CANARY}.one@example.com", "role": "viewer"}, good=201)
        self.ask("POST", "/groups", {"name": CANARY, "member_ids": []}, good=201)
        token = self.ask("POST", "/tokens", {"name": CANARY, "scopes": ["read"]}, good=201).json()
        self.secrets += [value for value in token.values() if str(value).startswith("dsr_")]
        hook = self.ask(
            "POST", "/webhooks", {"url": f"https://{CANARY}.invalid/{CANARY}", "description": CANARY}, good=201
        )
        self.secrets += [hook.json()["secret"], hook.json()["secret"].removeprefix("whsec_")]
        self.ask("POST", f"/webhooks/{hook.json()['id']}/test")
        self.ask("POST", "/webhooks", {"url": f"http://{CANARY}/"}, good=422)
        who = {"email": f"{CANARY}@example.com", "password": PASSWORD}
        cookie = self.ask("POST", "/session", who, good=201).headers["set-cookie"]
        self.secrets += re.findall(r"=([\w-]{20,})", cookie)
        self.ask("POST", "/session", who | {"password": f"{CANARY} wrong"}, good=401)
        self.ask("POST", "/password/forgot", {"email": who["email"]}, good=202)
        self.ask("POST", "/setup", who | {"link": CANARY, "name": CANARY, "workspace": CANARY}, good=404)

    def nonsense(self) -> None:
        """What cannot be read, and where nothing is."""
        self.ask("POST", "/session", b'{"' + CANARY.encode(), good=400, Content_Type="application/json")
        self.ask("POST", "/folders", {CANARY: CANARY}, good=422)
        self.ask("GET", f"/documents/{CANARY}", good=422)
        self.ask("GET", f"/{CANARY}", good=404)
        self.ask("GET", "/me", good=401, Authorization=f"Bearer {CANARY}")
        self.ask("GET", "/documents", good=200, Traceparent=CANARY, X_Request_Id=f"{CANARY}-request")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Template]:
    """A data folder with a workspace, its owner, and somebody with a marked name and password."""
    nursery = Nursery()
    template = prepare_template(nursery, tmp_path_factory.mktemp("canaries") / "template")
    yield template
    nursery.close()


def told_of(server: Server, walk: Walk, receiver: Receiver, port: int) -> dict[str, bytes]:
    """All that the program told about itself until its end."""
    numbers = Numbers(port).text.encode()
    assert server.stop() == 0
    traces = b"".join(body for _, body in receiver.bodies)
    return {"log": server.errors().encode(), "metrics": numbers, "traces": traces}


@pytest.mark.timeout(180)
def test_none_of_it_shows(template: Template, tmp_path: Path) -> None:
    data, port = template.copy(tmp_path / "data"), free_port()
    words = ("user", "add", f"{CANARY}@example.com", "--workspace", "acme", "--name", CANARY, "--json")
    assert command(template.nursery, data, *words).returncode == 0
    with Mailbox() as mailbox, Receiver() as receiver:
        settings = {
            "DOSSIER_LOG_LEVEL": "debug",
            "DOSSIER_LOG_FORMAT": "json",
            "DOSSIER_METRICS_PORT": str(port),
            "DOSSIER_OTLP_ENDPOINT": receiver.endpoint,
            "DOSSIER_OTLP_SIGNALS": "traces,metrics,logs",
            "DOSSIER_SMTP_URL": mailbox.url,
        }
        server = Server(template, data, settings).start()
        walk = Walk(server)
        try:
            set_password(walk, mailbox)
            walk.tasks(walk.documents())
            walk.files_that_cannot_be_read()
            walk.resumable()
            walk.people()
            walk.nonsense()
            until(lambda: len(mailbox.mails) == 3 and all_tried(port), 60, 0.5)
            walk.secrets += mailbox.links()
            told = told_of(server, walk, receiver, port)
        finally:
            walk.client.close()
            server.kill()
    assert len(walk.secrets) >= 6
    assert all(told.values()), "nothing was told at all"
    for wanted in (b'"event": "request"', b'"event": "job"'):
        assert wanted in told["log"]
    for secret in [CANARY, PASSWORD, *walk.secrets]:
        assert [where for where, text in told.items() if secret.encode() in text] == [], secret
    assert b"example.com" not in told["metrics"] + told["traces"] + told["log"]


def set_password(walk: Walk, mailbox: Mailbox) -> None:
    """By a mail, which is a way that is watched too."""
    walk.ask("POST", "/password/forgot", {"email": f"{CANARY}@example.com"}, good=202)
    until(lambda: mailbox.links() != [], 30, 0.1)
    (link,) = mailbox.links()
    walk.ask("POST", "/password/reset", {"link": link, "password": PASSWORD}, good=204)


def all_tried(port: int) -> bool:
    """Whether only dead jobs of these kinds are left."""
    left = [line for line in Numbers(port).text.splitlines() if line.startswith("dossier_jobs{")]
    return not [line for line in left if 'kind="search.index",state="ready"' in line or 'state="running"' in line]
