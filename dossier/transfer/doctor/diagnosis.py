"""What a check has looked at and what it has found."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

MOST_KEPT = 1000
CODES = {
    "blob_missing": "a content's bytes are gone",
    "blob_size": "a content is longer or shorter than it was",
    "blob_damaged": "a content is not what its SHA-256 says",
    "blob_unreadable": "the storage answers with an error",
    "blob_orphan": "stored bytes that nothing names, older than the grace period; the next sweep takes them",
    "content_unknown": "a version whose content has no row",
    "content_size": "a version and its content have different sizes",
    "versions_gap": "version numbers are not 1 to n",
    "head_wrong": "the head is not the highest number",
    "head_repeat": "what a document repeats of its head is not the head's",
    "name_missing": "a living thing without its name in the table of names",
    "name_wrong": "a name in the table that is not the thing's own",
    "name_stray": "a name in the table of something that does not live there",
    "open_tasks_wrong": "a document counts its open tasks wrong",
    "scope_repeat": "access that is not the folder's",
    "events_gap": "event numbers are not 1 to n",
    "event_counter": "the counter of events is not the last number",
    "database_damaged": "the database file is damaged",
    "reference_broken": "a row that refers to one that is not there",
}
"""Every code with what it means."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault; ``subject`` is the id, key or name of what has it."""

    code: str
    subject: str
    detail: str = ""
    workspace_id: UUID | None = None

    def wire(self) -> dict[str, Any]:
        """For ``--json``."""
        workspace_id = None if self.workspace_id is None else str(self.workspace_id)
        return {"code": self.code, "subject": self.subject, "detail": self.detail, "workspace_id": workspace_id}


@dataclass(slots=True)
class Diagnosis:
    """Everything is counted; of the findings the first thousand are kept."""

    checked: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    def add(self, finding: Finding) -> None:
        """Note a fault."""
        self.counts[finding.code] += 1
        if len(self.findings) < MOST_KEPT:
            self.findings.append(finding)

    @property
    def left_out(self) -> int:
        """How many findings were only counted."""
        return self.counts.total() - len(self.findings)

    def wire(self) -> dict[str, Any]:
        """For ``--json``."""
        found = [finding.wire() for finding in self.findings]
        return {
            "checked": dict(self.checked),
            "counts": dict(self.counts),
            "findings": found,
            "left_out": self.left_out,
        }
