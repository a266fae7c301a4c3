"""What an import of a tree has done, counted."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dossier.core.errors import DossierError


@dataclass(slots=True)
class TreeReport:
    """Files by what became of them. ``skipped`` and ``failed`` name each with its reason."""

    files: int = 0
    bytes: int = 0
    added: int = 0
    versions: int = 0
    unchanged: int = 0
    folders: int = 0
    new_folders: int = 0
    skipped: list[dict[str, str]] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)

    def skip(self, path: Path, reason: str) -> None:
        """Something was left out, as it should be."""
        self.skipped.append({"path": printable(path), "reason": reason})

    def fail(self, path: Path, error: OSError | DossierError) -> None:
        """Something could not be brought in."""
        code = error.code if isinstance(error, DossierError) else "unreadable"
        reason = error.detail if isinstance(error, DossierError) else (error.strerror or str(error))
        self.failed.append({"path": printable(path), "code": code, "reason": reason})

    def wire(self) -> dict[str, Any]:
        """For ``--json``."""
        return {name: getattr(self, name) for name in self.__slots__}


def printable(path: Path) -> str:
    """A path for people; bytes that are no UTF-8 are shown as ``\\xNN``."""
    return os.fsencode(path).decode(errors="backslashreplace")
