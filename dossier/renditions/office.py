"""A PDF of an office file, by LibreOffice: one process a file, with a profile and a folder of its own, locked in.

A file of this kind can name others, in links that its reader follows: ``core.sandbox`` keeps away what is not the
program's own, and the profile says that nothing is followed or run.
"""

import asyncio
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from dossier.core.sandbox import ChildFailed, launch
from dossier.core.settings import MIB
from dossier.renditions.kinds import OFFICE

MOST_SOURCE = MOST_PDF = 256 * MIB
SENTENCES = {
    "timeout": "Making the preview took too long.",
    "memory": "Making the preview took too much memory.",
    "broken": "LibreOffice cannot open the file: it is damaged, protected with a password, or not what its type says.",
    "too_large": "The file is too large for a preview.",
    "crashed": "LibreOffice came to an unexpected end with this file.",
}
OPTIONS = ("--headless", "--norestore", "--nologo", "--nodefault", "--nolockcheck", "--convert-to", "pdf", "--outdir")
# Where the version of an installation stands, seen from its soffice or else where Linux has it.
VERSIONS = (Path("/usr/lib/libreoffice/program/versionrc"), Path("/usr/lib64/libreoffice/program/versionrc"))

_SETTINGS = {
    "Office.Common/Security/Scripting": {
        "DisableMacrosExecution": "true",
        "MacroSecurityLevel": "3",
        "BlockUntrustedRefererLinks": "true",
    },
    "Office.Writer/Content/Update": {"Link": "2", "Field": "false", "Chart": "false"},
    "Office.Calc/Content/Update": {"Link": "2"},
}
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<oor:items xmlns:oor="http://openoffice.org/2001/registry">\n'
_ITEM = '<item oor:path="/org.openoffice.{}"><prop oor:name="{}" oor:op="fuse"><value>{}</value></prop></item>\n'


class Unmakeable(Exception):
    """It cannot be made; ``str()`` says why to people, ``reason`` is a word and ``clue`` is for the log alone."""

    def __init__(self, reason: str, clue: str = "", *, sentences: dict[str, str] | None = None) -> None:
        known = sentences or SENTENCES
        super().__init__(known.get(reason, known["crashed"]))
        self.reason, self.clue = reason, clue


def program(setting: str) -> Path | None:
    """LibreOffice's soffice: what the setting names, else what is found on PATH; None where there is none."""
    found = shutil.which(setting) if setting else shutil.which("soffice") or shutil.which("libreoffice")
    return Path(found) if found else None


@asynccontextmanager
async def as_pdf(
    soffice: Path, source: Path, media_type: str, *, seconds: float, memory: int
) -> AsyncIterator[BinaryIO]:
    """The file as a PDF, open for reading. Raises ``Unmakeable``, or OSError where a process cannot be started."""
    with tempfile.TemporaryDirectory(prefix="dossier-office-", ignore_cleanup_errors=True) as folder:
        work = Path(folder)
        document = work / f"document.{OFFICE[media_type]}"
        await asyncio.to_thread(_furnish, work, document, source, soffice)
        home = (work / "profile").as_uri()
        arguments = [f"-env:UserInstallation={home}", *OPTIONS, str(work), str(document)]
        try:
            await launch(soffice, arguments, work, seconds=seconds, memory=memory, file_size=MOST_PDF)
        except ChildFailed as error:
            raise Unmakeable(error.reason, error.clue) from error
        finally:
            _remove_socket(home)
        with _opened(work / "document.pdf") as result:
            yield result


def _furnish(work: Path, document: Path, source: Path, soffice: Path) -> None:
    if source.stat().st_size > MOST_SOURCE:
        raise Unmakeable("too_large")
    shutil.copyfile(source, document)
    user = work / "profile/user"
    (user / "extensions").mkdir(parents=True)
    items = (_ITEM.format(path, name, value) for path, props in _SETTINGS.items() for name, value in props.items())
    (user / "registrymodifications.xcu").write_text(f"{_HEAD}{''.join(items)}</oor:items>\n")
    # With its own number there, it does not start a second time to become acquainted with a new profile.
    (user / "extensions/buildid").write_text(_build(soffice))


def _build(soffice: Path) -> str:
    for path in (soffice.resolve().with_name("versionrc"), *VERSIONS):
        with suppress(OSError):
            for line in path.read_text(errors="replace").splitlines():
                if line.startswith("buildid="):
                    return line.removeprefix("buildid=")
    return ""


def _remove_socket(home: str) -> None:
    """Take away the socket of the single instance, which LibreOffice makes there and has no right to remove."""
    digest = hashlib.md5(home.encode("utf-16-le"), usedforsecurity=False).digest()
    name = "".join(f"{byte:x}" for byte in digest)  # without the zeros in front
    for folder in (Path("/tmp"), Path("/var/tmp")):  # noqa: S108  # its choice
        for path in folder.glob(f"OSL_PIPE_*_SingleOfficeIPC_{name}"):
            path.unlink(missing_ok=True)


def _opened(path: Path) -> BinaryIO:
    """The result. It lies where foreign bytes had their way: nothing but a file with a PDF in it is taken for one."""
    try:
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    except OSError as error:
        raise Unmakeable("broken", type(error).__name__) from error
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1 or file.read(5) != b"%PDF-":
        file.close()
        raise Unmakeable("broken", "no PDF")
    file.seek(0)
    return file
