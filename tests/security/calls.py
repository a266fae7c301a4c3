"""How each operation of the OpenAPI document is called on what lies behind a restriction, and what it answers to whom."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from secrets import token_hex
from typing import Any

import httpx
from fastapi import FastAPI

from tests.connectors.fake_graph import CREDENTIALS

Statuses = Mapping[str, int]
Params = dict[str, Any]
GOOD = 0
"""In place of a status: it is done."""


@dataclass(frozen=True)
class Kind:
    """What people are answered. ``foreign`` is another workspace's owner, who has lists and credentials of their own."""

    no_right: int
    viewer: int
    read_only: int
    not_admin: int
    foreign: int = 404


# Nobody signs in for these; they are guarded by what they are sent.
PUBLIC = Kind(GOOD, GOOD, GOOD, GOOD, GOOD)
READ = Kind(no_right=404, viewer=GOOD, read_only=GOOD, not_admin=GOOD)
WRITE = Kind(no_right=404, viewer=403, read_only=403, not_admin=GOOD)
# The owner's own, which nobody else sees, whatever their rights.
OWN_READ = Kind(no_right=404, viewer=404, read_only=GOOD, not_admin=GOOD)
OWN_WRITE = Kind(no_right=404, viewer=404, read_only=403, not_admin=GOOD)
# What is in a list is another question; everybody has one.
LIST = Kind(no_right=GOOD, viewer=GOOD, read_only=GOOD, not_admin=GOOD, foreign=GOOD)
# People and groups are not hidden from members.
MEMBERS = Kind(no_right=GOOD, viewer=GOOD, read_only=GOOD, not_admin=GOOD)
ADMIN_LIST = Kind(no_right=403, viewer=403, read_only=403, not_admin=403, foreign=GOOD)
ADMIN = Kind(no_right=403, viewer=403, read_only=403, not_admin=403)
# For those who have signed in, and nothing that a token does.
SESSION = Kind(no_right=403, viewer=403, read_only=403, not_admin=403, foreign=403)


@dataclass(frozen=True)
class Call:
    """One call of an operation. ``params`` fill the path, then the query; ``but`` differs from the kind, by its fields."""

    kind: Kind
    params: Mapping[str, Any]
    send: Mapping[str, Any]
    but: Statuses

    def answered(self, whom: str) -> int:
        """The status for a field of ``Kind``, or for ``anonymous``."""
        status: int = self.but[whom] if whom in self.but else getattr(self.kind, whom, 401)
        return status


def call(kind: Kind, *, but: Statuses | None = None, send: Any = None, **params: Any) -> Call:
    """A call; ``send`` holds the body as httpx takes it."""
    return Call(kind, params, send or {}, but or {})


def table(ids: Mapping[str, str]) -> dict[str, Call]:
    """The calls by operation id, in an order in which the owner can do them all. ``id:why`` is one more call."""
    return _open(ids) | _oneself(ids) | _lists(ids) | _reads(ids) | _writes(ids) | _people(ids) | _ends(ids)


def tus(**metadata: str) -> dict[str, str]:
    """Headers of a request in tus, with this metadata."""
    pairs = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in metadata.items())
    return {"Tus-Resumable": "1.0.0"} | ({"Upload-Metadata": pairs} if pairs else {})


def _open(ids: Mapping[str, str]) -> dict[str, Call]:
    password = "correct horse staple"
    setup = {"link": "no", "workspace": "W", "email": "a@example.com", "name": "A", "password": password}
    return {
        "live": call(PUBLIC, but={"anonymous": 200}),
        "ready": call(PUBLIC, but={"anonymous": 200}),
        "set_up": call(PUBLIC, but={"anonymous": 404}, send={"json": setup}),
        "sign_in": call(PUBLIC, but={"anonymous": 401}, send={"json": {"email": "a@b.c", "password": "wrong"}}),
        "request_reset": call(PUBLIC, but={"anonymous": 202}, send={"json": {"email": "nobody@example.com"}}),
        "reset_password": call(PUBLIC, but={"anonymous": 404}, send={"json": {"link": "no", "password": password}}),
        "accept_invitation": call(PUBLIC, but={"anonymous": 404}, send={"json": {"link": "no"}}),
        "upload_options": call(PUBLIC, but={"anonymous": 204}),
        "head_zip": call(PUBLIC, but={"anonymous": 404}, ticket="no-such-ticket"),
        "download_zip": call(PUBLIC, but={"anonymous": 404}, ticket="no-such-ticket"),
        "hear_graph": call(PUBLIC, but={"anonymous": 202}, send={"json": {"value": []}}, link_id=ids["link"]),
    }


def _oneself(ids: Mapping[str, str]) -> dict[str, Call]:
    token = {"name": "t", "scopes": ["read"]}
    return {
        "get_me": call(LIST),
        "list_tokens": call(LIST),
        "list_tokens:another's": call(ADMIN_LIST, member_id=ids["partner"]),
        "create_token": call(LIST, but={"read_only": 403}, send={"json": token}),
        "update_me": call(SESSION, send={"json": {"name": "Me"}}),
        "change_password": call(SESSION, send={"json": {"current": "x", "password": "correct horse staple"}}),
        "sign_out": call(SESSION),
        "end_link_sign_in": call(SESSION, state="x", code="x"),
    }


BYTES = tus() | {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}


def _lists(ids: Mapping[str, str]) -> dict[str, Call]:
    vault: Params = {"folder_id": ids["vault"]}
    return {
        "list_members": call(LIST),
        "list_groups": call(LIST),
        "list_folders": call(LIST),
        "list_folders:in one": call(READ, parent_id=ids["vault"]),
        "list_documents": call(LIST),
        "list_documents:searched": call(LIST, q="quokka"),
        "list_documents:in one": call(READ, **vault),
        "list_documents:trashed in one": call(READ, trashed=True, **vault),
        "list_uploads": call(LIST),
        "list_arrivals": call(LIST),
        "list_arrivals:in one": call(READ, **vault),
        "list_arrivals:of one": call(READ, document_id=ids["plan"]),
        "list_tasks": call(LIST),
        "list_tasks:of one": call(READ, document_id=ids["plan"]),
        "get_home": call(LIST),
        "list_activity": call(LIST),
        "list_activity:of one": call(READ, document_id=ids["plan"]),
        "search_everything": call(LIST, q="quokka"),
        "search_documents": call(LIST, q="quokka"),
        "list_notices": call(LIST),
        "count_unread_notices": call(LIST),
        "read_notices": call(LIST, but={"read_only": 403}, send={"json": {"ids": [ids["task"]]}}),
        "get_workspace": call(LIST),
        "list_jobs": call(ADMIN_LIST),
        "list_events": call(LIST),
        "stream_events": call(LIST),
        "list_invitations": call(ADMIN_LIST),
        "list_certificates": call(ADMIN_LIST),
        "list_webhooks": call(ADMIN_LIST),
        "list_links": call(ADMIN_LIST),
        "get_event_schemas": call(LIST),
        "get_event_schema": call(LIST, type="version.added"),
    }


def _reads(ids: Mapping[str, str]) -> dict[str, Call]:
    plan: Params = {"document_id": ids["plan"]}
    vault: Params = {"folder_id": ids["vault"]}
    task: Params = {"task_id": ids["task"]}
    return {
        "get_folder": call(READ, **vault),
        "links_of_document": call(READ, **plan),
        "get_folder_access": call(READ, but={"viewer": 403}, **vault),
        "get_document": call(READ, **plan),
        "get_document:in the trash": call(READ, document_id=ids["old"]),
        "list_versions": call(READ, **plan),
        "get_version": call(READ, number=1, **plan),
        "head_document_content": call(READ, **plan),
        "download_document": call(READ, **plan),
        "head_version_content": call(READ, number=1, **plan),
        "download_version": call(READ, number=1, **plan),
        "get_preview": call(READ, number=1, **plan),
        "head_rendition": call(READ, number=1, document_id=ids["offer"]),
        "get_rendition": call(READ, number=1, document_id=ids["offer"]),
        "head_thumbnail": call(READ, number=1, document_id=ids["offer"]),
        "get_thumbnail": call(READ, number=1, document_id=ids["offer"]),
        "list_document_tasks": call(READ, **plan),
        "get_task": call(READ, **task),
        "list_task_comments": call(READ, **task),
        "list_task_history": call(READ, **task),
        "get_group": call(MEMBERS, group_id=ids["group"]),
        "get_upload": call(OWN_READ, upload_id=ids["upload"]),
        "offer_parts": call(OWN_READ, upload_id=ids["direct_upload"]),
        "head_upload": call(OWN_READ, send={"headers": tus()}, upload_id=ids["upload"]),
        # A POST that changes nothing: whoever may read may download.
        "create_download": call(READ, send={"json": {"document_ids": [ids["plan"]]}}),
        "create_download:folder": call(READ, send={"json": {"folder_ids": [ids["vault"]]}}),
    }


def _writes(ids: Mapping[str, str]) -> dict[str, Call]:
    plan: Params = {"document_id": ids["plan"]}
    vault: Params = {"folder_id": ids["vault"]}
    task: Params = {"task_id": ids["task"]}
    watching = {"viewer": GOOD}  # whoever sees a task may
    return {
        "create_folder": call(WRITE, send={"json": {"name": "New", "parent_id": ids["vault"]}}),
        "update_folder": call(WRITE, send={"json": {"name": "Renamed quokka"}}, **vault),
        "restrict_folder": call(WRITE, send={"json": {"grants": []}}, folder_id=ids["strongroom"]),
        "unrestrict_folder": call(WRITE, folder_id=ids["strongroom"]),
        "add_document": call(WRITE, send={"content": b"new"}, name="new.txt", **vault),
        "add_document:form": call(WRITE, send={"data": vault, "files": {"file": ("form.txt", b"new")}}),
        "add_documents": call(WRITE, send={"data": vault, "files": {"file": ("many.txt", b"new")}}),
        "create_upload": call(WRITE, send={"headers": tus(filename="sent.txt", **vault) | {"Upload-Length": "9"}}),
        "append_upload": call(OWN_WRITE, send={"headers": BYTES, "content": b"bytes"}, upload_id=ids["upload"]),
        "finish_upload": call(OWN_WRITE, send={"json": {"on_conflict": "rename"}}, upload_id=ids["refused_upload"]),
        "update_document": call(WRITE, send={"json": {"description": "changed"}}, **plan),
        "add_version": call(WRITE, send={"content": b"third"}, **plan),
        "restore_version": call(WRITE, number=1, **plan),
        "lock_document": call(WRITE, send={"json": {"take_over": True}}, **plan),
        "unlock_document": call(WRITE, **plan),
        "create_task": call(WRITE, send={"json": {"title": "New"}}, **plan),
        "carry_over_tasks": call(WRITE, **plan),
        "update_task": call(WRITE, send={"json": {"title": "Changed"}}, **task),
        "add_task_comment": call(WRITE, send={"json": {"body": "new"}}, **task),
        "watch_task": call(WRITE, but=watching, **task),
        "unwatch_task": call(WRITE, but=watching, **task),
        "restore_document": call(WRITE, document_id=ids["old"]),
        "restore_folder": call(WRITE, folder_id=ids["attic"]),
        "create_samples": call(WRITE, send={"json": vault}),
    }


def _people(ids: Mapping[str, str]) -> dict[str, Call]:
    named, invited = {"name": "G", "member_ids": [ids["partner"]]}, {"email": "x@example.com", "role": "viewer"}
    program = {"name": "DMS", "role": "viewer"}
    shown: Params = {
        "scopes": ["read"],
        "sha256": token_hex(32),
        "subject": "CN=dms",
        "expires_at": "2099-01-01T00:00:00Z",
    }
    another = shown | {"sha256": token_hex(32)}
    return {
        # A stranger makes them at home, and not with members of ours in them.
        "create_group": call(ADMIN, but={"foreign": 422}, send={"json": named}),
        "update_workspace": call(ADMIN, but={"foreign": GOOD}, send={"json": {"name": "Renamed"}}),
        "retry_job": call(ADMIN, job_id=ids["job"]),
        "invite": call(ADMIN, but={"foreign": GOOD}, send={"json": invited}),
        "register_certificate": call(ADMIN, but={"foreign": GOOD}, send={"json": program | shown}),
        "register_certificate:for one": call(ADMIN, send={"json": {"member_id": ids["program"]} | another}),
        **_webhooks(ids),
        **_links(ids),
        "update_group": call(ADMIN, send={"json": {"name": "Warders"}}, group_id=ids["group"]),
        "update_member": call(ADMIN, send={"json": {"role": "editor"}}, member_id=ids["partner"]),
        "revoke_invitation": call(ADMIN, invitation_id=ids["invitation"]),
    }


def _links(ids: Mapping[str, str]) -> dict[str, Call]:
    link: Params = {"link_id": ids["link"]}
    item = link | {"item_id": ids["link_item"]}
    place = {"kind": "folder", "path": ids["share"]}
    new = {"name": "Another", "folder_id": ids["open"], "place": place, "paused": True}
    return {
        # A stranger's own workspace has no part in this folder.
        "try_place": call(ADMIN, but={"foreign": 422}, send={"json": {"place": place}}),
        **_sign_ins(ids),
        "make_link": call(ADMIN, but={"foreign": 422}, send={"json": new}),
        "get_link": call(ADMIN, **link),
        "change_link": call(ADMIN, send={"json": {"name": "Renamed"}}, **link),
        "list_link_items": call(ADMIN, **link),
        "plan_link": call(ADMIN, **link),
        "get_link_rights": call(ADMIN, **link),
        "run_link": call(ADMIN, **link),
        "resync_link": call(ADMIN, **link),
        "release_link": call(ADMIN, **link),
        "retry_link_item": call(ADMIN, **item),
        "choose_link_item": call(ADMIN, send={"json": {"keep": "ours"}}, **item),
    }


def _sign_ins(ids: Mapping[str, str]) -> dict[str, Call]:
    app = {"tenant": "contoso", "client_id": ids["link"]}
    ask = {"credentials": {"client_secret": CREDENTIALS.secret}, "ask": {"kind": "sites", "words": "quokka"}}
    return {
        # A stranger may ask Microsoft by an app of their own.
        "begin_link_sign_in": call(ADMIN, but={"foreign": GOOD}, send={"json": app}),
        "get_link_sign_in": call(ADMIN, sign_in_id=ids["sign_in"]),
        "find_link_choices": call(ADMIN, but={"foreign": GOOD}, send={"json": app | ask}),
    }


def _webhooks(ids: Mapping[str, str]) -> dict[str, Call]:
    hook: Params = {"webhook_id": ids["webhook"]}
    delivery = hook | {"delivery_id": ids["delivery"]}
    return {
        "create_webhook": call(ADMIN, but={"foreign": GOOD}, send={"json": {"url": "http://127.0.0.1:9/new"}}),
        "get_webhook": call(ADMIN, **hook),
        "update_webhook": call(ADMIN, send={"json": {"description": "changed"}}, **hook),
        "rotate_webhook": call(ADMIN, **hook),
        "try_webhook": call(ADMIN, **hook),
        "list_deliveries": call(ADMIN, **hook),
        "get_delivery": call(ADMIN, **delivery),
        "replay_delivery": call(ADMIN, **delivery),
        "replay_events": call(ADMIN, send={"json": {"after": 0, "before": 3}}, **hook),
    }


def _ends(ids: Mapping[str, str]) -> dict[str, Call]:
    plan: Params = {"document_id": ids["plan"]}
    # Somebody else's token is hidden from all but owners; the one that is no admin belongs to its owner.
    hidden = {"no_right": 404, "viewer": 404, "not_admin": GOOD}
    return {
        "delete_upload": call(OWN_WRITE, send={"headers": tus()}, upload_id=ids["upload"]),
        # What somebody else may not see they do not remove; a stranger has some at home, or none.
        "remove_samples": call(WRITE, but={"no_right": GOOD, "foreign": GOOD}),
        "delete_task": call(WRITE, task_id=ids["task"]),
        "delete_document": call(WRITE, **plan),
        "delete_document:purge": call(WRITE, purge=True, **plan),
        "delete_folder": call(WRITE, recursive=True, folder_id=ids["vault"]),
        "delete_group": call(ADMIN, group_id=ids["group"]),
        "deactivate_member": call(ADMIN, member_id=ids["partner"]),
        "revoke_certificate": call(ADMIN, certificate_id=ids["certificate"]),
        "delete_webhook": call(ADMIN, webhook_id=ids["webhook"]),
        "end_link": call(ADMIN, link_id=ids["link"]),
        "revoke_token": call(ADMIN, but=hidden, token_id=ids["token"]),
    }


@cache
def operations(app: FastAPI) -> dict[str, tuple[str, str]]:
    """Operation id → method and path template."""
    paths: dict[str, dict[str, Any]] = app.openapi()["paths"]
    return {op["operationId"]: (method.upper(), path) for path, item in paths.items() for method, op in item.items()}


def request(app: FastAPI, client: httpx.AsyncClient, name: str, how: Call) -> httpx.Request:
    """The request of a call by the holder of ``client``."""
    method, template = operations(app)[name.partition(":")[0]]
    query = {key: value for key, value in how.params.items() if f"{{{key}}}" not in template}
    return client.build_request(method, template.format_map(how.params), params=query, **how.send)
