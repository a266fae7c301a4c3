"""Figures of bytes: what comes in, what goes out, and zips, over HTTP against running programs."""

from collections.abc import Iterator

from bench import adding, running, sending, zips
from bench.figures import Figure, Scale


def measure(scale: Scale) -> Iterator[Figure]:
    """All rows; ``TMPDIR`` must lie on the disk in question."""
    for group in (adding, sending, zips):
        with running.folder() as folder:
            yield from group.measure(folder, scale)
