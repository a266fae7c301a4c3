"""Say which image an environment runs: ``promote.py show|set|copy``. It changes three lines of a file and nothing else.

    promote.py set deploy/argocd/environments/dev.yaml --repository NAME --tag TAG --digest sha256:…
    promote.py copy deploy/argocd/environments/dev.yaml deploy/argocd/environments/stage.yaml
    promote.py show deploy/argocd/environments/dev.yaml [repository|tag|digest]

ArgoCD follows these files, so a commit that changes one is a deployment, and its revert is the way back.
"""

import argparse
import re
import sys
from pathlib import Path

PARTS = {
    "repository": re.compile(r"[a-z0-9][a-z0-9._:/-]*"),
    "tag": re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"),
    "digest": re.compile(r"sha256:[0-9a-f]{64}"),
}
# Of the first column, to the next line that begins there: `image:` and what is indented below it.
BLOCK = re.compile(r"^image:[ \t]*(?:#.*)?\n((?:[ \t]+.*\n|[ \t]*#.*\n|\n)*)", re.M)
LINE = r"""^([ ]+{name}:)[ ]*(?:"[^"\n]*"|'[^'\n]*'|[^\s#]*)([ ]*(?:[ ]\#.*)?)$"""

Image = dict[str, str]


class Refused(Exception):
    """The file is not of the form that is agreed on, or a value is none."""


def _block(text: str) -> re.Match[str]:
    found = list(BLOCK.finditer(text))
    if len(found) != 1:
        raise Refused("there must be one `image:` in the first column, with its values below it")
    return found[0]


def _line(block: str, name: str) -> re.Match[str]:
    found = list(re.finditer(LINE.format(name=name), block, re.M))
    if len(found) != 1:
        raise Refused(f"`image:` must have one line `{name}:`")
    return found[0]


def read(text: str) -> Image:
    """The image that a file says. Raises Refused."""
    block = _block(text)[1]
    found = {name: _line(block, name)[0].split(":", 1)[1].split(" #")[0].strip().strip("\"'") for name in PARTS}
    return {name: value for name, value in found.items() if value}


def write(text: str, image: Image) -> str:
    """The file with another image. Raises Refused."""
    for name, pattern in PARTS.items():
        if not pattern.fullmatch(image.get(name, "")):
            raise Refused(f"this is no {name}: {image.get(name, '')!r}")
    place = _block(text)
    block = place[1]
    for name in PARTS:
        line = _line(block, name)
        block = f'{block[: line.start()]}{line[1]} "{image[name]}"{line[2]}{block[line.end() :]}'
    return text[: place.start(1)] + block + text[place.end(1) :]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    said = argparse.ArgumentParser(description="Say which image an environment runs.")
    verbs = said.add_subparsers(dest="verb", required=True)
    show = verbs.add_parser("show", help="print the image, or one part of it")
    show.add_argument("file", type=Path)
    show.add_argument("part", nargs="?", choices=PARTS)
    change = verbs.add_parser("set", help="name another image")
    change.add_argument("file", type=Path)
    for name in PARTS:
        change.add_argument(f"--{name}", required=True)
    copy = verbs.add_parser("copy", help="name the image of another environment")
    copy.add_argument("source", type=Path)
    copy.add_argument("file", type=Path)
    return said


def main(argv: list[str] | None = None) -> int:
    """Run it: 0 done, 1 refused. What changes nothing says so and is done."""
    given = parser().parse_args(argv)
    try:
        text = given.file.read_text()
        if given.verb == "show":
            image = read(text)
            sys.stdout.write(f"{image.get(given.part, '') if given.part else image}\n")
            return 0
        image = (
            read(given.source.read_text()) if given.verb == "copy" else {name: getattr(given, name) for name in PARTS}
        )
        changed = write(text, image)
    except (Refused, OSError) as error:
        sys.stderr.write(f"{given.file}: {error}\n")
        return 1
    given.file.write_text(changed)
    sys.stdout.write(f"{given.file.stem}: {image['tag']}{' (as before)' if changed == text else ''}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
