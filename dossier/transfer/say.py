"""Reports for people."""

from collections import Counter
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from dossier.transfer.doctor import CODES, Diagnosis
from dossier.transfer.report import Report
from dossier.transfer.trees import TreeReport


def summary(report: TreeReport | Report) -> str:
    """One line on what an import or export has done."""
    if isinstance(report, Report):
        return ", ".join(f"{what} {count}" for what, count in report.counts.items()) + f", failed {len(report.failed)}"
    size = f"{report.bytes / 1e6:.1f} MB"
    return (
        f"{report.files} files ({size}) in {report.folders} folders: {report.added} added, {report.versions} new versions, "
        f"{report.unchanged} unchanged, {len(report.failed)} failed, {len(report.skipped)} skipped"
    )


def faults(report: TreeReport | Report) -> Iterator[str]:
    """A line for everything that failed, and how much was skipped for which reason."""
    for each in report.failed:
        yield f"failed: {each['path']}: {each['reason']} [{each['code']}]"
    skipped = report.skipped if isinstance(report, TreeReport) else []
    for reason, count in Counter(each["reason"] for each in skipped).items():
        yield f"skipped: {count} × {reason}"


def print_diagnosis(found: Diagnosis) -> None:
    """What was examined, and the findings as a table with what their codes mean."""
    console = Console()
    if found.findings:
        table = Table("code", "subject", "detail")
        for each in found.findings:
            table.add_row(each.code, each.subject, each.detail)
        console.print(table)
    for code, count in found.counts.items():
        console.print(f"{count} × {code}: {CODES[code]}", highlight=False)
    checked = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in found.checked.items())
    more = f" ({found.left_out} not shown)" if found.left_out else ""
    console.print(f"{checked}: {found.counts.total() or 'no'} findings{more}", highlight=False)
