"""Contents from one storage to another: verified, cut off and gone on with, and the program reads the new one."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from dossier import transfer
from dossier.core.errors import StorageFull
from dossier.storage import BlobStore, LocalBlobs
from dossier.storage.blobs import new_key
from dossier.transfer.progress import Quiet
from tests.conftest import World
from tests.transfer.office import Office, office_of

pytestmark = pytest.mark.slow
CONTENTS = [b"one", b"two" * 100_000, b"", b"four"]


async def keys(store: BlobStore) -> dict[str, bytes]:
    """What lies there, by key."""
    return {entry.key: await read(store, entry.key) async for entry in store.keys()}  # noqa: SIM118  # a store is no dict


async def read(store: BlobStore, key: str) -> bytes:
    return b"".join([chunk async for chunk in store.open(key)])


@pytest.fixture
def office(world: World) -> Office:
    return office_of(world)


@pytest.fixture
def target(tmp_path: Path) -> LocalBlobs:
    return LocalBlobs(tmp_path / "elsewhere")


@pytest.fixture
async def source(office: Office) -> BlobStore:
    """The program's store, with four contents."""
    for number, content in enumerate(CONTENTS):
        await office.add(f"{number}.txt", content)
    return office.parts.store


async def copy(office: Office, target: BlobStore, **options: Any) -> transfer.Report:
    return await transfer.copy_storage(office.parts.units, office.parts.store, target, Quiet(), **options)


async def test_everything_under_the_same_keys(office: Office, source: BlobStore, target: BlobStore) -> None:
    report = await copy(office, target)
    assert report.counts == {"copied": 4, "there": 0, "bytes": sum(map(len, CONTENTS)), "unfinished": 0}
    assert await keys(target) == await keys(source)
    assert sorted((await keys(target)).values()) == sorted(CONTENTS)


async def test_again(office: Office, source: BlobStore, target: BlobStore) -> None:
    await copy(office, target)
    await office.add("new.txt", b"new")
    report = await copy(office, target)
    assert (report.counts["copied"], report.counts["there"]) == (1, 4)
    assert await keys(target) == await keys(source)


async def test_what_no_row_names_stays(office: Office, source: BlobStore, target: BlobStore) -> None:
    await source.put(office.actor.workspace_id, chunks(b"orphan"))
    await source.append(new_key(office.actor.workspace_id), 0, chunks(b"unfinished"), synced=nobody)
    report = await copy(office, target)
    assert (report.counts["copied"], report.counts["unfinished"], report.failed) == (4, 1, [])
    assert b"orphan" not in (await keys(target)).values()


async def chunks(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def nobody(_offset: int) -> None:
    """Forgets."""


@pytest.mark.embedded
async def test_what_is_damaged_is_told_and_not_kept(office: Office, source: BlobStore, target: BlobStore) -> None:
    damaged, missing, shorter = sorted(key for key, content in (await keys(source)).items() if content)
    for key, content in ((damaged, b"\0"), (shorter, None)):
        path = source.local_path(key)
        assert path is not None
        path.chmod(0o640)
        was = path.read_bytes()
        path.write_bytes(was[:-1] + (content if content else b""))
    path = source.local_path(missing)
    assert path is not None
    path.unlink()
    report = await copy(office, target)
    assert {each["path"]: each["code"] for each in report.failed} == {
        damaged: "content_damaged",
        shorter: "blob_damaged",
        missing: "blob_missing",
    }
    assert list((await keys(target)).values()) == [b""]


async def test_verify_finds_what_has_the_right_size_alone(
    office: Office, source: BlobStore, target: LocalBlobs
) -> None:
    await copy(office, target)
    [key] = [key for key, content in (await keys(source)).items() if content == b"four"]
    path = target.local_path(key)
    path.chmod(0o640)
    path.write_bytes(b"five")
    assert (await copy(office, target)).counts["there"] == 4
    report = await copy(office, target, verify=True)
    assert (report.counts["there"], report.counts["copied"]) == (3, 1)
    assert await keys(target) == await keys(source)


async def test_a_torn_one_is_copied_again(office: Office, source: BlobStore, target: LocalBlobs) -> None:
    await copy(office, target)
    key = next(key for key, content in (await keys(source)).items() if content == b"four")
    path = target.local_path(key)
    path.chmod(0o640)
    path.write_bytes(b"fo")
    assert (await copy(office, target)).counts["copied"] == 1
    assert hashlib.sha256(await read(target, key)).digest() == hashlib.sha256(b"four").digest()


async def test_one_failure_does_not_stop_the_others(
    office: Office, source: BlobStore, target: LocalBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = LocalBlobs.put

    async def failing(self: LocalBlobs, *arguments: Any, key: str, **options: Any) -> Any:
        if key == bad:
            raise StorageFull
        return await put(self, *arguments, key=key, **options)

    bad = min(await keys(source))
    monkeypatch.setattr(LocalBlobs, "put", failing)
    report = await copy(office, target)
    assert [each["path"] for each in report.failed] == [bad]
    assert report.counts["copied"] == 3
