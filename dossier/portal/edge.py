"""What nginx has to know of the program: include files with the headers of every answer and with the built portal's
addresses, types, headers and policy, as ``site.py`` has them.

Made by ``dossier portal nginx`` after each build, so that the embedded program and the edge cannot drift apart.
"""

import mimetypes
import re
from pathlib import Path

from dossier.core.web import protections
from dossier.portal import site

# What nginx takes between quotes as it stands; anything else would end the text or begin a variable.
PLAIN = re.compile(r"[^\"$\x00-\x1f\x7f]*")
MADE = "# Made by `dossier portal nginx`; make it again after each build of the portal.\n"
TOP = """\
charset utf-8;
charset_types {texts};
default_type application/octet-stream;
types {{
{types}
}}
"""
LOCATION = """
location {where} {{
{headers}
    error_page 405 = @dossier;
    try_files {tried};
}}
"""


def includes(folder: Path, *, secure: bool) -> dict[str, str]:
    """The include files by name: ``headers.conf`` for what nginx itself says, ``site.conf`` for the portal in ``folder``.

    What is neither a file nor a place of the portal goes to the location ``@dossier``. Raises ValueError where nothing is
    built there, or where nginx could not take a name.
    """
    built = site.Site.load(folder)
    if "/index.html" not in built.files:
        raise ValueError(f"There is no built portal in {folder}: run `make portal`.")
    page, kinds = _headers(built.headers, site.ASK, secure), _kinds(built)
    parts = [
        TOP.format(
            texts=" ".join(sorted({kind for kind in kinds.values() if kind.startswith("text/")} - {"text/html"})),
            types="\n".join(f"    {kind} {ending};" for ending, kind in sorted(kinds.items())),
        ),
        _location("= /index.html", page, "$uri =404"),
        _location(f"~ {_quoted(_places())}", page, "$uri /index.html =404"),
        _location("^~ /_nuxt/", _headers({}, site.FOREVER, secure), "$uri @dossier"),
        _location("/", _headers({}, site.ASK, secure), "$uri @dossier"),
    ]
    headers = "".join(f"{line}\n" for line in _lines(protections(secure=secure)))
    retry = "add_header Retry-After $edge_retry_after always;\n"
    return {"headers.conf": MADE + headers + retry, "site.conf": MADE + "".join(parts)}


def _lines(headers: dict[str, str]) -> list[str]:
    lines = [f"add_header {name} {_quoted(value)} always;" for name, value in headers.items()]
    return [*lines, "add_header X-Request-Id $request_id always;"]


def _location(where: str, headers: dict[str, str], tried: str) -> str:
    return LOCATION.format(where=where, headers="\n".join(f"    {line}" for line in _lines(headers)), tried=tried)


def _headers(own: dict[str, str], caching: str, secure: bool) -> dict[str, str]:
    return protections(secure=secure) | own | {"Cache-Control": caching, "Vary": "Accept-Encoding"}


def _kinds(built: site.Site) -> dict[str, str]:
    """Ending → type of all files, packed ones left out: nginx looks those up by itself."""
    names = {name for name in built.files if not name.endswith(tuple(site.ENCODINGS.values()))}
    endings = {Path(name).suffix for name in names} - {""}
    known = {ending: mimetypes.guess_type(f"x{ending}")[0] for ending in endings}
    return {ending[1:]: kind for ending, kind in known.items() if kind}


def _places() -> str:
    """What ``site.is_place`` says, as a pattern."""
    return f"^/(?:(?:{'|'.join(sorted(site.PLACES))})(?:/.*)?)?\\z"


def _quoted(text: str) -> str:
    if not PLAIN.fullmatch(text):
        raise ValueError(f"nginx could not take this: {text!r}")
    return f'"{text}"'
