"""Every type of event, and of what its data is: the JSON Schema (2020-12) of each, made from one table.

New types and new fields of ``data`` come without a new version of the API, so a schema lets more
fields through than it names.
"""

from collections.abc import Mapping
from typing import Any, Final

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
ID: Schema = {"type": "string", "format": "uuid"}
NUMBER: Schema = {"type": "integer", "minimum": 0}
FLAG: Schema = {"type": "boolean"}
TEXTS: Schema = {"type": "array", "items": TEXT}
IDS: Schema = {"type": "array", "items": ID}
SHA256: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
ROLE: Schema = {"enum": ["viewer", "editor", "owner"]}
COUNTS: Schema = {"type": "object", "additionalProperties": NUMBER}


def _or_none(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


CONTENT = {"name": TEXT, "number": NUMBER, "sha256": SHA256, "size": NUMBER, "media_type": TEXT, "comment": TEXT}


def _object(**fields: Schema) -> Schema:
    return {"type": "object", "properties": fields, "required": list(fields)}


MOVED = {"name": TEXT, "previous": _object(name=TEXT, folder_id=ID)}
PLACED = {"name": TEXT, "parent_id": _or_none(ID), "previous": _object(name=TEXT, parent_id=_or_none(ID))}
STATUS: Schema = {"enum": ["open", "in_progress", "done", "cancelled"]}
HOOK = {"webhook_id": ID, "host": TEXT}
LINK = {"link_id": ID, "name": TEXT}
CERTIFICATE = {"certificate_id": ID, "member_id": ID, "subject": TEXT, "sha256": SHA256}
# What an event is about → type → its data. A question mark ends the name of what may be missing.
KINDS: Final[Mapping[str, Mapping[str, Mapping[str, Schema]]]] = {
    "document": {
        "document.added": CONTENT,
        "version.added": {**CONTENT, "restored_from?": _or_none(NUMBER), "branched_from?": NUMBER},
        "link.conflict": {**LINK, "theirs": NUMBER, "ours": NUMBER},
        "link.sent": {**LINK, "number": NUMBER},
        "document.renamed": MOVED,
        "document.moved": MOVED,
        "document.updated": {"name": TEXT, "changed": TEXTS},
        "document.locked": {"name": TEXT, "taken_from": _or_none(TEXT)},
        "document.unlocked": {"name": TEXT},
        "document.trashed": {"name": TEXT},
        "document.restored": {"name": TEXT},
        "document.purged": {"name": TEXT},
        "document.imported": {"name": TEXT, "versions": NUMBER, "tasks": NUMBER},
    },
    "folder": {
        "folder.created": {"name": TEXT, "parent_id": ID},
        "folder.renamed": PLACED,
        "folder.moved": PLACED,
        "folder.access_changed": {"scope_id": ID, "previous_scope_id": ID},
        "folder.trashed": {"name": TEXT},
        "folder.restored": {"name": TEXT},
        "upload.hashing": {"upload_id": ID, "name": TEXT, "path": TEXT, "size": NUMBER},
        "link.created": {**LINK, "kind": TEXT},
        "link.changed": {**LINK, "state": TEXT},
        "link.removed": LINK,
        "link.braked": {**LINK, "deleted": NUMBER, "replaced": NUMBER},
        "link.released": LINK,
        "link.broken": {**LINK, "reason": TEXT},
        "workspace.renamed": {"name": TEXT, "previous": TEXT},
    },
    "task": {
        "task.created": {"title": TEXT, "version": NUMBER},
        "task.updated": {"title": TEXT, "changed": TEXTS},
        "task.status_changed": {"title": TEXT, "from": STATUS, "to": STATUS},
        "task.assigned": {"title": TEXT, "assignee_id": _or_none(ID), "previous": _or_none(ID)},
        "task.carried_over": {"title": TEXT, "from": NUMBER, "to": NUMBER},
        "task.commented": {"title": TEXT, "comment_id": ID},
        "task.deleted": {"title": TEXT},
    },
    "": {
        "workspace.created": {"slug": TEXT, "name": TEXT},
        "import.started": {"export_id": ID, "slug": TEXT},
        "import.finished": {"export_id": ID, "counts": COUNTS},
        "member.added": {"member_id": ID, "name": TEXT, "role": ROLE, "active?": FLAG},
        "member.updated": {"member_id": ID, "role": ROLE, "before": ROLE},
        "member.deactivated": {"member_id": ID},
        "member.reactivated": {"member_id": ID},
        "group.created": {"group_id": ID, "name": TEXT, "member_ids": IDS},
        "group.updated": {"group_id": ID, "name": TEXT, "member_ids": IDS},
        "group.deleted": {"group_id": ID, "name": TEXT},
        "invitation.created": {"invitation_id": ID, "email": TEXT, "role": ROLE},
        "invitation.revoked": {"invitation_id": ID, "email": TEXT},
        "invitation.accepted": {"invitation_id": ID, "member_id": ID},
        "token.created": {"token_id": ID, "member_id": ID, "name": TEXT, "scopes": TEXTS},
        "token.revoked": {"token_id": ID, "member_id": ID, "name": TEXT},
        "certificate.registered": {**CERTIFICATE, "scopes": TEXTS},
        "certificate.revoked": CERTIFICATE,
        "password.changed": {"member_id": ID},
        "webhook.created": HOOK,
        "webhook.updated": {**HOOK, "changed": TEXTS},
        "webhook.rotated": HOOK,
        "webhook.deleted": HOOK,
        "webhook.disabled": {**HOOK, "reason": {"enum": ["gone", "failing"]}},
    },
}
ABOUT: Final = {type_: about for about, types in KINDS.items() for type_ in types}


def data_schema(type_: str) -> Schema:
    """The schema of the ``data`` of a type. Raises KeyError for an unknown one."""
    fields = KINDS[ABOUT[type_]][type_]
    return {
        "type": "object",
        "properties": {name.rstrip("?"): schema for name, schema in fields.items()},
        "required": [name for name in fields if not name.endswith("?")],
    }


def schema(type_: str) -> Schema:
    """The schema of a whole event as the feed shows it. Raises KeyError for an unknown type."""
    needed = {"document": {"document_id"}, "folder": {"folder_id"}, "task": {"document_id", "task_id"}}
    ids = {name: ID if name in needed.get(ABOUT[type_], ()) else _or_none(ID) for name in IDS_OF_AN_EVENT}
    properties: Schema = {"id": ID, "seq": {"type": "integer", "minimum": 1}, "type": {"const": type_}}
    properties |= {"at": {"type": "string", "format": "date-time"}, "actor": ACTOR} | ids
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": type_,
        "type": "object",
        "properties": properties | {"data": data_schema(type_)},
        "required": [*properties, "data"],
    }


IDS_OF_AN_EVENT = ("document_id", "folder_id", "task_id")
ACTOR: Schema = {
    "type": "object",
    "properties": {"id": _or_none(ID), "name": TEXT},
    "required": ["id", "name"],
}
