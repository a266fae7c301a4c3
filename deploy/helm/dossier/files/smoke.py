"""The smoke test: by the edges, as people and partners come. Ends with 1 and a line that says what is wrong.

What was started a moment ago may take a moment: each question is asked again for a minute and a half.
"""

import http.client
import json
import os
import socket
import ssl
import sys
import time
from urllib.parse import urlsplit

SECONDS = float(os.environ.get("SMOKE_SECONDS", "90"))
URL = os.environ["SMOKE_URL"].rstrip("/")
HOST = urlsplit(URL).hostname or ""


class Wrong(Exception):
    """What was answered is not what is wanted."""


def context(verify: bool) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=os.environ.get("SMOKE_CA"))
    if not verify:
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    return made


def ask(place: str, path: str, tls: "ssl.SSLContext | None") -> "tuple[int, dict[str, str], bytes]":
    """One request to a Service, under the name that people use."""
    host, port = place.rsplit(":", 1)
    connection = http.client.HTTPConnection(HOST, timeout=10)
    plain = socket.create_connection((host, int(port)), timeout=10)
    connection.sock = tls.wrap_socket(plain, server_hostname=HOST) if tls else plain
    try:
        connection.request("GET", path, headers={"Host": urlsplit(URL).netloc, "Accept": "*/*"})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def say(what: str, how: str) -> None:
    """A line of the Job's log."""
    sys.stdout.write(f"smoke: {what}: {how}\n")
    sys.stdout.flush()


def want(holds: bool, what: str) -> None:
    if not holds:
        raise Wrong(what)


def portal() -> None:
    """The portal's page comes with its policy."""
    status, headers, body = ask(os.environ["SMOKE_PORTAL"], "/", TLS)
    want(status == 200 and b"<!doctype html" in body[:200].lower(), f"the portal answers {status}")
    want("content-security-policy" in headers, "the portal has no policy")


def health() -> None:
    """All parts that are needed work."""
    status, _headers, body = ask(os.environ["SMOKE_PORTAL"], "/health/ready", TLS)
    want(status == 200, f"health answers {status}: {body.decode(errors='replace')[:500]}")


def api() -> None:
    """The API is there, and lets nobody in without a name."""
    status, _headers, body = ask(os.environ["SMOKE_PORTAL"], "/api/v1/me", TLS)
    want(status == 401 and json.loads(body)["code"] == "unauthenticated", f"the API answers a stranger {status}")


def plain() -> None:
    """Plain HTTP leads to the address for people."""
    status, headers, _body = ask(os.environ["SMOKE_PLAIN"], "/x?y=1", None)
    want((status, headers.get("location")) == (308, f"{URL}/x?y=1"), f"plain HTTP answers {status}")


def partner() -> None:
    """Nobody gets in without a client certificate. The name in the server's own may be another than the portal's."""
    status, _headers, body = ask(os.environ["SMOKE_PARTNER"], "/api/v1/me", context(verify=False))
    want(status == 401 and json.loads(body)["code"] == "unauthenticated", f"partners' door answers a stranger {status}")


TLS = context(os.environ.get("SMOKE_VERIFY") != "false")
ASKED = [portal, health, api, plain, *([partner] if os.environ.get("SMOKE_PARTNER") else [])]


def main() -> int:
    """Ask all of it, for as long as there is time."""
    until = time.monotonic() + SECONDS
    for question in ASKED:
        while True:
            try:
                question()
            except (Wrong, OSError, ValueError, KeyError, http.client.HTTPException) as error:
                if time.monotonic() > until:
                    say(question.__name__, str(error))
                    return 1
                time.sleep(2)
            else:
                say(question.__name__, "is well")
                break
    return 0


sys.exit(main())
