"""Alembic's environment: runs on the connection that `dossier.core.migrate` hands in."""

from alembic import context

import dossier.certificates.models
import dossier.core.events
import dossier.core.idempotency
import dossier.core.jobs
import dossier.documents.models
import dossier.downloads.models
import dossier.folders.models
import dossier.links.models
import dossier.notices.models
import dossier.renditions.models
import dossier.samples.models
import dossier.search.models
import dossier.sessions.models
import dossier.storage.models
import dossier.tasks.models
import dossier.uploads.models
import dossier.users.models
import dossier.webhooks.models  # noqa: F401  # imported for their tables
from dossier.core.db import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
)
with context.begin_transaction():
    context.run_migrations()
