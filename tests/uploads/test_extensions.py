"""The extensions of tus that few clients speak: checksum, creation-defer-length, concatenation."""

import base64
import hashlib
from typing import Any

import httpx
import pytest

from dossier.core import jobs
from dossier.storage import parts as parts_
from dossier.storage.errors import BlobMissing, StorageFailed
from dossier.uploads.jobs import JOBS
from tests.conftest import World
from tests.uploads.sender import API, BYTES, TUS, UPLOADS, Sender, Wire, metadata, problem


def checksum(body: bytes, algorithm: str = "sha256") -> str:
    """``Upload-Checksum`` of these bytes."""
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, body).digest()).decode()}"


class TestChecksum:
    @pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
    async def test_the_right_one(self, sender: Sender, algorithm: str) -> None:
        address = await sender.begin(6)
        first = await sender.send(address, 0, b"abc", Upload_Checksum=checksum(b"abc", algorithm))
        assert (first.status_code, first.headers["upload-offset"]) == (204, "3")
        answer = await sender.send(address, 3, b"def", Upload_Checksum=checksum(b"def", algorithm))
        assert await sender.content(answer) == b"abcdef"

    async def test_another_keeps_nothing(self, sender: Sender) -> None:
        address = await sender.begin(9)
        await sender.send(address, 0, b"abc", Upload_Checksum=checksum(b"abc"))
        for body in (b"xxx", b"xxxxxx"):  # in the middle, and at the end
            problem(await sender.send(address, 3, body, Upload_Checksum=checksum(b"def")), 460, "checksum_mismatch")
            assert await sender.offset(address) == 3
        answer = await sender.send(address, 3, b"defghi", Upload_Checksum=checksum(b"defghi"))
        assert await sender.content(answer) == b"abcdefghi"

    async def test_what_is_due_to_be_noted_waits(self, sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(parts_, "DUE_SECONDS", 0.0)
        address = await sender.begin(6_000_000)
        body = bytes(5_500_000)
        problem(await sender.send(address, 0, body, Upload_Checksum=checksum(b"")), 460, "checksum_mismatch")
        assert await sender.offset(address) == 0

    async def test_a_torn_one_keeps_nothing(self, sender: Sender, world: World) -> None:
        address = await sender.begin(6)
        wire = Wire(world.app, world.editor.token, address, 0, 6, Upload_Checksum=checksum(b"abcdef"))
        await wire.send(b"abc")
        await wire.tear()
        assert await sender.offset(address) == 0

    @pytest.mark.parametrize(
        "value", ["", "md5 1B2M2Y8AsgTpgAmY7PhCfg==", "sha256", "sha256 !!", "sha1 AAAA", "sha256 AAAA"]
    )
    async def test_one_that_is_none(self, sender: Sender, value: str) -> None:
        address = await sender.begin(3)
        wire = problem(await sender.send(address, 0, b"abc", Upload_Checksum=value), 400, "bad_upload_header")
        assert wire["fields"].keys() == {"Upload-Checksum"}
        assert await sender.offset(address) == 0
        headers = BYTES | {"Upload-Length": "3", "Upload-Metadata": metadata(filename="b"), "Upload-Checksum": value}
        problem(await sender.client.post(UPLOADS, headers=headers, content=b"abc"), 400, "bad_upload_header")
        assert len((await sender.client.get(UPLOADS)).json()["items"]) == 1, "nothing was promised"

    async def test_with_the_creation(self, sender: Sender) -> None:
        headers = BYTES | {"Upload-Length": "3", "Upload-Metadata": metadata(filename="b")}
        wrong = await sender.client.post(
            UPLOADS, headers=headers | {"Upload-Checksum": checksum(b"xyz")}, content=b"abc"
        )
        told = problem(wrong, 460, "checksum_mismatch")
        address = f"{UPLOADS}/{told['upload_id']}"
        assert wrong.headers["location"] == address
        assert await sender.offset(address) == 0
        answer = await sender.send(address, 0, b"abc", Upload_Checksum=checksum(b"abc"))
        assert await sender.content(answer) == b"abc"


class TestDeferLength:
    async def begin(self, sender: Sender, name: str = "a.txt", **headers: str) -> str:
        told = TUS | {"Upload-Defer-Length": "1", "Upload-Metadata": metadata(filename=name)} | headers
        answer = await sender.client.post(UPLOADS, headers=told)
        assert answer.status_code == 201, answer.text
        return answer.headers["location"]

    async def test_told_with_the_last_bytes(self, sender: Sender) -> None:
        address = await self.begin(sender)
        assert (await sender.send(address, 0, b"abc")).status_code == 204
        head = await sender.client.head(address, headers=TUS)
        assert (head.headers["upload-offset"], head.headers["upload-defer-length"]) == ("3", "1")
        assert "upload-length" not in head.headers
        assert (await sender.look(address))["size"] is None
        answer = await sender.send(address, 3, b"def", Upload_Length="6")
        assert await sender.content(answer) == b"abcdef"
        head = await sender.client.head(address, headers=TUS)
        assert (head.headers["upload-offset"], head.headers["upload-length"]) == ("6", "6")
        assert "upload-defer-length" not in head.headers

    async def test_told_when_all_is_here(self, sender: Sender) -> None:
        address = await self.begin(sender)
        await sender.send(address, 0, b"abc")
        answer = await sender.send(address, 3, b"", Upload_Length="3")
        assert answer.headers["upload-offset"] == "3"
        assert await sender.content(answer) == b"abc"

    async def test_told_at_first(self, sender: Sender) -> None:
        address = await self.begin(sender)
        assert (await sender.send(address, 0, b"abc", Upload_Length="5")).headers["upload-offset"] == "3"
        problem(await sender.send(address, 3, b"def"), 413, "body_too_large")
        answer = await sender.send(address, 3, b"de", Upload_Length="5")
        assert await sender.content(answer) == b"abcde"

    async def test_lengths_that_cannot_be(self, sender: Sender, world: World) -> None:
        address = await self.begin(sender)
        await sender.send(address, 0, b"abc")
        problem(await sender.send(address, 3, b"", Upload_Length="2"), 409, "upload_length_mismatch")
        over = str(world.parts.settings.max_upload_bytes + 1)
        problem(await sender.send(address, 3, b"", Upload_Length=over), 413, "body_too_large")
        assert await sender.offset(address) == 3
        await sender.send(address, 3, b"d", Upload_Length="9")
        problem(await sender.send(address, 4, b"e", Upload_Length="8"), 409, "upload_length_mismatch")
        assert await sender.offset(address) == 4
        known = await sender.begin(3, name="known")
        problem(await sender.send(known, 0, b"abcd", Upload_Length="4"), 409, "upload_length_mismatch")

    @pytest.mark.parametrize(
        "headers", [{"Upload-Length": "3"}, {"Upload-Defer-Length": "0"}, {"Upload-Defer-Length": "x"}]
    )
    async def test_headers_that_do_not_go_together(self, sender: Sender, headers: dict[str, str]) -> None:
        told = TUS | {"Upload-Defer-Length": "1", "Upload-Metadata": metadata(filename="a")} | headers
        problem(await sender.client.post(UPLOADS, headers=told), 422, "invalid")

    async def test_an_end_that_is_refused(self, sender: Sender) -> None:
        """The bytes stay, and the last one is asked for again, as with any other upload."""
        address = await self.begin(sender)
        await sender.send(address, 0, b"abc")
        await sender.whole(b"first", name="a.txt")
        problem(await sender.send(address, 3, b"", Upload_Length="3"), 409, "name_taken")
        assert await sender.offset(address) == 2
        answer = await sender.finish(address, on_conflict="rename")
        assert answer.json()["state"] == "done"


class TestConcatenation:
    async def part(self, sender: Sender, body: bytes) -> str:
        """A part that is whole; its address."""
        headers = BYTES | {"Upload-Concat": "partial", "Upload-Length": str(len(body))}
        answer = await sender.client.post(UPLOADS, headers=headers, content=body)
        assert answer.status_code == 201, answer.text
        return answer.headers["location"]

    async def join(self, sender: Sender, *parts: str, name: str = "a.txt", **headers: str) -> httpx.Response:
        """Put parts together."""
        told = TUS | {"Upload-Concat": f"final;{' '.join(parts)}", "Upload-Metadata": metadata(filename=name)}
        return await sender.client.post(UPLOADS, headers=told | headers)

    async def test_two_parts(self, sender: Sender) -> None:
        first = await self.part(sender, b"abc")
        headers = TUS | {"Upload-Concat": "partial", "Upload-Length": "6"}
        second = (await sender.client.post(UPLOADS, headers=headers)).headers["location"]
        await sender.send(second, 0, b"def")
        head = await sender.client.head(second, headers=TUS)
        assert (head.headers["upload-concat"], head.headers["upload-offset"]) == ("partial", "3")
        await sender.send(second, 3, b"ghi")
        assert await sender.offset(second) == 6
        assert (await sender.look(second))["part"] is True

        # The second by its whole address, as clients send it.
        answer = await self.join(sender, first, f"http://127.0.0.1:8000{second}")
        assert (answer.status_code, answer.json()["state"], answer.json()["part"]) == (201, "done", False)
        assert await sender.content(answer) == b"abcdefghi"
        head = await sender.client.head(answer.headers["location"], headers=TUS)
        assert head.headers["upload-concat"].startswith(f"final;{first} ")
        assert (head.headers["upload-offset"], head.headers["upload-length"]) == ("9", "9")
        for part in (first, second):
            assert (await sender.client.head(part, headers=TUS)).status_code == 404, "gone into the whole"

    async def test_their_order_counts_and_an_empty_one_adds_nothing(self, sender: Sender) -> None:
        first, empty, last = [await self.part(sender, body) for body in (b"1", b"", b"2")]
        assert await sender.content(await self.join(sender, last, empty, first)) == b"21"

    async def test_large_parts(self, sender: Sender) -> None:
        bodies = [bytes([number]) * 3_000_000 for number in range(3)]
        parts = [await self.part(sender, body) for body in bodies]
        assert await sender.content(await self.join(sender, *parts)) == b"".join(bodies)

    async def test_a_part_whose_length_is_told_later(self, sender: Sender) -> None:
        headers = TUS | {"Upload-Concat": "partial", "Upload-Defer-Length": "1"}
        part = (await sender.client.post(UPLOADS, headers=headers)).headers["location"]
        await sender.send(part, 0, b"abc")
        problem(await self.join(sender, part), 409, "upload_incomplete")
        assert (await sender.send(part, 3, b"", Upload_Length="3")).headers["upload-offset"] == "3"
        assert await sender.content(await self.join(sender, part)) == b"abc"

    async def test_parts_that_are_none(self, sender: Sender, world: World) -> None:
        whole = await self.part(sender, b"abc")
        begun = (
            await sender.client.post(UPLOADS, headers=TUS | {"Upload-Concat": "partial", "Upload-Length": "3"})
        ).headers["location"]
        other = await sender.begin(3, name="other")
        for part in (begun, other):
            problem(await self.join(sender, whole, part), 409, "upload_incomplete")
        final = await self.join(sender, await self.part(sender, b"x"), name="final")
        problem(await self.join(sender, final.headers["location"]), 409, "upload_incomplete")
        theirs = await self.part(Sender(world.owner.client), b"theirs")
        gone = f"{UPLOADS}/0198c0de-7777-7000-8000-00000000dead"
        for part in (theirs, gone):
            problem(await self.join(sender, whole, part), 404, "upload_not_found")
        assert await sender.offset(whole) == 3, "all of them stay"

    @pytest.mark.parametrize(
        "concat",
        [
            "",
            "part",
            "final",
            "final;",
            "final;x",
            "final;/etc/passwd",
            f"final;{UPLOADS}/1",
            f"final;{API}/documents/1",
        ],
    )
    async def test_a_header_that_is_none(self, sender: Sender, concat: str) -> None:
        headers = TUS | {"Upload-Concat": concat, "Upload-Metadata": metadata(filename="a")}
        problem(await sender.client.post(UPLOADS, headers=headers), 400, "bad_upload_header")

    async def test_what_does_not_go_with_it(self, sender: Sender) -> None:
        part = await self.part(sender, b"abc")
        problem(await self.join(sender, part, part), 400, "bad_upload_header")
        problem(await self.join(sender, part, **{"Upload-Length": "3"}), 400, "bad_upload_header")
        problem(await self.join(sender, part, **{"Upload-Defer-Length": "1"}), 400, "bad_upload_header")
        problem(await self.join(sender, part, name=""), 422, "name_missing")
        problem(await sender.finish(part), 409, "upload_incomplete")
        final = (await self.join(sender, part)).headers["location"]
        problem(await sender.send(final, 3, b""), 403, "upload_final")

    async def test_over_the_limit(self, sender: Sender, world: World) -> None:
        world.app.state.settings = world.parts.settings.model_copy(update={"max_upload_bytes": 5})
        parts = [await self.part(sender, b"abc") for _ in range(2)]
        problem(await self.join(sender, *parts), 413, "body_too_large")

    async def test_an_end_that_is_refused(self, sender: Sender) -> None:
        await sender.whole(b"first", name="a.txt")
        part = await self.part(sender, b"abc")
        problem(await self.join(sender, part), 409, "name_taken")
        answer = await self.join(sender, part, name="b.txt")
        assert await sender.content(answer) == b"abc", "the part is still there for another name"

    async def test_cut_off_in_the_middle(self, sender: Sender, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """What has been put together stays, and another try goes on there."""
        parts = [await self.part(sender, body) for body in (b"abc", b"def")]
        store, opened = world.app.state.store, []
        real = store.open

        def failing(key: str, *args: Any, **how: Any) -> Any:
            opened.append(key)
            if len(opened) == 2:
                raise StorageFailed
            return real(key, *args, **how)

        monkeypatch.setattr(store, "open", failing)
        wire = problem(await self.join(sender, *parts), 503, "storage_failed")
        address = f"{UPLOADS}/{wire['upload_id']}"
        assert await sender.offset(address) == 3
        answer = await sender.finish(address)
        assert (answer.status_code, answer.json()["state"]) == (200, "done")
        assert opened.count(opened[0]) == 1, "the first part is not read again"
        made = answer.json()["document"]
        got = await sender.client.get(f"{API}/documents/{made['id']}/content")
        assert got.content == b"abcdef"

    async def test_parts_that_nobody_puts_together_expire(self, sender: Sender, world: World) -> None:
        part = await self.part(sender, b"abc")
        keys = [entry.key async for entry in world.parts.store.keys(world.editor.actor.workspace_id.hex)]
        assert len(keys) == 1
        world.clock.move(days=8)
        assert (await sender.client.head(part, headers=TUS)).status_code == 410
        now = world.clock()
        job = jobs.new(world.editor.actor.workspace_id, "x", {}, now, now)
        await JOBS["uploads.sweep"].run(world.parts, job)
        with pytest.raises(BlobMissing):
            await world.parts.store.size(keys[0])
        assert (await sender.client.head(part, headers=TUS)).status_code == 404
