"""What every answer carries, whatever it says and whoever asked."""

import re
from typing import Any
from uuid import UUID

import httpx

FIXED = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
NEVER = ("server", "x-powered-by", "access-control-allow-origin", "via")
# A stack trace, a path of the machine, SQL, or a Python object: nothing that belongs to people who use the program.
RAW = re.compile(r"Traceback|RuntimeError|Exception|site-packages|\.py\b|SELECT |INSERT |sqlite|0x[0-9a-f]{8}|<class")
SCRIPTS = re.compile(r"script-src 'self'(?: 'sha256-[\w+/=]+')*(?: 'wasm-unsafe-eval')?")


def faults(answer: httpx.Response) -> list[str]:
    """What is wrong with the headers of an answer, and with its body if it is a problem; empty for a good one."""
    found = [
        f"{name}: {answer.headers.get(name)}" for name, value in FIXED.items() if answer.headers.get(name) != value
    ]
    found += [f"{name} is there" for name in NEVER if name in answer.headers]
    if not _is_id(answer.headers.get("x-request-id", "")):
        found.append("no request id")
    found += _policy(answer.headers.get("content-security-policy", "")) + _cache(answer)
    if answer.status_code >= 400 and answer.request.method != "HEAD":
        found += _problem(answer)
    return found


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _policy(policy: str) -> list[str]:
    parts = {part.split()[0]: part for part in policy.split(";") if part.strip()}
    found = [] if parts.get("default-src", "").strip() == "default-src 'none'" else ["default-src is not 'none'"]
    fenced = "sandbox" in parts or {"frame-ancestors", "base-uri"} <= parts.keys()
    found += [] if fenced else [f"neither a sandbox nor a fence: {policy}"]
    script = parts.get("script-src", "").strip()
    return found + ([f"scripts: {script}"] if script and not SCRIPTS.fullmatch(script) else [])


def _cache(answer: httpx.Response) -> list[str]:
    """Nothing private is kept; what has an ETag may be, and is asked about each time. Bundled files are public."""
    told = answer.headers.get("cache-control", "")
    good = {"no-store"}
    if "etag" in answer.headers and answer.status_code < 400:
        good.add("private, no-cache")
    if answer.headers.get("content-type", "").startswith("text/html") and "etag" in answer.headers:
        good.add("no-cache")  # the portal's page, the same for everybody
    if answer.url.path.startswith("/assets/") and answer.is_success:
        good.add("public, max-age=3600")
    return [] if told in good else [f"cache-control: {told}"]


def _problem(answer: httpx.Response) -> list[str]:
    if answer.headers.get("content-type") != "application/problem+json":
        return [f"a refusal as {answer.headers.get('content-type')}"]
    body: dict[str, Any] = answer.json()
    found = [] if body["status"] == answer.status_code else ["the status of the body differs"]
    found += [] if body["request_id"] == answer.headers["x-request-id"] else ["the request id of the body differs"]
    found += [] if re.fullmatch(r"[a-z_]+", body["code"]) else [f"code {body['code']}"]
    return found + ([f"raw: {answer.text}"] if RAW.search(answer.text) else [])
