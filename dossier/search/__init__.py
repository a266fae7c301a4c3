"""Search: one token string per document, the same on SQLite (FTS5) and MySQL (FULLTEXT); text read in a child process."""

from dossier.search.jobs import CONSUMERS, JOBS
from dossier.search.queries import hits, match, text_of
from dossier.search.snippets import Snippet, snippets_of
from dossier.search.tokens import fits, index_string

__all__ = ["CONSUMERS", "JOBS", "Snippet", "fits", "hits", "index_string", "match", "snippets_of", "text_of"]
