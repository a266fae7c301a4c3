"""Builds the site of the documents: `python -m tools.site [FOLDER]`, as `make docs` does.

The pages of docs/, the README as the first one, and the reference that the code tells go to .docs; MkDocs makes the site of
them. It is strict: a link that leads nowhere ends it.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath

from tools import reference

ROOT = Path(__file__).parents[1]
MKDOCS = ROOT / ".delivery" / "bin" / "mkdocs"
MERMAID = ROOT / "tools" / "npm" / "node_modules" / "mermaid" / "dist" / "mermaid.min.js"
LINK = re.compile(r"\[([^\]]+)\]\(([^)\s:]+)\)")


def prepare(folder: Path) -> None:
    """All pages, in a folder that is made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", folder)
    # The drawer of diagrams comes from here, as all else does.
    (folder / "assets").mkdir()
    shutil.copy(MERMAID, folder / "assets")
    shutil.copy(ROOT / "README.md", folder / "index.md")
    reference.write(folder / "reference")
    for page in folder.rglob("*.md"):
        name = page.relative_to(folder)
        source = PurePosixPath("README.md" if name == Path("index.md") else f"docs/{name}")
        page.write_text(led(page.read_text(), source))


def led(text: str, source: PurePosixPath) -> str:
    """A page with its links as they are on the site. What is no page of it is named by where it lies in the repository."""

    def change(found: re.Match[str]) -> str:
        name, (target, hash_, anchor) = found[1], found[2].partition("#")
        if not target:
            return found[0]
        path = PurePosixPath(os.path.normpath(source.parent / target))
        if path == PurePosixPath("README.md"):
            path = PurePosixPath("docs/index.md")
        if path.parts[0] != "docs":
            return f"{name} (`{path}`)"
        here = "docs" if source == PurePosixPath("README.md") else str(source.parent)
        return f"[{name}]({os.path.relpath(path, here)}{hash_}{anchor})"

    return LINK.sub(change, text)


def build(folder: Path) -> None:
    """The site. Raises CalledProcessError where a link leads nowhere."""
    prepare(ROOT / ".docs")
    command = [MKDOCS, "build", "--strict", "--quiet", "--site-dir", folder]
    subprocess.run(command, cwd=ROOT, check=True, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"})


if __name__ == "__main__":
    build(Path(sys.argv[1] if len(sys.argv) > 1 else "site").absolute())
