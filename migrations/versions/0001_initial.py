"""The first schema."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

import dossier.core.clock
import dossier.core.ids

revision = "0001"
down_revision = None

# The tokens are prepared in Python, so the tokenizer only has to split at spaces; nothing is ranked, so no positions.
FTS5 = (
    "CREATE VIRTUAL TABLE search_fts USING fts5(tokens, content='search_documents', content_rowid='id', "
    "tokenize='unicode61 remove_diacritics 0', detail=none, columnsize=0)",
    "CREATE TRIGGER search_documents_added AFTER INSERT ON search_documents BEGIN "
    "INSERT INTO search_fts(rowid, tokens) VALUES (new.id, new.tokens); END",
    "CREATE TRIGGER search_documents_gone AFTER DELETE ON search_documents BEGIN "
    "INSERT INTO search_fts(search_fts, rowid, tokens) VALUES ('delete', old.id, old.tokens); END",
)


def upgrade() -> None:
    op.create_table(
        "event_counters",
        sa.Column("workspace_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", name=op.f("pk_event_counters")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("owner_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("key_digest", dossier.core.ids.Digest(), nullable=False),
        sa.Column("fingerprint", dossier.core.ids.Digest(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("etag", sa.String(length=200), nullable=True),
        sa.Column("location", sa.String(length=500), nullable=True),
        sa.Column("body", sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql"), nullable=True),
        sa.Column("created_at", dossier.core.clock.UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "key_digest", name=op.f("pk_idempotency_keys")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_idempotency_keys_created_at"), "idempotency_keys", ["created_at"], unique=False)
    op.create_table(
        "jobs",
        sa.Column("id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("workspace_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("run_at", dossier.core.clock.UtcTime(), nullable=False),
        sa.Column("leased_by", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("created_at", dossier.core.clock.UtcTime(), nullable=False),
        sa.Column("last_error", sa.String(length=500), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_jobs_state_run_at"), "jobs", ["state", "run_at"], unique=False)
    op.create_index(op.f("ix_jobs_workspace_id_id"), "jobs", ["workspace_id", "id"], unique=False)
    op.create_table(
        "links",
        sa.Column("id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("secret_hash", dossier.core.ids.Digest(), nullable=False),
        sa.Column("subject_id", dossier.core.ids.Uuid(), nullable=True),
        sa.Column("created_at", dossier.core.clock.UtcTime(), nullable=False),
        sa.Column("expires_at", dossier.core.clock.UtcTime(), nullable=False),
        sa.Column("used_at", dossier.core.clock.UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_links")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_links_secret_hash")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_links_expires_at"), "links", ["expires_at"], unique=False)
    op.create_index(op.f("ix_links_kind_subject_id"), "links", ["kind", "subject_id"], unique=False)
    op.create_table(
        "users",
        sa.Column("id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("email_key", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=True),
        sa.Column("created_at", dossier.core.clock.UtcTime(), nullable=False),
        sa.Column("deactivated_at", dossier.core.clock.UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email_key", name=op.f("uq_users_email_key")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "workspaces",
        sa.Column("id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("slug", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", dossier.core.clock.UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspaces")),
        sa.UniqueConstraint("slug", name=op.f("uq_workspaces_slug")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "blobs",
        sa.Column("workspace_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("sha256", dossier.core.ids.Digest(), nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", dossier.core.clock.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_blobs_workspace_id")),
        sa.PrimaryKeyConstraint("workspace_id", "sha256", name=op.f("pk_blobs")),
        sa.UniqueConstraint("key", name=op.f("uq_blobs_key")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "consumer_cursors",
        sa.Column("consumer", sa.String(length=64), nullable=False),
        sa.Column("workspace_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_consumer_cursors_workspace_id")),
        sa.PrimaryKeyConstraint("consumer", "workspace_id", name=op.f("pk_consumer_cursors")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "events",
        sa.Column("workspace_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("document_id", dossier.core.ids.Uuid(), nullable=True),
        sa.Column("folder_id", dossier.core.ids.Uuid(), nullable=True),
        sa.Column("task_id", dossier.core.ids.Uuid(), nullable=True),
        sa.Column("actor_id", dossier.core.ids.Uuid(), nullable=True),
        sa.Column("actor_name", sa.String(length=200), nullable=False),
        sa.Column("at", dossier.core.clock.UtcTime(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_events_workspace_id")),
        sa.PrimaryKeyConstraint("workspace_id", "seq", name=op.f("pk_events")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_events_document_id_seq"), "events", ["document_id", "seq"], unique=False)
    op.create_table(
        "groups",
        sa.Column("id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("workspace_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("name_key", sa.String(length=600), nullable=False),
        sa.Column("created_at", dossier.core.clock.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_groups_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_groups")),
        sa.UniqueConstraint("workspace_id", "name_key", name=op.f("uq_groups_workspace_id_name_key")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "invitations",
        sa.Column("id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("workspace_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("email_key", sa.String(length=254), nullable=False),
        sa.Column("role", sa.String(length=8), nullable=False),
        sa.Column("created_by", dossier.core.ids.Uuid(), nullable=True),
        sa.Column("created_at", dossier.core.clock.UtcTime(), nullable=False),
        sa.Column("expires_at", dossier.core.clock.UtcTime(), nullable=False),
        sa.Column("accepted_at", dossier.core.clock.UtcTime(), nullable=True),
        sa.Column("revoked_at", dossier.core.clock.UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_invitations_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_invitations_expires_at"), "invitations", ["expires_at"], unique=False)
    op.create_index(
        op.f("ix_invitations_workspace_id_email_key"), "invitations", ["workspace_id", "email_key"], unique=False
    )
    op.create_index(op.f("ix_invitations_workspace_id_id"), "invitations", ["workspace_id", "id"], unique=False)
    op.create_table(
        "members",
        sa.Column("id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("workspace_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("user_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("role", sa.String(length=8), nullable=False),
        sa.Column("created_at", dossier.core.clock.UtcTime(), nullable=False),
        sa.Column("deactivated_at", dossier.core.clock.UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_members_user_id")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_members_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_members")),
        sa.UniqueConstraint("workspace_id", "user_id", name=op.f("uq_members_workspace_id_user_id")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_members_user_id"), "members", ["user_id"], unique=False)
    op.create_index(op.f("ix_members_workspace_id_id"), "members", ["workspace_id", "id"], unique=False)
    op.create_index(op.f("ix_members_workspace_id_role"), "members", ["workspace_id", "role"], unique=False)
    op.create_table(
        "scopes",
        sa.Column("id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("workspace_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("folder_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("is_root", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_scopes_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scopes")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_scopes_workspace_id_is_root"), "scopes", ["workspace_id", "is_root"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("id_hash", dossier.core.ids.Digest(), nullable=False),
        sa.Column("user_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("created_at", dossier.core.clock.UtcTime(), nullable=False),
        sa.Column("seen_at", dossier.core.clock.UtcTime(), nullable=False),
        sa.Column("expires_at", dossier.core.clock.UtcTime(), nullable=False),
        sa.Column("user_agent", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sessions_user_id")),
        sa.PrimaryKeyConstraint("id_hash", name=op.f("pk_sessions")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_sessions_expires_at"), "sessions", ["expires_at"], unique=False)
    op.create_index(op.f("ix_sessions_user_id"), "sessions", ["user_id"], unique=False)
    op.create_table(
        "content_texts",
        sa.Column("workspace_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("sha256", dossier.core.ids.Digest(), nullable=False),
        sa.Column("text", sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql"), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "sha256"],
            ["blobs.workspace_id", "blobs.sha256"],
            name=op.f("fk_content_texts_workspace_id_sha256"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("workspace_id", "sha256", name=op.f("pk_content_texts")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "download_tickets",
        sa.Column("secret_hash", dossier.core.ids.Digest(), nullable=False),
        sa.Column("workspace_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("member_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("document_ids", sa.JSON(), nullable=False),
        sa.Column("folder_ids", sa.JSON(), nullable=False),
        sa.Column("created_at", dossier.core.clock.UtcTime(), nullable=False),
        sa.Column("expires_at", dossier.core.clock.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name=op.f("fk_download_tickets_member_id")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_download_tickets_workspace_id")),
        sa.PrimaryKeyConstraint("secret_hash", name=op.f("pk_download_tickets")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_download_tickets_expires_at"), "download_tickets", ["expires_at"], unique=False)
    op.create_table(
        "folders",
        sa.Column("id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("workspace_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("parent_id", dossier.core.ids.Uuid(), nullable=True),
        sa.Column("scope_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("name_key", dossier.core.ids.NameKey(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_by", dossier.core.ids.Uuid(), nullable=True),
        sa.Column("created_at", dossier.core.clock.UtcTime(), nullable=False),
        sa.Column("updated_at", dossier.core.clock.UtcTime(), nullable=False),
        sa.Column("trashed_at", dossier.core.clock.UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["parent_id"], ["folders.id"], name=op.f("fk_folders_parent_id")),
        sa.ForeignKeyConstraint(["scope_id"], ["scopes.id"], name=op.f("fk_folders_scope_id")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_folders_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_folders")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_folders_parent_id_name_key_id"), "folders", ["parent_id", "name_key", "id"], unique=False)
    op.create_index(op.f("ix_folders_scope_id_id"), "folders", ["scope_id", "id"], unique=False)
    op.create_index(
        op.f("ix_folders_workspace_id_name_key_id"), "folders", ["workspace_id", "name_key", "id"], unique=False
    )
    op.create_table(
        "grants",
        sa.Column("scope_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("principal_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("principal", sa.String(length=8), nullable=False),
        sa.Column("role", sa.String(length=8), nullable=False),
        sa.ForeignKeyConstraint(["scope_id"], ["scopes.id"], name=op.f("fk_grants_scope_id")),
        sa.PrimaryKeyConstraint("scope_id", "principal_id", name=op.f("pk_grants")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_grants_principal_id"), "grants", ["principal_id"], unique=False)
    op.create_table(
        "group_members",
        sa.Column("group_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("member_id", dossier.core.ids.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name=op.f("fk_group_members_group_id")),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name=op.f("fk_group_members_member_id")),
        sa.PrimaryKeyConstraint("group_id", "member_id", name=op.f("pk_group_members")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_group_members_member_id"), "group_members", ["member_id"], unique=False)
    op.create_table(
        "tokens",
        sa.Column("id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("workspace_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("member_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("secret_hash", dossier.core.ids.Digest(), nullable=False),
        sa.Column("scopes", sa.String(length=50), nullable=False),
        sa.Column("created_at", dossier.core.clock.UtcTime(), nullable=False),
        sa.Column("expires_at", dossier.core.clock.UtcTime(), nullable=True),
        sa.Column("last_used_at", dossier.core.clock.UtcTime(), nullable=True),
        sa.Column("revoked_at", dossier.core.clock.UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name=op.f("fk_tokens_member_id")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_tokens_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_tokens_secret_hash")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_tokens_expires_at"), "tokens", ["expires_at"], unique=False)
    op.create_index(
        op.f("ix_tokens_workspace_id_member_id_id"), "tokens", ["workspace_id", "member_id", "id"], unique=False
    )
    op.create_table(
        "documents",
        sa.Column("id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("workspace_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("folder_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("scope_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("name_key", dossier.core.ids.NameKey(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("head_number", sa.Integer(), nullable=False),
        sa.Column("media_type", sa.String(length=127), nullable=False),
        sa.Column("author_id", dossier.core.ids.Uuid(), nullable=True),
        sa.Column("open_tasks", sa.Integer(), nullable=False),
        sa.Column("created_by", dossier.core.ids.Uuid(), nullable=True),
        sa.Column("created_at", dossier.core.clock.UtcTime(), nullable=False),
        sa.Column("updated_at", dossier.core.clock.UtcTime(), nullable=False),
        sa.Column("trashed", sa.Boolean(), nullable=False),
        sa.Column("trashed_at", dossier.core.clock.UtcTime(), nullable=True),
        sa.Column("trashed_by", dossier.core.ids.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["folder_id"], ["folders.id"], name=op.f("fk_documents_folder_id")),
        sa.ForeignKeyConstraint(["scope_id"], ["scopes.id"], name=op.f("fk_documents_scope_id")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_documents_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_documents")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index("ix_documents_folder_name", "documents", ["folder_id", "trashed", "name_key", "id"], unique=False)
    op.create_index(
        "ix_documents_folder_updated", "documents", ["folder_id", "trashed", "updated_at", "id"], unique=False
    )
    op.create_index("ix_documents_scope_name", "documents", ["scope_id", "trashed", "name_key", "id"], unique=False)
    op.create_index(
        "ix_documents_scope_updated", "documents", ["scope_id", "trashed", "updated_at", "id"], unique=False
    )
    op.create_index("ix_documents_trash", "documents", ["workspace_id", "trashed", "trashed_at"], unique=False)
    op.create_table(
        "names",
        sa.Column("folder_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("name_key", dossier.core.ids.NameKey(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("node_id", dossier.core.ids.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["folder_id"], ["folders.id"], name=op.f("fk_names_folder_id")),
        sa.PrimaryKeyConstraint("folder_id", "name_key", name=op.f("pk_names")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_names_node_id"), "names", ["node_id"], unique=False)
    op.create_table(
        "document_locks",
        sa.Column("document_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("holder_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("acquired_at", dossier.core.clock.UtcTime(), nullable=False),
        sa.Column("expires_at", dossier.core.clock.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name=op.f("fk_document_locks_document_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("document_id", name=op.f("pk_document_locks")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "document_tags",
        sa.Column("document_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("tag_key", dossier.core.ids.NameKey(), nullable=False),
        sa.Column("workspace_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("tag", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name=op.f("fk_document_tags_document_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("document_id", "tag_key", name=op.f("pk_document_tags")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(
        op.f("ix_document_tags_workspace_id_tag_key_document_id"),
        "document_tags",
        ["workspace_id", "tag_key", "document_id"],
        unique=False,
    )
    op.create_table(
        "search_documents",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("document_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("workspace_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("tokens", sa.Text().with_variant(mysql.LONGTEXT(), "mysql"), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name=op.f("fk_search_documents_document_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_documents")),
        sa.UniqueConstraint("document_id", name=op.f("uq_search_documents_document_id")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "tasks",
        sa.Column("id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("workspace_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("document_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("version_number", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("priority", sa.String(length=8), nullable=False),
        sa.Column("assignee_id", dossier.core.ids.Uuid(), nullable=True),
        sa.Column("due_at", dossier.core.clock.UtcTime(), nullable=True),
        sa.Column("due_key", dossier.core.clock.UtcTime(), nullable=False),
        sa.Column("target", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("comment_count", sa.Integer(), nullable=False),
        sa.Column("created_by", dossier.core.ids.Uuid(), nullable=True),
        sa.Column("created_at", dossier.core.clock.UtcTime(), nullable=False),
        sa.Column("updated_at", dossier.core.clock.UtcTime(), nullable=False),
        sa.Column("completed_at", dossier.core.clock.UtcTime(), nullable=True),
        sa.Column("completed_by", dossier.core.ids.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name=op.f("fk_tasks_document_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_tasks_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(
        "ix_tasks_assignee", "tasks", ["workspace_id", "assignee_id", "status", "due_key", "id"], unique=False
    )
    op.create_index("ix_tasks_document", "tasks", ["document_id", "status", "due_key", "id"], unique=False)
    op.create_index("ix_tasks_workspace", "tasks", ["workspace_id", "status", "due_key", "id"], unique=False)
    op.create_table(
        "versions",
        sa.Column("document_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("workspace_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("sha256", dossier.core.ids.Digest(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.String(length=127), nullable=False),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("comment", sa.String(length=2000), nullable=False),
        sa.Column("author_id", dossier.core.ids.Uuid(), nullable=True),
        sa.Column("created_at", dossier.core.clock.UtcTime(), nullable=False),
        sa.Column("restored_from", sa.Integer(), nullable=True),
        sa.Column("branched_from", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name=op.f("fk_versions_document_id")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "sha256"],
            ["blobs.workspace_id", "blobs.sha256"],
            name=op.f("fk_versions_workspace_id_sha256"),
        ),
        sa.PrimaryKeyConstraint("document_id", "number", name=op.f("pk_versions")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_versions_workspace_id_sha256"), "versions", ["workspace_id", "sha256"], unique=False)
    op.create_table(
        "task_comments",
        sa.Column("id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("task_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("workspace_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("author_id", dossier.core.ids.Uuid(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", dossier.core.clock.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_task_comments_task_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_comments")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_task_comments_task_id_id"), "task_comments", ["task_id", "id"], unique=False)
    op.create_table(
        "task_watchers",
        sa.Column("task_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("member_id", dossier.core.ids.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_task_watchers_task_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("task_id", "member_id", name=op.f("pk_task_watchers")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_task_watchers_member_id_task_id"), "task_watchers", ["member_id", "task_id"], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        for statement in FTS5:
            op.execute(statement)
    else:
        op.create_index("ft_search_documents_tokens", "search_documents", ["tokens"], mysql_prefix="FULLTEXT")


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE search_fts")
    op.drop_table("task_watchers")
    op.drop_table("task_comments")
    op.drop_table("versions")
    op.drop_table("tasks")
    op.drop_table("search_documents")
    op.drop_table("document_tags")
    op.drop_table("document_locks")
    op.drop_table("names")
    op.drop_table("documents")
    op.drop_table("tokens")
    op.drop_table("group_members")
    op.drop_table("grants")
    op.drop_table("folders")
    op.drop_table("download_tickets")
    op.drop_table("content_texts")
    op.drop_table("sessions")
    op.drop_table("scopes")
    op.drop_table("members")
    op.drop_table("invitations")
    op.drop_table("groups")
    op.drop_table("events")
    op.drop_table("consumer_cursors")
    op.drop_table("blobs")
    op.drop_table("workspaces")
    op.drop_table("users")
    op.drop_table("links")
    op.drop_table("jobs")
    op.drop_table("idempotency_keys")
    op.drop_table("event_counters")
