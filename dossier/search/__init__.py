"""Search: one token string per document, the same on SQLite (FTS5) and MySQL (FULLTEXT); text read in a child process."""

from dossier.search.jobs import CONSUMERS, JOBS
from dossier.search.queries import match, text_of

__all__ = ["CONSUMERS", "JOBS", "match", "text_of"]
