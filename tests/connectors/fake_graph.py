"""A small Microsoft Graph of our own, in this process on a free port: one drive with all that a connector speaks to.

It keeps state, and behaves as the documentation and the issue threads say: eTag and cTag, delta with tokens that run out,
upload sessions, versions, signed addresses that want no token, subscriptions that really post, people who sign in. It can be
told to fail.
"""

import asyncio
import hashlib
import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

import aiohttp
import httpx
from aiohttp import web

from dossier.connectors.graph import Credentials, GraphConnector, QuickXor

CREDENTIALS = Credentials(tenant="contoso", client_id="app", secret="the secret of the app")
DRIVE = "b!drive/of the test"  # with what has to be encoded
UNIT = 320 << 10
BAD_NAME = re.compile(
    r'["*:<>?/\\|\x00-\x1f]|^ | $|\.$|^~\$|_vti_|^(con|prn|aux|nul|com\d|lpt\d|\.lock|desktop\.ini)$', re.I
)
OFFICE = (".docx", ".xlsx", ".pptx")


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, code: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(code)
        self.status, self.code, self.headers = status, code, headers or {}


@dataclass
class Node:
    """A file or folder, or a package where ``facet`` says so."""

    id: str
    parent: str
    name: str
    facet: str = "file"
    data: bytes = b""
    #: How often the content, and how often anything of it, was changed.
    content: int = 1
    state: int = 1
    author: str = "Ada"
    modified: datetime = field(default_factory=lambda: datetime.now(UTC))
    versions: list[dict[str, Any]] = field(default_factory=list)
    #: What each version held, by its id.
    kept: dict[str, bytes] = field(default_factory=dict)

    @property
    def etag(self) -> str:
        return f'"{{{self.id}}},{self.state}"'

    @property
    def ctag(self) -> str:
        return f'"c:{{{self.id}}},{self.content}"'


@dataclass
class Session:
    """An upload that is under way."""

    parent: str
    name: str
    item: str = ""
    replace: bool = False
    data: bytearray = field(default_factory=bytearray)


@dataclass
class Seen:
    """A request that came."""

    method: str
    path: str
    headers: dict[str, str]
    size: int


@dataclass
class Fault:
    """What goes wrong with the requests that fit: ``reset``, ``truncate``, or a status; ``after`` the work was done."""

    method: str
    fragment: str
    how: str | int
    times: int
    after: bool
    skip: int
    headers: dict[str, str]
    code: str


class FakeGraph:
    """One drive. Everything public may be set by a test at any time."""

    def __init__(self) -> None:
        self.root = Node("root!1", "", "root", "folder")
        self.nodes = {self.root.id: self.root}
        self.requests: list[Seen] = []
        self.faults: list[Fault] = []
        self.page_size, self.throttle_every = 200, 0
        #: Children before their folders.
        self.scrambled = False
        #: Whether 410 names where to begin anew, and its code.
        self.gone_location, self.gone_code = True, "resyncRequired"
        #: "after": an office file is another a moment after its upload; "within": already in the upload's answer.
        self.rewrites = ""
        self.sessions: dict[str, Session] = {}
        self.piece_limit = 60 << 20
        #: Valid access tokens; refresh token in force; how long an access token lasts.
        self.tokens: set[str] = set()
        self.refresh_token, self.token_seconds = "refresh-0", 3600
        self.token_forms: list[dict[str, str]] = []
        #: "" for an app that has none.
        self.secret = CREDENTIALS.secret
        #: Codes that people were sent back with, and what they were asked for with.
        self.codes: dict[str, dict[str, str]] = {}
        self.account = "ada@contoso.example"
        self.subscriptions: dict[str, dict[str, Any]] = {}
        #: By what notifications go out, in place of the network.
        self.client: httpx.AsyncClient | None = None
        self.sites: list[dict[str, Any]] = []
        #: Item → the permissions that were given to it; those below inherit them.
        self.permissions: dict[str, list[dict[str, Any]]] = {}
        self._log: list[str] = []
        self._deleted: dict[str, str] = {}
        self._generation, self._rest = 0, dict[str, list[dict[str, Any]]]()
        #: Ticket → the item, and which version of it ("" for that of now).
        self._downloads: dict[str, tuple[str, str]] = {}
        self._of_people: set[str] = set()
        self._count, self._graph_calls = 1, 0
        self._runner: web.AppRunner | None = None
        self.port = 0

    # Where it is

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        return f"{self.origin}/v1.0"

    @property
    def token_url(self) -> str:
        return f"{self.origin}/{{tenant}}/oauth2/v2.0/token"

    async def start(self) -> "FakeGraph":
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    # What other people do

    def add(
        self, parent: str | None, name: str, data: bytes | None = None, *, facet: str = "", author: str = "Ada"
    ) -> Node:
        """A file, or without data a folder (or another facet)."""
        self._count += 1
        kind = facet or ("folder" if data is None else "file")
        node = Node(f"item!{self._count}", parent or self.root.id, name, kind, data or b"", author=author)
        self.nodes[node.id] = node
        self._keep_version(node)
        self._log.append(node.id)
        return node

    def edit(self, item: str, data: bytes, author: str = "Ada") -> Node:
        node = self.nodes[item]
        node.data, node.content, node.state = data, node.content + 1, node.state + 1
        node.modified, node.author = datetime.now(UTC), author
        self._keep_version(node)
        self._log.append(item)
        return node

    def rename(self, item: str, name: str = "", parent: str = "") -> Node:
        node = self.nodes[item]
        node.name, node.parent, node.state = name or node.name, parent or node.parent, node.state + 1
        self._log.append(item)
        return node

    def touch(self, item: str) -> None:
        """Have it told of as changed although nothing is."""
        self._log.append(item)

    def remove(self, item: str) -> None:
        for child in [node.id for node in self.nodes.values() if node.parent == item]:
            self.remove(child)
        self._deleted[item] = self.nodes.pop(item).name
        self._log.append(item)

    def expire(self) -> None:
        """No delta token that was given so far is known any more."""
        self._generation += 1

    def expire_tokens(self) -> None:
        """No access token that was given so far is taken any more."""
        self.tokens.clear()

    def fail(
        self,
        method: str,
        fragment: str,
        how: str | int,
        *,
        times: int = 1,
        after: bool = False,
        skip: int = 0,
        headers: dict[str, str] | None = None,
        code: str = "generalException",
    ) -> None:
        """Let requests go wrong whose path holds ``fragment``: ``times`` of them after ``skip`` others."""
        self.faults.append(Fault(method, fragment, how, times, after, skip, headers or {}, code))

    def named(self, name: str) -> Node:
        return next(node for node in self.nodes.values() if node.name == name)

    def made(self, method: str, fragment: str = "") -> list[Seen]:
        """The requests of a kind that came."""
        return [seen for seen in self.requests if seen.method == method and fragment in seen.path]

    async def notify(self, **more: Any) -> list[int]:
        """Post to every subscription that something has changed; the statuses that were answered."""
        entries = [
            {
                "subscriptionId": name,
                "clientState": each["clientState"],
                "changeType": "updated",
                "resource": each["resource"],
                "tenantId": "contoso",
                "subscriptionExpirationDateTime": each["expirationDateTime"],
                **more,
            }
            for name, each in self.subscriptions.items()
        ]
        statuses = []
        for each, entry in zip(self.subscriptions.values(), entries, strict=True):
            where = each["lifecycleNotificationUrl" if "lifecycleEvent" in entry else "notificationUrl"]
            if "lifecycleEvent" in entry:
                del entry["changeType"]
            statuses.append((await self._post(where, json={"value": [entry]}))[0])
        return statuses

    def sign_in(self, url: str) -> dict[str, str]:
        """What the browser of a person who agrees is sent back with."""
        parts = urlsplit(url)
        assert f"{parts.scheme}://{parts.netloc}" == self.origin
        assert parts.path.endswith("/oauth2/v2.0/authorize")
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        assert "offline_access" in asked["scope"].split()
        code = f"code-{uuid4().hex}"
        self.codes[code] = asked
        return {"code": code, "state": asked["state"], "session_state": "x"}

    async def _post(self, where: str, **how: Any) -> tuple[int, str, str]:
        """Status, type and text of what is answered."""
        if self.client is not None:
            got = await self.client.post(where, **how)
            return got.status_code, got.headers.get("content-type", "").partition(";")[0], got.text
        async with aiohttp.ClientSession() as session, session.post(where, **how) as answer:
            return answer.status, answer.content_type, await answer.text()

    # Requests

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.rel_url.raw_path
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append(Seen(request.method, f"{path}?{request.rel_url.raw_query_string}", headers, len(body)))
        fault = self._fault(request.method, path)
        if fault and not fault.after and fault.how != "truncate":
            return self._break(request, fault)
        response = await self._answer(request, path, body)
        if fault and fault.how == "truncate":
            return await self._truncate(request, response)
        return self._break(request, fault) if fault else response

    async def _answer(self, request: web.Request, path: str, body: bytes) -> web.Response:
        try:
            if path.endswith("/oauth2/v2.0/token"):
                return self._token(body)
            if path.startswith("/up/"):
                return self._piece(request, path.removeprefix("/up/"), body)
            if path.startswith("/dl/"):
                return self._download(request, path.removeprefix("/dl/"))
            self._graph_calls += 1
            if self.throttle_every and self._graph_calls % self.throttle_every == 0:
                raise Refused(429, "activityLimitReached", {"Retry-After": "7"})
            if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
                raise Refused(401, "InvalidAuthenticationToken")
            return await self._graph(request, path.removeprefix("/v1.0"), body)
        except Refused as refused:
            error = {"error": {"code": refused.code, "message": f"It says {refused.code}."}}
            return web.json_response(error, status=refused.status, headers=refused.headers)

    def _fault(self, method: str, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.times and fault.method in ("*", method) and fault.fragment in path:
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                return fault
        return None

    def _break(self, request: web.Request, fault: Fault) -> web.Response:
        if fault.how == "reset":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        error = {"error": {"code": fault.code, "message": "A fault."}}
        return web.json_response(error, status=int(fault.how), headers=fault.headers)

    async def _truncate(self, request: web.Request, whole: web.Response) -> web.StreamResponse:
        body = whole.body
        assert isinstance(body, bytes)
        response = web.StreamResponse(status=whole.status)
        response.content_length = len(body)
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
        await asyncio.sleep(0.05)  # what was written shall arrive
        assert request.transport is not None
        request.transport.abort()
        return response

    def _token(self, body: bytes) -> web.Response:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        self.token_forms.append(form)
        if "client_assertion" not in form and form.get("client_secret", "") != self.secret:
            told = {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."}
            return web.json_response(told, status=401)
        more = dict[str, str]()
        if form["grant_type"] == "refresh_token":
            if form["refresh_token"] != self.refresh_token:
                told = {"error": "invalid_grant", "error_description": "AADSTS70008: The refresh token has expired."}
                return web.json_response(told, status=400)
            self.refresh_token = more["refresh_token"] = f"refresh-{uuid4().hex}"
        if form["grant_type"] == "authorization_code":
            asked = self.codes.pop(form["code"], {})
            challenge = urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
            given = {"client_id": form["client_id"], "redirect_uri": form["redirect_uri"], "code_challenge": challenge}
            if not asked or any(asked[name] != value for name, value in given.items()):
                told = {"error": "invalid_grant", "error_description": "AADSTS70008: The code has expired."}
                return web.json_response(told, status=400)
            self.refresh_token = more["refresh_token"] = f"refresh-{uuid4().hex}"
            claims = urlsafe_b64encode(json.dumps({"preferred_username": self.account}).encode()).rstrip(b"=").decode()
            more["id_token"] = f"e30.{claims}.x"
        token = f"access-{uuid4().hex}"
        self.tokens.add(token)
        if more:
            self._of_people.add(token)
        return web.json_response(
            {"access_token": token, "token_type": "Bearer", "expires_in": self.token_seconds, **more}
        )

    async def _graph(self, request: web.Request, path: str, body: bytes) -> web.Response:
        given = json.loads(body) if body and request.method != "PUT" else {}
        if path.startswith("/subscriptions"):
            return await self._subscription(request, path.removeprefix("/subscriptions").strip("/"), given)
        if path == "/sites":
            words = request.query["search"].lower()
            return web.json_response({"value": [site for site in self.sites if words in site["displayName"].lower()]})
        if path.startswith(("/users/", "/groups/", "/sites/")) and path.endswith("/drives"):
            library = {"id": DRIVE, "name": "Documents", "webUrl": "https://contoso.example/docs"}
            return web.json_response({"value": [library]})
        if path == "/me/drives":
            if request.headers["Authorization"].removeprefix("Bearer ") not in self._of_people:
                raise Refused(400, "BadRequest")
            return web.json_response({"value": [{"id": DRIVE, "name": "OneDrive", "webUrl": "javascript:alert(1)"}]})
        _, _, drive, *rest = path.split("/", 4)
        if unquote(drive) != DRIVE:
            raise Refused(404, "itemNotFound")
        if not rest:
            return web.json_response({"id": DRIVE, "name": "Documents", "driveType": "business"})
        return self._item(request, rest[1], given, body)

    def _item(self, request: web.Request, path: str, given: dict[str, Any], body: bytes) -> web.Response:
        if ":/" in path:
            parent, name, *rest = path.split(":/")
            return self._by_name(request, self._node(unquote(parent)), unquote(name), "".join(rest), given, body)
        first, _, action = path.partition("/")
        node = self._node(unquote(first))
        if request.method == "GET":
            return self._read(request, action, node)
        match request.method, action:
            case "PATCH", "":
                return self._patch(request, node, given)
            case "DELETE", "":
                self._check(request, node)
                self.remove(node.id)
                return web.Response(status=204)
            case "POST", "children":
                self._free(node.id, given["name"])
                return web.json_response(self._shown(self.add(node.id, given["name"], author="App")), status=201)
            case "PUT", "content":
                self._check(request, node)
                return web.json_response(self._take(node.parent, node.name, body, node.id))
            case "POST", "createUploadSession":
                self._check(request, node)
                return self._session(Session(node.parent, node.name, node.id, replace=True))
        raise Refused(405, "methodNotAllowed")

    def _read(self, request: web.Request, action: str, node: Node) -> web.Response:
        match action:
            case "":
                return web.json_response(self._shown(node))
            case "children":
                return self._listed(request, [self._shown(each) for each in self._children(node.id)])
            case "content":
                return self._ticket(node)
            case _ if action.startswith("versions/"):
                return self._ticket(node, unquote(action.removeprefix("versions/").removesuffix("/content")))
            case "versions":
                return self._listed(request, node.versions[::-1])
            case "permissions":
                return self._listed(request, self._permissions(node))
            case "delta":
                return self._delta(request, node)
        raise Refused(405, "methodNotAllowed")

    def _ticket(self, node: Node, version: str = "") -> web.Response:
        if version and version not in [each["id"] for each in node.versions]:
            raise Refused(404, "itemNotFound")
        if version and version == node.versions[-1]["id"]:
            # "You cannot get the content of the current version."
            raise Refused(400, "invalidRequest")
        ticket = uuid4().hex
        self._downloads[ticket] = (node.id, version)
        return web.Response(status=302, headers={"Location": f"{self.origin}/dl/{ticket}?sig=a%2Bb"})

    def _permissions(self, node: Node) -> list[dict[str, Any]]:
        found, at = list(self.permissions.get(node.id, ())), self.nodes.get(node.parent)
        while at is not None:
            reference = {"driveId": DRIVE, "id": at.id}
            found += [each | {"inheritedFrom": reference} for each in self.permissions.get(at.id, ())]
            at = self.nodes.get(at.parent)
        return found

    def _by_name(
        self, request: web.Request, parent: Node, name: str, action: str, given: dict[str, Any], body: bytes
    ) -> web.Response:
        there = self._child(parent.id, name)
        if request.method == "GET":
            if there is None:
                raise Refused(404, "itemNotFound")
            return web.json_response(self._shown(there))
        if action == "content":
            if request.query.get("@microsoft.graph.conflictBehavior") == "fail":
                self._free(parent.id, name)
            return web.json_response(self._take(parent.id, name, body, there.id if there else ""), status=201)
        if action == "createUploadSession":
            assert given["item"]["@microsoft.graph.conflictBehavior"] == "fail"
            self._free(parent.id, name)
            return self._session(Session(parent.id, name))
        raise Refused(405, "methodNotAllowed")

    def _patch(self, request: web.Request, node: Node, given: dict[str, Any]) -> web.Response:
        self._check(request, node)
        parent = self._node(given["parentReference"]["id"]).id
        above = parent
        while above:
            if above == node.id:
                raise Refused(400, "invalidRequest")
            above = self.nodes[above].parent
        self._free(parent, given["name"], besides=node.id)
        return web.json_response(self._shown(self.rename(node.id, given["name"], parent)))

    # Parts

    def _node(self, item: str) -> Node:
        node = self.nodes.get(self.root.id if item == "root" else item)
        if node is None:
            raise Refused(404, "itemNotFound")
        return node

    def _children(self, parent: str) -> list[Node]:
        return [node for node in self.nodes.values() if node.parent == parent]

    def _child(self, parent: str, name: str) -> Node | None:
        return next((node for node in self._children(parent) if node.name.lower() == name.lower()), None)

    def _free(self, parent: str, name: str, besides: str = "") -> None:
        if not name or BAD_NAME.search(name) or len(name) > 255:
            raise Refused(400, "invalidRequest")
        there = self._child(parent, name)
        if there is not None and there.id != besides:
            raise Refused(409, "nameAlreadyExists")

    @staticmethod
    def _check(request: web.Request, node: Node) -> None:
        if request.headers.get("If-Match", node.etag) not in (node.etag, node.ctag):
            raise Refused(412, "resourceModified")

    def _shown(self, node: Node) -> dict[str, Any]:
        raw: dict[str, Any] = {
            "id": node.id,
            "name": node.name,
            "eTag": node.etag,
            "size": len(node.data),
            "lastModifiedDateTime": node.modified.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "lastModifiedBy": {"user": {"displayName": node.author, "email": f"{node.author}@contoso.example"}},
            "parentReference": {"driveId": DRIVE, "id": node.parent},
            node.facet: {},
        }
        if node is self.root:
            raw |= {"root": {}, "parentReference": {"driveId": DRIVE}}
        if node.facet == "file":
            digest = QuickXor()
            digest.update(node.data)
            raw["cTag"] = node.ctag
            raw["file"] = {"hashes": {"quickXorHash": b64encode(digest.digest()).decode()}}
        return raw

    def _take(self, parent: str, name: str, data: bytes, item: str = "") -> dict[str, Any]:
        """A file that is whole now; what the upload answers."""
        is_office = name.lower().endswith(OFFICE)
        if is_office and self.rewrites == "within":
            data += b"<enriched/>"
        node = self.edit(item, data, "App") if item else self.add(parent, name, data, author="App")
        shown = self._shown(node)
        if is_office and self.rewrites == "after":
            self.edit(node.id, data + b"<enriched/>", "SharePoint App")
        return shown

    def _keep_version(self, node: Node) -> None:
        if node.facet == "file":
            shown = self._shown(node)
            kept = {key: shown[key] for key in ("size", "lastModifiedDateTime", "lastModifiedBy")}
            name = f"{len(node.kept) + 1}.0"
            node.versions.append({"id": name, **kept})
            node.kept[name] = node.data

    def _listed(self, request: web.Request, entries: list[dict[str, Any]]) -> web.Response:
        at = int(request.query.get("$skiptoken", "0"))
        page: dict[str, Any] = {"value": entries[at : at + self.page_size]}
        if at + self.page_size < len(entries):
            page["@odata.nextLink"] = f"{self.origin}{request.rel_url.raw_path}?$skiptoken={at + self.page_size}"
        return web.json_response(page)

    def _delta(self, request: web.Request, folder: Node) -> web.Response:
        where, token = f"{self.origin}{request.rel_url.raw_path}?token=", request.query.get("token", "")
        kind, _, rest = token.partition(".")
        generation, _, number = rest.partition(".")
        if token and (kind not in ("next", "delta") or int(generation) != self._generation):
            raise Refused(410, self.gone_code, {"Location": where.partition("?")[0]} if self.gone_location else {})
        if kind == "next":
            entries, end = self._rest[number], number.partition("-")[0]
        else:
            entries, end = (
                self._changes(folder, int(number)) if token else self._everything(folder),
                str(len(self._log)),
            )
        page: dict[str, Any] = {"value": entries[: self.page_size]}
        if entries[self.page_size :]:
            name = f"{end}-{uuid4().hex}"
            self._rest[name] = entries[self.page_size :]
            page["@odata.nextLink"] = f"{where}next.{self._generation}.{name}"
        else:
            page["@odata.deltaLink"] = f"{where}delta.{self._generation}.{end}"
        return web.json_response(page)

    def _everything(self, folder: Node) -> list[dict[str, Any]]:
        found, todo = [folder], [folder]
        while todo:
            children = self._children(todo.pop(0).id)
            found += children
            todo += [node for node in children if node.facet != "file"]
        return [self._shown(node) for node in (found[::-1] if self.scrambled else found)]

    def _changes(self, folder: Node, since: int) -> list[dict[str, Any]]:
        """What changed anywhere in the drive, and the linked folder: the reader has to tell what is its own."""
        entries = [self._shown(folder)]
        for item in dict.fromkeys(self._log[since:]):
            node = self.nodes.get(item)
            gone = {"id": item, "name": self._deleted.get(item, ""), "deleted": {"state": "deleted"}}
            entries.append(self._shown(node) if node else gone)
        return entries[::-1] if self.scrambled else entries

    def _session(self, session: Session) -> web.Response:
        name = uuid4().hex
        self.sessions[name] = session
        until = datetime.now(UTC) + timedelta(days=7)
        return web.json_response({"uploadUrl": f"{self.origin}/up/{name}", "expirationDateTime": until.isoformat()})

    def _piece(self, request: web.Request, name: str, body: bytes) -> web.Response:
        session = self.sessions.get(name)
        if "Authorization" in request.headers:
            raise Refused(401, "unauthenticated")
        if session is None:
            raise Refused(404, "itemNotFound")
        if request.method == "DELETE":
            del self.sessions[name]
            return web.Response(status=204)
        if request.method == "PUT":
            start, end, size = map(int, re.findall(r"\d+", request.headers["Content-Range"]))
            if len(body) >= self.piece_limit or len(body) != end - start + 1 or (end + 1 < size and len(body) % UNIT):
                raise Refused(400, "invalidRequest")
            if start != len(session.data):
                raise Refused(416, "invalidRange")
            session.data += body
            if end + 1 == size:
                return self._complete(name, session)
        told = {"nextExpectedRanges": [f"{len(session.data)}-"]}
        return web.json_response(told, status=202 if request.method == "PUT" else 200)

    def _complete(self, name: str, session: Session) -> web.Response:
        if not session.replace:
            self._free(session.parent, session.name)
        del self.sessions[name]
        shown = self._take(session.parent, session.name, bytes(session.data), session.item)
        return web.json_response(shown, status=200 if session.replace else 201)

    def _download(self, request: web.Request, ticket: str) -> web.Response:
        if "Authorization" in request.headers or request.rel_url.raw_query_string != "sig=a%2Bb":
            raise Refused(401, "unauthenticated")
        item, version = self._downloads.get(ticket, ("", ""))
        node = self.nodes.get(item)
        if node is None:
            raise Refused(404, "itemNotFound")
        data = node.kept[version] if version else node.data
        return web.Response(body=data, content_type="application/octet-stream")

    async def _subscription(self, request: web.Request, name: str, given: dict[str, Any]) -> web.Response:
        if request.method == "POST":
            name = f"sub-{uuid4().hex}"
            await self._validate(given["notificationUrl"])
            self.subscriptions[name] = {"id": name, **given}
            return web.json_response(self.subscriptions[name], status=201)
        if name not in self.subscriptions:
            raise Refused(404, "ResourceNotFound")
        if request.method == "PATCH":
            self.subscriptions[name] |= given
            return web.json_response(self.subscriptions[name])
        del self.subscriptions[name]
        return web.Response(status=204)

    async def _validate(self, where: str) -> None:
        token = "Validation: it's a <test> & more"
        if await self._post(where, params={"validationToken": token}) != (200, "text/plain", token):
            raise Refused(400, "ValidationError")


@asynccontextmanager
async def graph_connector(fake: FakeGraph, *, folder_id: str = "root", **more: Any) -> AsyncIterator[GraphConnector]:
    """A connector of a folder of a running ``fake``; with a session of its own that ends with it."""
    more = {"credentials": CREDENTIALS, "base_url": fake.base_url, "token_url": fake.token_url, **more}
    async with aiohttp.ClientSession() as session:
        connector = GraphConnector(session, more.pop("credentials"), drive_id=DRIVE, folder_id=folder_id, **more)
        yield connector
        await connector.close()
