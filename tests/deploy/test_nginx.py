"""The edge for real: nginx with deploy/nginx before two programs. What it says is held against a program without it."""

import contextlib
import hashlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography import x509

from dossier.serve import free_port
from tests.conftest import BUILT_PORTAL
from tests.deploy.asking import Door, trusting
from tests.deploy.conftest import Edge, authorities, start
from tests.trust.server import Answer, command
from tools.nginx import HOST, SECRET, Nginx, folder_for_nginx
from tools.servers import hand_over

API = "/api/v1"
HTML = {"Accept": "text/html"}
# What may differ between an answer of the edge and one of the program itself.
OWN = {"date", "server", "connection", "keep-alive", "transfer-encoding", "x-request-id"}
MIB = 1024 * 1024


def shown(answer: Answer, *but: str) -> tuple[int, dict[str, str], Any]:
    """An answer without what differs from request to request."""
    headers = {name: value for name, value in answer.headers.items() if name not in OWN | set(but)}
    if headers.get("content-type") == "application/problem+json":
        del headers["content-length"]  # the edge's request ids are shorter
        return answer.status, headers, answer.body and answer.code
    return answer.status, headers, answer.body


def direct(port: int, method: str, path: str, **headers: str) -> Answer:
    """A request straight to a program, without the edge."""
    connection = http.client.HTTPConnection(HOST, port, timeout=60)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, response.read())
    finally:
        connection.close()


def is_problem(answer: Answer, status: int, code: str) -> bool:
    """Whether an answer is a refusal in the words of Dossier, with the headers of every answer."""
    protected = (
        answer.headers.get("x-content-type-options") == "nosniff" and answer.headers["cache-control"] == "no-store"
    )
    return (answer.status, answer.code) == (status, code) and protected and bool(answer.json()["request_id"])


@pytest.fixture(scope="module")
def document(edge: Edge) -> dict[str, Any]:
    """A document of 100 kB."""
    return edge.add(CONTENT, "content.bin")


NOWHERE = "0198c0de-0000-7000-8000-00000000dead"
CONTENT = bytes(range(256)) * 400


class TestTls:
    def speak(self, edge: Edge, version: ssl.TLSVersion, ciphers: str = "ALL:@SECLEVEL=0") -> ssl.SSLSocket:
        context = trusting(edge.ca)
        context.set_ciphers(ciphers)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = version
        context.set_alpn_protocols(["h2", "http/1.1"])
        plain = socket.create_connection((HOST, edge.nginx.port), timeout=20)
        return context.wrap_socket(plain, server_hostname=HOST)

    @pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
    def test_versions_of_today(self, edge: Edge, version: str) -> None:
        with self.speak(edge, ssl.TLSVersion[version]) as spoken:
            assert spoken.version() == version.replace("_", ".")
            assert spoken.selected_alpn_protocol() == "h2"

    @pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
    def test_no_older_version(self, edge: Edge, version: str) -> None:
        """The alert is the server's: the client would have spoken it."""
        with pytest.raises(ssl.SSLError, match="TLSV1_ALERT_PROTOCOL_VERSION"):
            self.speak(edge, ssl.TLSVersion[version])

    def test_no_cipher_of_yesterday(self, edge: Edge) -> None:
        with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
            self.speak(edge, ssl.TLSVersion.TLSv1_2, "AES128-SHA:AES256-SHA256:@SECLEVEL=0")

    def test_http_2(self, edge: Edge, document: dict[str, Any]) -> None:
        url = f"{edge.nginx.url}{API}/documents/{document['id']}/content"
        argv = ["curl", "-sS", "--http2", "--cacert", str(edge.ca), "-H", f"Authorization: Bearer {edge.token}", url]
        done = subprocess.run([*argv, "-w", "%{stderr}%{http_version}"], capture_output=True, timeout=60, check=True)
        assert (done.stderr, done.stdout == CONTENT) == (b"2", True)

    def test_an_upload_by_http_2(self, edge: Edge) -> None:
        url = f"{edge.nginx.url}{API}/documents?name=by-http2.bin"
        argv = [
            "curl",
            "-sS",
            "--http2",
            "--cacert",
            str(edge.ca),
            "-H",
            f"Authorization: Bearer {edge.token}",
            "-T",
            "-",
        ]
        done = subprocess.run(
            [*argv, "-X", "POST", url], input=CONTENT * 20, capture_output=True, timeout=60, check=True
        )
        assert json.loads(done.stdout)["version"]["sha256"] == hashlib.sha256(CONTENT * 20).hexdigest()

    def test_plain_http_is_sent_to_https(self, edge: Edge) -> None:
        for port in (edge.nginx.plain_port, edge.nginx.port):
            answer = direct(port, "GET", "/documents/1?a=b")
            assert (answer.status, answer.headers["location"]) == (308, f"{edge.nginx.url}/documents/1?a=b")


PLACES = ["/", "/index.html", "/documents", "/documents/0198c0de?x=1", "/setup", "/tasks/1/2"]
OTHERS = ["/_nuxt/a.js", "/_nuxt/a.css", "/nowhere", "/.env", "/_nuxt/old.js", "/documents.zip", "/_nuxt/"]
PROGRAM = ["/api/v1/nowhere", "/api/docs", "/assets/docs.js", "/assets/nowhere", "/health/live", "/api", "/api/v1/me"]


class TestPortal:
    @pytest.mark.parametrize("path", PLACES + OTHERS + PROGRAM)
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_says_what_the_program_says(self, edge: Edge, method: str, path: str) -> None:
        """Status, body and headers of pages, files, refusals and the API, to a browser and to a program."""
        for accept in ({"Accept": "text/html"}, {"Accept": "*/*", "Accept-Encoding": "gzip"}):
            answer = Door(edge.nginx.port, edge.ca, headers=accept).ask(method, path)
            wanted = direct(edge.embedded.port, method, path, **accept)
            assert shown(answer, "etag", "accept-ranges") == shown(wanted, "etag", "accept-ranges")

    @pytest.mark.parametrize("path", ["/documents", "/_nuxt/a.js", "/index.html", "/nowhere"])
    def test_is_only_read(self, edge: Edge, path: str) -> None:
        answer = Door(edge.nginx.port, edge.ca).ask("POST", path, b"x")
        assert shown(answer) == shown(direct(edge.embedded.port, "POST", path))
        assert answer.code

    def test_deep_links_and_cached_files(self, edge: Edge) -> None:
        page = Door(edge.nginx.port, edge.ca).get("/documents/0198c0de/versions/3")
        assert (page.status, page.headers["cache-control"]) == (200, "no-cache")
        assert "script-src 'self' 'sha256-" in page.headers["content-security-policy"]
        script = Door(edge.nginx.port, edge.ca).get("/_nuxt/a.js")
        assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert script.body == (BUILT_PORTAL / "_nuxt/a.js").read_bytes()

    @pytest.mark.parametrize(("accepted", "packed"), [("gzip", "gzip"), ("gzip, br", "br"), ("identity", None)])
    def test_files_go_out_packed(self, edge: Edge, accepted: str, packed: str | None) -> None:
        answer = Door(edge.nginx.port, edge.ca).get("/_nuxt/a.js", Accept_Encoding=accepted)
        wanted = direct(edge.embedded.port, "GET", "/_nuxt/a.js", Accept_Encoding=accepted)
        assert answer.headers.get("content-encoding") == packed
        assert shown(answer, "etag", "accept-ranges") == shown(wanted, "etag", "accept-ranges")

    def test_known_files_are_not_sent_again(self, edge: Edge) -> None:
        known = Door(edge.nginx.port, edge.ca).get("/_nuxt/a.js").headers["etag"]
        assert Door(edge.nginx.port, edge.ca).get("/_nuxt/a.js", If_None_Match=known).status == 304


class TestUpload:
    SIZE = 300 * MIB

    @pytest.mark.timeout(600)
    def test_streams(self, edge: Edge) -> None:
        """300 MB reach the disk of Dossier while they are sent; nginx keeps none of them, in memory or on disk."""
        block, digest, here = os.urandom(MIB), hashlib.sha256(), list[int]()
        rest, at_rest = edge.servers[0].data / "blobs/.tmp", edge.nginx.memory()
        kept, laid_down = list[int](), list[str]()

        def chunks() -> Iterator[bytes]:
            for number in range(self.SIZE // MIB):
                chunk = number.to_bytes(8, "big") + block[8:]
                digest.update(chunk)
                yield chunk
                if number % 50 == 49:
                    kept.append(edge.nginx.memory())
                    laid_down.extend(edge.nginx.laid_down())
                    here.append(sum(path.stat().st_size for path in rest.iterdir()))

        headers = {"Content-Length": str(self.SIZE)}
        answer = edge.people(**headers).ask("POST", f"{API}/documents?name=large.bin", chunks())
        assert answer.status == 201, answer.body
        assert answer.json()["version"]["sha256"] == digest.hexdigest()
        assert laid_down == []
        assert max(kept) - at_rest < 16 * MIB, f"{at_rest} at rest, then {kept}"
        assert here[2] > 100 * MIB, f"of 150 MiB sent, Dossier had {here}"
        self.download(edge, answer.json()["id"], digest.hexdigest(), at_rest)

    def download(self, edge: Edge, document_id: str, sha256: str, at_rest: int) -> None:
        digest, connection = hashlib.sha256(), edge.people().connect()
        connection.request("GET", f"{API}/documents/{document_id}/content", headers=edge.people().headers)
        response = connection.getresponse()
        while chunk := response.read(MIB):
            digest.update(chunk)
        assert (response.status, digest.hexdigest()) == (200, sha256)
        assert edge.nginx.laid_down() == []
        assert edge.nginx.memory() - at_rest < 16 * MIB
        connection.close()
        self.slow_reader(edge, document_id, sha256, at_rest)

    def slow_reader(self, edge: Edge, document_id: str, sha256: str, at_rest: int) -> None:
        """With If-Match the bytes come out of Dossier, faster than they are taken."""
        connection = edge.people().connect()
        headers = edge.people().headers | {"If-Match": f'"{sha256}"'}
        connection.request("GET", f"{API}/documents/{document_id}/content", headers=headers)
        response = connection.getresponse()
        assert len(response.read(MIB)) == MIB
        time.sleep(1)
        assert edge.nginx.laid_down() == []
        assert edge.nginx.memory() - at_rest < 16 * MIB
        connection.close()

    def test_limits_are_those_of_dossier(self, edge: Edge) -> None:
        answer = edge.people().ask("POST", f"{API}/folders", {"name": "x" * 2 * MIB})
        assert is_problem(answer, 413, "too_large")

    @pytest.mark.parametrize("chunked", [False, True])
    def test_a_refusal_comes_before_the_body_has_ended(
        self, edge: Edge, document: dict[str, Any], chunked: bool
    ) -> None:
        """And is not lost over it, though the program stops reading."""
        blocks = [bytes(MIB)] * 40
        wanted = {"nowhere": (404, "document_not_found"), document["id"]: (412, "precondition_failed")}
        length = {} if chunked else {"Content-Length": str(40 * MIB)}
        for id_, (status, code) in wanted.items():
            door = edge.people(**length, **{"If-Match": '"none"'})
            path = f"{API}/documents/{id_ if id_ != 'nowhere' else NOWHERE}/versions"
            assert is_problem(door.ask("POST", path, iter(blocks)), status, code)
        stranger = Door(edge.nginx.port, edge.ca, headers={"Authorization": "Bearer dsr_x"} | length)
        assert is_problem(stranger.ask("POST", f"{API}/documents?name=a", iter(blocks)), 401, "unauthenticated")


TAG = f'"{hashlib.sha256(CONTENT).hexdigest()}"'
EARLY, LATE = "Thu, 01 Jan 2026 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
CONDITIONS: list[dict[str, str]] = [
    {},
    *(
        {"Range": wanted}
        for wanted in ("bytes=0-0", "bytes=500-", "bytes=100-199", "bytes=-10", "bytes=0-", "BYTES=5-9")
    ),
    *(
        {"Range": wanted}
        for wanted in ("bytes=999999-", "bytes=9-1", "bytes=1-2,5-6", "lines=1-2", "bytes=-0", "nonsense")
    ),
    {"Range": "bytes=1-2", "If-Range": TAG},
    {"Range": "bytes=1-2", "If-Range": '"other"'},
    {"Range": "bytes=1-2", "If-Range": EARLY},
    {"If-None-Match": TAG},
    {"If-None-Match": f"W/{TAG}, "},
    {"If-None-Match": "*"},
    {"If-None-Match": '"other"'},
    {"If-None-Match": '"other"', "If-Modified-Since": LATE},
    {"If-None-Match": TAG, "Range": "bytes=1-2"},
    {"If-Modified-Since": LATE},
    {"If-Modified-Since": EARLY},
    {"If-Match": TAG},
    {"If-Match": '"other"'},
    {"If-Match": TAG, "Range": "bytes=3-8"},
    {"If-Unmodified-Since": LATE},
    {"If-Unmodified-Since": EARLY},
    {"Accept-Encoding": "gzip, br"},
]


class TestDownload:
    """Bytes that nginx reads from the disk itself."""

    @pytest.mark.parametrize(
        "sent", CONDITIONS, ids=lambda sent: ", ".join(f"{name} {value[:16]}" for name, value in sent.items())
    )
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_is_what_the_program_sends(
        self, edge: Edge, document: dict[str, Any], method: str, sent: dict[str, str]
    ) -> None:
        """The head, whose date is no validator, and the version, whose bytes never change."""
        for path in (
            f"{API}/documents/{document['id']}/content",
            f"{API}/documents/{document['id']}/versions/1/content",
        ):
            answer = edge.people(**sent).ask(method, path)
            wanted = direct(edge.embedded.port, method, path, Authorization=f"Bearer {edge.token}", **sent)
            assert shown(answer) == shown(wanted), path

    def test_nginx_judges_by_nothing_of_its_own(self, edge: Edge) -> None:
        """Its tag and its date of the file would say that this is known."""
        made = edge.add(b"known to nginx", "known.txt")
        path, token = f"{API}/documents/{made['id']}/content", f"Bearer {edge.token}"
        inner = direct(edge.servers[0].port, "GET", path, Authorization=token).headers["x-accel-redirect"]
        file = (edge.servers[0].data / "blobs" / inner.removeprefix("/_blobs/whole/")).stat()
        for sent in (
            {"If-None-Match": f'"{int(file.st_mtime):x}-{file.st_size:x}"'},
            {"If-Modified-Since": formatdate(file.st_mtime, usegmt=True)},
        ):
            answer = edge.people(**sent).get(path)
            assert (answer.status, answer.body) == (200, b"known to nginx"), sent

    def test_goes_the_short_way(self, edge: Edge, document: dict[str, Any]) -> None:
        for sent, kind in (({}, "whole"), ({"Range": "bytes=1-2"}, "part")):
            path, token = f"{API}/documents/{document['id']}/content", f"Bearer {edge.token}"
            answer = direct(edge.servers[0].port, "GET", path, Authorization=token, **sent)
            assert answer.headers["x-accel-redirect"].startswith(f"/_blobs/{kind}/")
            assert answer.body == b""
            assert "x-accel-redirect" not in edge.people(**sent).get(path).headers

    def test_nobody_gets_in_directly(self, edge: Edge, document: dict[str, Any]) -> None:
        path, token = f"{API}/documents/{document['id']}/content", f"Bearer {edge.token}"
        inner = direct(edge.servers[0].port, "GET", path, Authorization=token).headers["x-accel-redirect"]
        whole = inner.removeprefix("/_blobs/")
        ways = [inner, "/_blobs/", "/_blobs", f"/%5fblobs/{whole}", f"//_blobs/{whole}", f"/api/../_blobs/{whole}"]
        ways += [
            f"/x/..%2f_blobs/{whole}",
            f"/_blobs/./{whole}",
            f"/_blobs/whole/../{whole}",
            f"/_nuxt/../_blobs/{whole}",
        ]
        for door in (edge.people(), edge.partners()):
            for way in ways:
                answer = door.get(way)
                assert (answer.status, CONTENT in answer.body) == (404, False), way

    def test_out_of_the_folder(self, edge: Edge) -> None:
        for way in ("/_nuxt/../../data/dossier.sqlite3", "/_nuxt/..%2f..%2fdata/dossier.sqlite3", "/../pki/ca.key"):
            assert Door(edge.nginx.port, edge.ca).get(way).status in (400, 404)

    @pytest.mark.parametrize("harm", ["gone", "cut"])
    def test_what_is_missing_is_told_as_by_the_program(self, edge: Edge, harm: str) -> None:
        made = edge.add(f"will be {harm}".encode() * 100, f"{harm}.txt")
        path, token = f"{API}/documents/{made['id']}/content", f"Bearer {edge.token}"
        inner = direct(edge.servers[0].port, "GET", path, Authorization=token).headers["x-accel-redirect"]
        blob = edge.servers[0].data / "blobs" / inner.removeprefix("/_blobs/whole/")
        if harm == "gone":
            blob.unlink()
        else:
            blob.chmod(0o640)
            os.truncate(blob, 10)
        answer = edge.people().get(path)
        assert is_problem(answer, 500, {"gone": "blob_missing", "cut": "blob_damaged"}[harm])

    def test_what_nginx_may_not_read_is_told_too(self, edge: Edge) -> None:
        made = edge.add(b"not for nginx", "unreadable.txt")
        path, token = f"{API}/documents/{made['id']}/content", f"Bearer {edge.token}"
        inner = direct(edge.servers[0].port, "GET", path, Authorization=token).headers["x-accel-redirect"]
        (edge.servers[0].data / "blobs" / inner.removeprefix("/_blobs/whole/")).chmod(0o000)
        assert is_problem(edge.people().get(path), 503, "storage_failed")


def told(edge: Edge, file: str, **more: str) -> dict[str, str]:
    """What the partners' door says of a certificate."""
    escaped = quote(edge.pki.path(file, "crt").read_text())
    return {"X-Client-Cert-Pem": escaped, "X-Client-Cert-Verify": "SUCCESS", "X-Edge-Secret": SECRET} | more


class TestSpoofing:
    def test_the_program_would_believe_it(self, edge: Edge) -> None:
        """Else the next ones would show nothing."""
        port = edge.servers[0].port
        assert direct(port, "GET", f"{API}/me", **told(edge, "partner")).json()["user"]["name"] == "Nordwind DMS"
        wrong = {"X-Edge-Secret": SECRET[:-1] + "x"}
        assert direct(port, "GET", f"{API}/me", **told(edge, "partner", **wrong)).code == "unauthenticated"
        failed = {"X-Client-Cert-Verify": "FAILED:self signed certificate"}
        assert direct(port, "GET", f"{API}/me", **told(edge, "partner", **failed)).code == "unauthenticated"
        assert direct(edge.embedded.port, "GET", f"{API}/me", **told(edge, "partner")).code == "unauthenticated"

    def test_who_one_is_at_the_door_for_people(self, edge: Edge) -> None:
        """Even with the right secret."""
        for spelt in (str, str.lower, str.upper, lambda name: name.replace("-", "_")):
            headers = {spelt(name): value for name, value in told(edge, "partner").items()}
            assert Door(edge.nginx.port, edge.ca, headers=headers).get(f"{API}/me").code == "unauthenticated"
        with_token = edge.people(**told(edge, "partner")).get(f"{API}/me")
        assert with_token.json()["user"]["name"] == "owner"

    def test_who_one_is_at_the_partners_door(self, edge: Edge) -> None:
        answer = edge.partners("unregistered", **told(edge, "partner")).get(f"{API}/me")
        assert is_problem(answer, 401, "unauthenticated")
        token = {"Authorization": f"Bearer {edge.token}", "Cookie": "__Host-dossier=x"}
        assert edge.partners("unregistered", **token).get(f"{API}/me").code == "unauthenticated"
        assert edge.partners("partner", **token).get(f"{API}/me").json()["user"]["name"] == "Nordwind DMS"

    @pytest.mark.timeout(300)
    def test_where_one_comes_from(self, edge: Edge) -> None:
        """Two programs, ten tries each: whatever is said of the address, all others are too many."""
        body, last = {"email": "nobody@example.com", "password": "wrong"}, list[int]()
        for number in range(24):
            address = f"203.0.113.{number}"
            said = {"X-Forwarded-For": address, "X-Real-IP": address, "Forwarded": f"for={address}"}
            last.append(Door(edge.nginx.port, edge.ca, headers=said).ask("POST", f"{API}/session", body).status)
        assert last[:5] == [401] * 5
        assert last[-4:] == [429] * 4

    def test_which_file_nginx_sends(self, edge: Edge, document: dict[str, Any]) -> None:
        said = {"X-Accel-Redirect": "/_blobs/whole/", "X-Accel-Limit-Rate": "1", "X-Accel-Charset": "utf-7"}
        assert edge.people(**said).get(f"{API}/me").json()["user"]["name"] == "owner"
        answer = edge.people(**said).get(f"{API}/documents/{document['id']}/content")
        assert answer.body == CONTENT

    def test_the_request_id(self, edge: Edge) -> None:
        Door(edge.nginx.port, edge.ca, headers={"X-Request-Id": "CANARY-id"}).get(f"{API}/me?spoofed")
        assert "CANARY-id" not in edge.nginx.log.read_text()


NOT_FOR_PARTNERS = [
    *(("GET", path) for path in ("/", "/documents", "/_nuxt/a.js", "/health/ready", "/api/docs", "/assets/docs.js")),
    *(("GET", path) for path in ("/metrics", "/api", "/api/v1", "/index.html")),
    *(("POST", f"{API}/{path}") for path in ("session", "setup", "password/forgot", "password/reset")),
    *(
        ("POST", f"{API}/{path}")
        for path in ("invitations/accept", "%73ession", "/session", "x/../session", "session?a")
    ),
    ("DELETE", f"{API}/session"),
    ("PUT", f"{API}/me/password"),
]


class TestPartners:
    @pytest.mark.parametrize("who", ["nobody", "foreign", "expired", "unregistered"])
    def test_stay_out(self, edge: Edge, who: str) -> None:
        door = {
            "nobody": edge.partners(None),
            "foreign": edge.partners("partner", edge.foreign),
            "expired": edge.partners("expired"),
            "unregistered": edge.partners("unregistered"),
        }[who]
        for method, path in (
            ("GET", f"{API}/me"),
            ("GET", f"{API}/documents"),
            ("POST", f"{API}/folders"),
            ("GET", "/"),
        ):
            answer = door.ask(method, path, b"{}" if method == "POST" else None)
            at_home = who == "unregistered" and path == "/"
            assert is_problem(answer, 404, "not_found") if at_home else is_problem(answer, 401, "unauthenticated"), path

    def test_work_as_a_member_of_that_name(self, edge: Edge) -> None:
        partner = edge.partners()
        made = partner.ask("POST", f"{API}/documents?name=delivery.txt", b"from a partner")
        assert made.status == 201, made.body
        document = made.json()
        assert document["version"]["author"] == edge.member
        assert partner.get(f"{API}/documents/{document['id']}/content").body == b"from a partner"
        activity = edge.people().get(f"{API}/activity?document_id={document['id']}").json()["items"]
        assert [item["actor"] for item in activity] == [edge.member]
        known = edge.people().get(f"{API}/certificates").json()["items"]
        used = {each["id"]: each["last_used_at"] for each in known}
        assert used[edge.certificate["id"]] is not None

    def test_may_what_their_scopes_and_role_say(self, edge: Edge) -> None:
        partner = edge.partners()
        assert is_problem(partner.get(f"{API}/certificates"), 403, "not_allowed")
        assert is_problem(partner.ask("POST", f"{API}/tokens", {"name": "t", "scopes": ["read"]}), 403, "not_allowed")
        assert is_problem(partner.ask("PATCH", f"{API}/me", {"name": "Somebody"}), 403, "session_needed")

    @pytest.mark.parametrize(("method", "path"), NOT_FOR_PARTNERS)
    def test_get_nothing_but_the_api(self, edge: Edge, method: str, path: str) -> None:
        answer = edge.partners().ask(method, path, b"{}" if method != "GET" else None)
        assert is_problem(answer, 404, "not_found")

    def test_are_out_at_once(self, edge: Edge) -> None:
        edge.pki.client("short")
        hand_over(edge.pki.folder)
        made = edge.register("short").json()
        door = edge.partners("short")
        assert door.get(f"{API}/me").status == 200
        assert edge.people().ask("DELETE", f"{API}/certificates/{made['id']}").status == 204
        assert is_problem(door.get(f"{API}/me"), 401, "unauthenticated")

    def test_are_in_one_workspace(self, edge: Edge) -> None:
        nursery, data = edge.servers[0].template.nursery, edge.servers[0].data
        added = command(nursery, data, "user", "add", "o@example.com", "--workspace", "other", "--role", "owner")
        assert added.returncode == 0, added.stderr
        token = command(nursery, data, "token", "add", "o@example.com", "--workspace", "other").stdout.strip()
        theirs = {"Authorization": f"Bearer {token}"}
        hidden = edge.people(**theirs).ask("POST", f"{API}/documents?name=hidden.txt", b"hidden").json()["id"]
        for path in (f"{API}/documents/{hidden}", f"{API}/documents/{hidden}/content"):
            assert is_problem(edge.partners().get(path), 404, "document_not_found")
        answer = edge.partners(X_Workspace="other").get(f"{API}/documents")
        assert answer.status == 200, "an underscore is no hyphen, and is not passed on"
        answer = edge.partners(**{"X-Workspace": "other"}).get(f"{API}/documents")
        assert is_problem(answer, 404, "workspace_not_found")

    def test_are_renewed_beside_the_old_one(self, edge: Edge) -> None:
        edge.pki.client("steady")
        hand_over(edge.pki.folder)
        first = edge.register("steady").json()
        edge.pki.renew("steady")
        hand_over(edge.pki.folder)
        assert edge.partners("steady").get(f"{API}/me").code == "unauthenticated"
        second = edge.register("steady", member_id=first["member"]["id"])
        assert (second.status, second.json()["member"]) == (201, first["member"])
        mine = [edge.partners(name).get(f"{API}/me").json()["memberships"] for name in ("steady.old", "steady")]
        assert mine[0] == mine[1]
        assert edge.people().ask("DELETE", f"{API}/certificates/{first['id']}").status == 204
        assert [edge.partners(name).get(f"{API}/me").status for name in ("steady.old", "steady")] == [401, 200]


@contextlib.contextmanager
def asking(edge: Edge, *asks: Callable[[], Any]) -> Iterator[list[Any]]:
    """Ask all the time, each in a thread; what was answered, or what went wrong."""
    found, stop = list[Any](), threading.Event()

    def go_on(ask: Callable[[], Any]) -> None:
        while not stop.is_set():
            try:
                found.append(ask())
            except (OSError, http.client.HTTPException) as error:
                found.append(error)

    threads = [threading.Thread(target=go_on, args=(ask,)) for ask in asks]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)


def wait_for(what: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something is so."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.05)


class TestStream:
    @pytest.mark.parametrize("which", ["people", "partners"])
    def test_events_come_as_they_happen(self, edge: Edge, which: str) -> None:
        door = edge.people() if which == "people" else edge.partners()
        last = edge.people().get(f"{API}/events?limit=200").json()["next"]
        connection, begun = door.connect(30), time.monotonic()
        connection.request("GET", f"{API}/events/stream?after={last}", headers=door.headers)
        response = connection.getresponse()
        assert response.headers["Content-Type"].startswith("text/event-stream")
        while not response.readline().startswith(b"event: notice"):
            pass
        made = edge.add(f"live {which}".encode(), f"live-{which}.txt")
        while made["id"].encode() not in (line := response.readline()):
            assert line, "the stream ended without it"
        assert time.monotonic() - begun < 20, "it came with the end of the stream, if at all"
        connection.close()


class TestRotation:
    def serial(self, edge: Edge) -> int:
        pem = ssl.get_server_certificate((HOST, edge.nginx.port), timeout=20)
        return x509.load_pem_x509_certificate(pem.encode()).serial_number

    @pytest.mark.timeout(300)
    def test_a_new_certificate_of_the_server(self, edge: Edge) -> None:
        """Read while requests and an upload are under way: none of them fails."""
        before, sent = self.serial(edge), list[Answer]()

        def slowly() -> Iterator[bytes]:
            for _ in range(40):
                yield b"x" * 65536
                time.sleep(0.1)

        upload = threading.Thread(
            target=lambda: sent.append(edge.people().ask("POST", f"{API}/documents?name=slow.bin", slowly()))
        )
        upload.start()
        asks = [lambda: edge.people().get(f"{API}/me").status, lambda: edge.partners().get(f"{API}/me").status]
        with asking(edge, *asks) as found:
            wait_for(lambda: len(found) > 5)
            edge.pki.renew("server")
            hand_over(edge.pki.folder)
            edge.nginx.reload()
            count = len(found)
            wait_for(lambda: len(found) > count + 10)
        upload.join(120)
        assert self.serial(edge) != before
        assert {str(each) for each in found} == {"200"}
        assert [answer.status for answer in sent] == [201]


class TestAvailability:
    @pytest.mark.timeout(300)
    def test_one_of_two_programs_dies(self, edge: Edge) -> None:
        victim = edge.servers[1]
        with asking(edge, lambda: edge.people().get(f"{API}/me").status) as found:
            wait_for(lambda: len(found) > 5)
            victim.send(signal.SIGKILL)
            victim.wait(30)
            count = len(found)
            wait_for(lambda: len(found) > count + 20)
        assert {str(each) for each in found} == {"200"}
        assert edge.people().ask("POST", f"{API}/folders", {"name": "After the death of one"}).status == 201
        start(victim, "--no-worker", port=victim.port)
        before = len(edge.nginx.log.read_text())
        wait_for(lambda: edge.people().get(f"{API}/me").status == 200 and _was_asked(edge, victim.port, before))


def _was_asked(edge: Edge, port: int, since: int) -> bool:
    return f'"upstream":"{HOST}:{port}"' in edge.nginx.log.read_text()[since:]


class Dying:
    """A program that takes a request and goes away before it has answered."""

    def __init__(self) -> None:
        self.listener, self.asked = socket.create_server((HOST, 0)), list[bytes]()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"{HOST}:{self.listener.getsockname()[1]}"

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                taken, _ = self.listener.accept()
                with taken:
                    taken.settimeout(10)
                    self.asked.append(taken.recv(65536).split(b" ", 1)[0])

    def close(self) -> None:
        """End."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(10)


@pytest.fixture
def lonely(tmp_path: Path) -> Iterator[Callable[..., tuple[Nginx, Door]]]:
    """``lonely(*servers)``: an nginx before these servers, without Dossier."""
    started = list[Nginx]()
    with folder_for_nginx(tmp_path / "lonely") as home:

        def make(*servers: str) -> tuple[Nginx, Door]:
            pki, _ = authorities(home)
            hand_over(pki.folder)
            started.append(Nginx(home / "nginx", servers))
            started[-1].write(BUILT_PORTAL, pki.folder)
            return started[-1].start(), Door(started[-1].port, pki.path("ca", "crt"))

        yield make
        for nginx in started:
            nginx.stop()


class TestRetries:
    def test_what_changes_something_is_not_sent_twice(self, lonely: Callable[..., tuple[Nginx, Door]]) -> None:
        servers = [Dying(), Dying()]
        _, door = lonely(*(server.address for server in servers))
        try:
            for method, times in (("POST", 1), ("PATCH", 1)):
                before = sum(len(server.asked) for server in servers)
                answer = door.ask(method, f"{API}/folders", b"{}")
                assert is_problem(answer, 503, "unavailable")
                assert sum(len(server.asked) for server in servers) - before == times, method
                time.sleep(3.5)  # until nginx tries the one that failed again
            before = sum(len(server.asked) for server in servers)
            assert is_problem(door.get(f"{API}/folders"), 503, "unavailable")
            assert sum(len(server.asked) for server in servers) - before == 2
        finally:
            for server in servers:
                server.close()

    def test_nobody_is_there(self, lonely: Callable[..., tuple[Nginx, Door]]) -> None:
        _, door = lonely(f"{HOST}:{free_port(HOST)}")
        answer = door.ask("POST", f"{API}/folders", b"{}")
        assert is_problem(answer, 503, "unavailable")
        assert answer.headers["retry-after"] == "5"
        assert door.get("/").status == 200, "the portal's files need no program"


class TestLog:
    def test_tells_no_secret(self, edge: Edge) -> None:
        headers = {
            "Cookie": "x=CANARY-cookie",
            "Authorization": "Bearer CANARY-token",
            "Referer": "https://CANARY-referer",
        }
        door = Door(edge.nginx.port, edge.ca, headers=headers)
        for path in (
            f"{API}/me?q=CANARY-query",
            f"{API}/downloads/CANARY-ticket",
            f"{API}/downloads/CANARY-a?b=CANARY",
        ):
            door.get(path)
        lines = [json.loads(line) for line in edge.nginx.log.read_text().splitlines()]
        assert "CANARY" not in edge.nginx.log.read_text()
        assert [line["path"] for line in lines[-3:]] == [f"{API}/me", f"{API}/downloads/-", f"{API}/downloads/-"]
        assert {"request_id", "method", "status", "seconds", "upstream", "partner"} <= lines[-1].keys()
