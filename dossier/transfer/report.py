"""What an export or the import of one has done, counted."""

from dataclasses import dataclass, field
from typing import Any

from dossier.core.errors import DossierError


@dataclass(slots=True)
class Report:
    """Counts by what became of things; ``failed`` names each that did not come over, with its reason."""

    counts: dict[str, int] = field(default_factory=dict)
    failed: list[dict[str, str]] = field(default_factory=list)

    def count(self, what: str, n: int = 1) -> None:
        """So many more of ``what``."""
        self.counts[what] = self.counts.get(what, 0) + n

    def fail(self, path: str, error: DossierError) -> None:
        """Something did not come over."""
        self.failed.append({"path": path, "code": error.code, "reason": error.detail})

    def wire(self) -> dict[str, Any]:
        """For ``--json``."""
        return self.counts | {"failed": self.failed}
