"""A link with each kind of place, real servers where there are any: through the API, with credentials, both ways."""

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from dossier.connectors import Connector, RemoteError
from dossier.connectors.s3 import S3Connector
from dossier.connectors.service import TRAITS, ServiceConnector
from dossier.connectors.webdav import WebDavConnector
from dossier.core.settings import Settings
from dossier.links import making
from dossier.links.places import ServicePlace
from dossier.links.storages import SERVICES
from tests.connectors.conftest import (
    apache,
    azurite,
    blob_storage,
    bucket_place,
    buckets,
    ftp_storage,
    py_ftp,
    rclone,
    wsgidav,
)
from tests.connectors.content import content, listed, read
from tests.connectors.fake_graph import CREDENTIALS, DRIVE, FakeGraph, graph_connector
from tests.connectors.servers import PASSWORD, USER, Azurite, DavServer, FtpServer
from tests.links.conftest import Joined
from tools.servers import SeaweedFS

__all__ = ["apache", "azurite", "buckets", "py_ftp", "rclone", "wsgidav"]
KINDS = ["apache", "wsgidav", "rclone", "s3", "s3 with versions", "graph", "azblob", "ftp"]
SIGN_IN = {"username": USER, "password": PASSWORD}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """What is on this machine may be linked."""
    return settings.model_copy(update={"outward_http": True, "outward_allow": "127.0.0.0/8"})


@pytest.fixture(params=KINDS)
async def place(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[dict[str, Any], dict[str, str], Connector]]:
    """The place, its credentials, and somebody else's hands there."""
    if request.param == "graph":
        server = await FakeGraph().start()
        monkeypatch.setitem(making.CLOUDS, "global", (server.base_url, server.token_url))
        who = {"tenant": CREDENTIALS.tenant, "client_id": str(uuid4()), "drive_id": DRIVE}
        async with graph_connector(server) as theirs:
            yield {"kind": "graph", **who}, {"client_secret": CREDENTIALS.secret}, theirs
        await server.stop()
    elif request.param.startswith("s3"):
        store: SeaweedFS = request.getfixturevalue("buckets")
        at = bucket_place(store, f"links/{uuid4().hex}", versioned=request.param != "s3")
        told = {"bucket": at.bucket, "prefix": at.prefix, "region": at.region, "endpoint": at.endpoint}
        bucket = S3Connector(at)
        yield (
            {"kind": "s3", **told},
            {"access_key_id": at.access_key, "secret_access_key": at.secret_key},
            bucket,
        )
        await bucket.close()
    elif request.param == "azblob":
        blobs: Azurite = request.getfixturevalue("azurite")
        root = f"links/{uuid4().hex}"
        options = {"container": "dossier", "account_name": blobs.account, "endpoint": blobs.endpoint}
        service = ServiceConnector(blob_storage(blobs, root))
        yield (
            {"kind": "service", "service": "azblob", "root": root, "options": options},
            {"account_key": blobs.key},
            service,
        )
        await service.close()
    elif request.param == "ftp":
        ftp: FtpServer = request.getfixturevalue("py_ftp")
        name = f"link {uuid4().hex[:8]}"
        (ftp.files / name).mkdir()
        service = ServiceConnector(ftp_storage(ftp, name))
        yield (
            {"kind": "service", "service": "ftp", "root": name, "options": {"endpoint": ftp.address}},
            SIGN_IN,
            service,
        )
        await service.close()
    else:
        dav: DavServer = request.getfixturevalue(request.param)
        async with aiohttp.ClientSession() as session:
            name = f"link {uuid4().hex[:8]}"
            await WebDavConnector(session, dav.address, user=USER, password=PASSWORD).make_folder(None, name)
            url = f"{dav.address}{name.replace(' ', '%20')}"
            yield {"kind": "webdav", "url": url}, SIGN_IN, WebDavConnector(session, url, user=USER, password=PASSWORD)


async def there(theirs: Connector, name: str) -> bytes | None:
    """What a file there holds."""
    item = await theirs.find(None, name)
    return None if item is None else await read(theirs, item.id)


async def test_both_ways(joined: Joined, place: tuple[dict[str, Any], dict[str, str], Connector]) -> None:
    where, credentials, theirs = place
    await theirs.check()
    await joined.folder("Shared")
    ours = await joined.add("ours.txt", b"ours")
    await theirs.create(None, "theirs.txt", content(b"theirs"))
    found = await joined.call("POST", "/link_tests", json={"place": where, "credentials": credentials})
    assert found["found"]
    told = {"name": "There", "folder_id": joined.folder_id, "place": where, "credentials": credentials}
    made = await joined.call("POST", "/links", 201, json=told)
    assert credentials.keys().isdisjoint(made["place"])
    assert made["has_credentials"]
    joined.link_id = made["id"]
    await joined.world.work()
    assert await joined.here() == {"ours.txt": b"ours", "theirs.txt": b"theirs"}
    assert await there(theirs, "ours.txt") == b"ours"

    item = await theirs.find(None, "theirs.txt")
    assert item is not None
    await theirs.put(item.id, content(b"changed there"), if_match=item.etag)
    await joined.version(ours, b"changed here")
    link = await joined.run()
    assert (link["state"], link["failed"], link["conflicts"]) == ("active", 0, 0)
    assert await joined.here() == {"ours.txt": b"changed here", "theirs.txt": b"changed there"}
    assert await there(theirs, "ours.txt") == b"changed here"

    await joined.call("PATCH", f"/documents/{ours['id']}", json={"name": "renamed.txt"})
    await joined.call("DELETE", f"/documents/{(await joined.document('theirs.txt'))['id']}", 204)
    await joined.run()
    assert await there(theirs, "renamed.txt") == b"changed here"
    assert await there(theirs, "ours.txt") is None
    assert await there(theirs, "theirs.txt") is None
    assert (await joined.get(ours))["version"]["number"] == 2

    # A second pass finds all of it agreed.
    events = (await joined.call("GET", "/events", params={"limit": 200}))["items"]
    link = await joined.run()
    assert (await joined.call("GET", "/events", params={"limit": 200}))["items"] == events
    assert (link["waiting"], link["failed"]) == (0, 0)


async def test_what_was_made_between_two_looks(
    joined: Joined, place: tuple[dict[str, Any], dict[str, str], Connector]
) -> None:
    where, credentials, theirs = place
    await theirs.check()
    await joined.folder("Shared")
    item = await theirs.create(None, "a.txt", content(b"0"))
    told = {"name": "There", "folder_id": joined.folder_id, "place": where, "credentials": credentials}
    joined.link_id = (await joined.call("POST", "/links", 201, json=told))["id"]
    await joined.world.work()
    document = await joined.document("a.txt")
    await joined.version(document, b"ours")
    await joined.run()
    last = await theirs.find(None, "a.txt")
    assert last is not None
    for data in (b"1", b"22", b"22", b"333"):
        last = await theirs.put(item.id, content(data), if_match=last.etag)
    for _ in range(2):
        link = await joined.run()
        assert (link["failed"], link["conflicts"], link["waiting"]) == (0, 0, 0)
        newest = (await joined.get(document))["version"]["number"]
        made = [await joined.content(document, number) for number in range(1, newest + 1)]
        assert made == [b"0", b"ours", *([b"1", b"22"] if theirs.caps.versions else []), b"333"]


async def contents(theirs: Connector) -> dict[bytes, str]:
    """What lies there: content → id."""
    return {await read(theirs, item.id): item.id for item in (await listed(theirs)).values() if not item.folder}


#: As long as a name here can be.
LONG = ["x" * 251 + ".txt", "\u00e9" * 125 + "a.txt", "\u00e9" * 125 + "b.txt"]
#: The first that a system takes: 260 characters, twice as many bytes; 255 characters; 204 bytes.
LONG_THERE = ["\u00e9" * 256 + ".txt", "\u00e9" * 251 + ".txt", "\u00e9" * 100 + ".txt"]


async def create_long(theirs: Connector) -> None:
    """Somebody there gives a file a name as long as their system takes."""
    for name in LONG_THERE:
        with suppress(RemoteError):
            await theirs.create(None, name, content(b"theirs"))
            return
    raise AssertionError("none of them")


async def test_long_names(joined: Joined, place: tuple[dict[str, Any], dict[str, str], Connector]) -> None:
    """Each finds its place there under a name that can be one, keeps its own here, and goes on in both directions."""
    where, credentials, theirs = place
    await theirs.check()
    await joined.folder("Shared")
    outer = await joined.call("POST", "/folders", 201, json={"name": "o" * 150, "parent_id": joined.folder_id})
    inner = await joined.call("POST", "/folders", 201, json={"name": "i" * 150, "parent_id": outer["id"]})
    ours = [await joined.add(name, f"ours {name}".encode()) for name in LONG]
    ours.append(await joined.add("d" * 100 + ".txt", b"deep", inner["id"]))
    await create_long(theirs)
    told = {"name": "There", "folder_id": joined.folder_id, "place": where, "credentials": credentials}
    joined.link_id = (await joined.call("POST", "/links", 201, json=told))["id"]
    await joined.world.work()
    link = await joined.run()
    assert [each for each in await joined.items() if each["state"] != "synced"] == []
    here = await joined.here()
    wanted = {f"ours {name}".encode() for name in LONG} | {b"deep", b"theirs"}
    assert {each for each in here.values() if each} == wanted
    (added,) = {name for name in here if "/" not in name} - {*LONG}
    assert added.startswith("\u00e9" * 100) and added.endswith(".txt")
    assert {*LONG} < here.keys(), "each keeps its name here"
    found = await contents(theirs)
    assert found.keys() == wanted

    ours.append(await joined.document(added))
    for number, document in enumerate(ours):
        before = (
            f"ours {document['name']}".encode()
            if document["name"] in LONG
            else b"deep"
            if document["name"] != added
            else b"theirs"
        )
        if number % 2:
            await joined.version(document, b"edited here %d" % number)
        else:
            item = await theirs.stat(found[before])
            assert item is not None
            await theirs.put(item.id, content(b"edited there %d" % number), if_match=item.etag)
    link = await joined.run()
    assert (link["state"], link["waiting"], link["failed"], link["conflicts"]) == ("active", 0, 0, 0)
    for number, document in enumerate(ours):
        wanted_now = b"edited here %d" % number if number % 2 else b"edited there %d" % number
        now = await joined.get(document)
        assert (now["name"], now["version"]["number"]) == (document["name"], 2)
        assert await joined.content(document) == wanted_now
        assert wanted_now in await contents(theirs)
    events = (await joined.call("GET", "/events", params={"limit": 200}))["items"]
    await joined.run()
    assert (await joined.call("GET", "/events", params={"limit": 200}))["items"] == events, "and comes to rest"


class TestRefused:
    async def test_wrong_credentials(self, joined: Joined, wsgidav: DavServer) -> None:  # the fixture
        place = {"kind": "webdav", "url": wsgidav.address}
        wrong = {"place": place, "credentials": {"username": USER, "password": "wrong"}}
        refused = await joined.call("POST", "/link_tests", 422, json=wrong)
        assert (refused["code"], refused["reason"]) == ("link_unreachable", "sign_in")

    async def test_credentials_that_nobody_reads(self, joined: Joined, wsgidav: DavServer) -> None:
        place = {"kind": "webdav", "url": wsgidav.address}
        wrong = {"place": place, "credentials": {"passwort": "x"}}
        refused = await joined.call("POST", "/link_tests", 422, json=wrong)
        assert list(refused["fields"]) == ["credentials.passwort"]

    async def test_credentials_that_are_no_longer_taken(self, joined: Joined, wsgidav: DavServer) -> None:
        await joined.folder("Shared")
        told = {"name": "There", "folder_id": joined.folder_id, "place": {"kind": "webdav", "url": wsgidav.address}}
        joined.link_id = (await joined.call("POST", "/links", 201, json=told | {"credentials": SIGN_IN}))["id"]
        await joined.world.work()
        wrong = {"credentials": SIGN_IN | {"password": "no more"}}
        await joined.call("PATCH", f"/links/{joined.link_id}", json=wrong)
        link = await joined.run()
        assert (link["state"], link["trouble"]) == ("broken", "sign_in")
        await joined.call("PATCH", f"/links/{joined.link_id}", json={"credentials": SIGN_IN})
        await joined.world.work()
        link = await joined.call("GET", f"/links/{joined.link_id}")
        assert (link["state"], link["trouble"]) == ("active", None)

    async def test_a_bucket_by_the_programs_own_role(self, joined: Joined) -> None:
        """It may read what is another workspace's."""
        refused = await joined.call(
            "POST", "/link_tests", 422, json={"place": {"kind": "s3", "bucket": "dossier-contents"}}
        )
        assert "credentials" in refused["fields"]

    @pytest.mark.parametrize("url", ["http://169.254.169.254/", "https://10.0.0.1/dav", "http://[::1]/", "ftp://x.y/"])
    async def test_addresses_that_are_not_public(self, joined: Joined, url: str) -> None:
        for place in ({"kind": "webdav", "url": url}, {"kind": "s3", "bucket": "bucket", "endpoint": url}):
            keys = {"access_key_id": "a", "secret_access_key": "b"} if place["kind"] == "s3" else {}
            refused = await joined.call("POST", "/link_tests", 422, json={"place": place, "credentials": keys})
            assert refused["code"] in {"address_not_allowed", "invalid"}

    @pytest.mark.parametrize("path", ["/etc", "acme/share", "{}/../..", "{}/../../other", "/", "{}\0x"])
    async def test_folders_elsewhere(self, joined: Joined, path: str) -> None:
        place = {"kind": "folder", "path": path.format(joined.share)}
        refused = await joined.call("POST", "/link_tests", 422, json={"place": place})
        assert refused["code"] == "invalid"

    async def test_a_link_out_of_the_workspaces_folder(self, joined: Joined) -> None:
        (joined.share / "out").symlink_to("/etc")
        place = {"kind": "folder", "path": str(joined.share / "out")}
        await joined.call("POST", "/link_tests", 422, json={"place": place})


AZURE = {"container": "contracts", "account_name": "nordwind"}
KEY = {"account_key": "a2V5"}
KEYS = {"access_key_id": "a", "secret_access_key": "b"}


class TestServices:
    def test_the_tables_name_the_same(self) -> None:
        told = ServicePlace.model_fields["service"].annotation
        assert set(SERVICES) == set(TRAITS) == set(told.__args__)  # type: ignore[union-attr]

    @pytest.mark.parametrize("service", ["fs", "memory", "s3", "webdav", "sftp", "", "azblob "])
    async def test_no_other_service(self, joined: Joined, service: str) -> None:
        place = {"kind": "service", "service": service, "root": "/etc", "options": {}}
        refused = await joined.call("POST", "/link_tests", 422, json={"place": place})
        assert refused["code"] == "invalid"

    @pytest.mark.parametrize(
        ("service", "options", "credentials", "field"),
        [
            ("azblob", AZURE | {"encryption_key": "x"}, KEY, "place.options.encryption_key"),
            ("azblob", AZURE | {"account_key": "x"}, KEY, "place.options.account_key"),
            ("azblob", {"container": "contracts"}, KEY, "place.options.account_name"),
            ("azblob", AZURE | {"account_name": "evil.example/#"}, KEY, "place.options.account_name"),
            ("azblob", AZURE | {"container": "../x"}, KEY, "place.options.container"),
            ("azblob", AZURE, {"acount_key": "x"}, "credentials.acount_key"),
            ("azblob", AZURE, {}, "credentials"),
            ("azblob", AZURE, KEY | {"sas_token": "x"}, "credentials"),
            ("azblob", AZURE | {"endpoint": "https://h/?x"}, KEY, "place.options.endpoint"),
            ("gcs", {"bucket": "b-1"}, {"service_account": "{}"}, "credentials.service_account"),
            (
                "gcs",
                {"bucket": "b-1"},
                {"service_account": '{"type": "external_account", "client_email": "a", "private_key": "b"}'},
                "credentials.service_account",
            ),
            ("gcs", {"bucket": "b-1", "credential_path": "/etc/key"}, {}, "place.options.credential_path"),
            ("gdrive", {"client_id": "a"}, {"client_secret": "x"}, "credentials"),
            ("ftp", {"endpoint": "http://files.example"}, SIGN_IN, "place.options.endpoint"),
            ("ftp", {}, SIGN_IN, "place.options.endpoint"),
        ],
    )
    async def test_what_it_does_not_take(
        self, joined: Joined, service: str, options: dict[str, str], credentials: dict[str, str], field: str
    ) -> None:
        place = {"kind": "service", "service": service, "options": options}
        wrong = {"place": place, "credentials": credentials}
        refused = await joined.call("POST", "/link_tests", 422, json=wrong)
        assert list(refused["fields"]) == [field]

    @pytest.mark.parametrize("root", ["../x", "a/../b", "a//b", "a\r\nDELE b"])
    async def test_no_way_out(self, joined: Joined, root: str) -> None:
        place = {"kind": "service", "service": "azblob", "options": AZURE, "root": root}
        refused = await joined.call("POST", "/link_tests", 422, json={"place": place, "credentials": KEY})
        assert list(refused["fields"]) == ["place"]

    @pytest.mark.parametrize(
        ("service", "options", "credentials"),
        [
            ("azblob", AZURE | {"endpoint": "https://10.0.0.1/a"}, KEY),
            ("azblob", AZURE | {"endpoint": "http://169.254.169.254/"}, KEY),
            # Public, but whose server it is nobody knows: it may send the library anywhere.
            ("azblob", AZURE | {"endpoint": "https://93.184.215.14/a"}, KEY),
            ("azblob", AZURE | {"endpoint": "https://notcore.windows.net.example/"}, KEY),
            ("ftp", {"endpoint": "ftps://10.0.0.1"}, SIGN_IN),
            ("ftp", {"endpoint": "ftp://[::1]:21"}, SIGN_IN),
            ("ftp", {"endpoint": "ftp://93.184.215.14"}, SIGN_IN),
            ("seafile", {"endpoint": "https://192.168.1.1", "repo_name": "r"}, SIGN_IN),
            ("oss", {"endpoint": "https://127.0.0.1.example", "bucket": "b-1"}, KEYS),
            # Its maker's, with anybody's program on it.
            ("oss", {"endpoint": "https://1.cn-hangzhou.fc.aliyuncs.com", "bucket": "b-1"}, KEYS),
        ],
    )
    async def test_addresses_that_nobody_let_through(
        self, joined: Joined, service: str, options: dict[str, str], credentials: dict[str, str]
    ) -> None:
        place = {"kind": "service", "service": service, "options": options}
        refused = await joined.call("POST", "/link_tests", 422, json={"place": place, "credentials": credentials})
        assert refused["code"] in {"address_not_allowed", "invalid"} and refused["fields"]

    async def test_wrong_credentials(self, joined: Joined, azurite: Azurite, py_ftp: FtpServer) -> None:  # the fixtures
        options = {"container": "dossier", "account_name": azurite.account, "endpoint": azurite.endpoint}
        for service, told, credentials in (
            ("azblob", options, {"account_key": "d3Jvbmc="}),
            ("ftp", {"endpoint": py_ftp.address}, SIGN_IN | {"password": "wrong"}),
        ):
            place = {"kind": "service", "service": service, "options": told}
            refused = await joined.call("POST", "/link_tests", 422, json={"place": place, "credentials": credentials})
            assert (refused["code"], refused["reason"]) == ("link_unreachable", "sign_in")
