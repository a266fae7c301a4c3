"""The other side's clock is wrong: nothing is decided by comparing it with ours."""

import os
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import aiohttp
import botocore.auth
import pytest

from dossier.connectors import RemoteError
from dossier.connectors.folder import FolderConnector
from dossier.connectors.graph.items import moment
from dossier.connectors.headers import retry_after
from dossier.connectors.s3 import S3Connector
from dossier.connectors.webdav import WebDavConnector
from tests.connectors.conftest import bucket_place
from tests.connectors.content import content, listed
from tests.connectors.scripted import Scripted, answer, file, folder, multistatus, scripted
from tools.servers import SeaweedFS

SKEWS = {"a day behind": timedelta(days=-1), "a day ahead": timedelta(days=1), "ten years ahead": timedelta(days=3650)}
EACH = pytest.mark.parametrize("skew", SKEWS.values(), ids=SKEWS)


def http(moment: datetime) -> str:
    """As HTTP writes it."""
    return format_datetime(moment, usegmt=True)


class TestRetryAfter:
    @EACH
    def test_a_date_is_theirs(self, skew: timedelta) -> None:
        there = datetime.now(UTC) + skew
        headers = {"Date": http(there), "Retry-After": http(there + timedelta(seconds=90))}
        assert retry_after(headers) == 90

    def test_a_date_without_theirs(self) -> None:
        wait = retry_after({"Retry-After": http(datetime.now(UTC) + timedelta(seconds=60))})
        assert wait is not None and 50 < wait <= 60

    @pytest.mark.parametrize(
        ("said", "wait"),
        [
            ("17", 17),
            ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
            ("soon", None),
            ("", None),
            ("-5", None),
            ("\u0663", None),
            ("Wed, 99 Oct 99999 07:28:00 GMT", None),
        ],
    )
    def test_what_is_said(self, said: str, wait: float | None) -> None:
        assert retry_after({"Retry-After": said}) == wait


class TestWebDav:
    @pytest.fixture
    async def server(self) -> AsyncIterator[Scripted]:
        async with scripted() as made:
            yield made

    @pytest.fixture
    async def dav(self, server: Scripted) -> AsyncIterator[WebDavConnector]:
        async with aiohttp.ClientSession() as session:
            yield WebDavConnector(session, server.address, user="u", password="p", silence_seconds=0.5)

    @EACH
    async def test_how_young_a_file_is(self, server: Scripted, dav: WebDavConnector, skew: timedelta) -> None:
        """The tag of a file of this second is marked, and no other."""
        there = datetime.now(UTC) + skew
        tags = []
        for age in (0, 5, 5000):
            found = file("/dav/a", date=http(there - timedelta(seconds=age)))
            server.script["PROPFIND /dav/"] = multistatus([folder("/dav/"), found], f"Date: {http(there)}")
            (item,) = (await listed(dav)).values()
            tags.append(item.tag.endswith("~"))
        assert tags == [True, False, False]

    @EACH
    async def test_what_an_upload_left(self, server: Scripted, dav: WebDavConnector, skew: timedelta) -> None:
        """It is swept a day later by their clock; one that is under way is not."""
        there = datetime.now(UTC) + skew
        old, new = (f"/dav/.dossier-{letter * 32}.part" for letter in "ab")
        files = [file(old, date=http(there - timedelta(days=2))), file(new, date=http(there))]
        server.script |= {
            "PROPFIND /dav/": multistatus([folder("/dav/"), *files], f"Date: {http(there)}"),
            "DELETE": answer(204),
        }
        assert await listed(dav) == {}
        assert [request.target for request in server.asked("DELETE")] == [old]


@pytest.mark.slow
class TestS3:
    @EACH
    async def test_a_store_that_takes_only_what_is_signed_now(
        self, buckets: SeaweedFS, monkeypatch: pytest.MonkeyPatch, skew: timedelta
    ) -> None:
        """It says so, and that it is nobody's file that is wrong: all goes on once a clock is set."""
        s3 = S3Connector(bucket_place(buckets, f"clock/{skew.days}"))
        real = botocore.auth.get_current_datetime
        with monkeypatch.context() as patched:
            patched.setattr(botocore.auth, "get_current_datetime", lambda *args, **how: real(*args, **how) - skew)
            with pytest.raises(RemoteError) as refused:
                await s3.check()
        assert refused.value.kind == "unreachable" and not refused.value.permanent
        assert "clock" in refused.value.detail
        await s3.create(None, "a", content(b"1"))
        await s3.close()


class TestFolder:
    async def test_a_time_that_no_calendar_has(self) -> None:
        with tempfile.TemporaryDirectory(dir="/dev/shm") as root:  # keeps any time; most disks do not
            path = Path(root) / "a"
            path.write_bytes(b"1")
            os.utime(path, (1 << 45, 1 << 45))
            (item,) = (await listed(FolderConnector(Path(root)))).values()
        assert (item.name, item.modified_at) == ("a", None)


class TestGraph:
    @pytest.mark.parametrize(
        ("said", "means"),
        [
            ("2026-11-29T10:00:00Z", datetime(2026, 11, 29, 10, tzinfo=UTC)),
            ("2026-11-29T10:00:00+05:30", datetime(2026, 11, 29, 4, 30, tzinfo=UTC)),
            ("2026-11-29T10:00:00", datetime(2026, 11, 29, 10, tzinfo=UTC)),
            ("0001-01-01T00:00:00+14:00", None),
            ("9999-12-31T23:59:59-12:00", None),
            ("yesterday", None),
            (5, None),
        ],
    )
    def test_moments(self, said: object, means: datetime | None) -> None:
        found = moment(said)
        assert found == means
        assert found is None or found.tzinfo is UTC
