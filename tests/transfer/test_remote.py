"""A tree to a running Dossier elsewhere: all of it once, whatever breaks; and what is said where it cannot be."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dossier.transfer.errors import ServerAway
from tests.transfer.elsewhere import Elsewhere, Line, digests, line, noise
from tests.transfer.office import write

pytestmark = [pytest.mark.slow, pytest.mark.embedded]
FILES = {
    "a.txt": b"a",
    "b/c/d 🎉.txt": b"d",
    "b/empty": b"",
    "b/same.txt": b"a",
    "hollow/deep/": b"",
    "Ünï/ß.txt": noise(3_000_000),
    "x/A.txt": b"1",
    "x/a.txt": b"2",
}
THERE = digests(FILES)
THERE["x/a (2).txt"] = THERE.pop("x/a.txt")
LARGE = noise(40_000_000)


@pytest.fixture
async def broken(elsewhere: Elsewhere) -> AsyncIterator[Line]:
    """A line to it that can be broken."""
    async with line(elsewhere.program.port) as proxy:
        yield proxy


class TestSendTree:
    async def test_keeps_structure_and_bytes(self, elsewhere: Elsewhere, tmp_path: Path) -> None:
        root = write(tmp_path / "in", FILES)
        report = await elsewhere.send(root, "keeps")
        assert (report.files, report.added, report.failed, report.skipped) == (7, 7, [], [])
        assert report.bytes == sum(map(len, FILES.values()))
        assert elsewhere.tree("keeps") == THERE
        again = await elsewhere.send(root, "keeps")
        assert (again.added, again.versions, again.unchanged, again.new_folders) == (0, 0, 7, 0)
        assert elsewhere.tree("keeps") == THERE

    async def test_a_large_file(self, elsewhere: Elsewhere, tmp_path: Path) -> None:
        root = write(tmp_path / "in", {"large.bin": noise(200_000_000)})
        report = await elsewhere.send(root / "large.bin", "large")
        assert (report.added, report.failed) == (1, [])
        assert elsewhere.tree("large") == digests({"large.bin": noise(200_000_000)})

    async def test_small_files_cost_a_request(self, elsewhere: Elsewhere, broken: Line, tmp_path: Path) -> None:
        files = {f"{n % 3}/{n}.txt": b"%d" % n for n in range(60)}
        report = await elsewhere.send(write(tmp_path / "in", files), "small", url=broken.endpoint)
        assert report.added == 60
        assert elsewhere.tree("small") == digests(files)
        uploads = [head for head in broken.heads if "/uploads" in head]
        assert sorted(set(uploads)) == ["GET /api/v1/uploads?limit=200", "POST /api/v1/uploads"]
        assert broken.heads.count("POST /api/v1/uploads") == 60

    async def test_leaves_out_what_the_other_import_leaves_out(self, elsewhere: Elsewhere, tmp_path: Path) -> None:
        root = write(tmp_path / "in", {"good": b"1", "bad\nname": b"2", "bad\\folder/x": b"3"})
        write(root, {os.fsdecode(b"latin-\xe9"): b"5"})
        (root / "link").symlink_to(root / "good")
        os.mkfifo(root / "pipe")
        report = await elsewhere.send(root, "left out")
        assert elsewhere.tree("left out") == digests({"good": b"1"})
        assert sorted(each["reason"] for each in report.skipped) == ["a symbolic link", "neither a file nor a folder"]
        assert [each["code"] for each in report.failed] == ["bad_name"] * 3


class TestConflicts:
    async def test_are_told_and_the_others_come(self, elsewhere: Elsewhere, tmp_path: Path) -> None:
        root = write(tmp_path / "in", {"a.txt": b"1", "b.txt": b"2"})
        await elsewhere.send(root, "told")
        report = await elsewhere.send(write(root, {"a.txt": b"11", "c.txt": b"3"}), "told")
        assert (report.added, report.unchanged) == (1, 1)
        assert [(Path(each["path"]).name, each["code"]) for each in report.failed] == [("a.txt", "name_taken")]
        assert elsewhere.tree("told") == digests({"a.txt": b"1", "b.txt": b"2", "c.txt": b"3"})

    async def test_version(self, elsewhere: Elsewhere, tmp_path: Path) -> None:
        root = write(tmp_path / "in", {"a.txt": b"1", "b.txt": b"2"})
        await elsewhere.send(root, "version")
        for count in (1, 0):
            report = await elsewhere.send(write(root, {"a.txt": b"11"}), "version", "version")
            assert (report.added, report.versions, report.unchanged, report.failed) == (0, count, 2 - count, [])
        there = digests({"a.txt": b"11", "b.txt": b"2"})
        there["a.txt"] = (there["a.txt"][0], 2)
        assert elsewhere.tree("version") == there

    async def test_rename_and_not_twice(self, elsewhere: Elsewhere, tmp_path: Path) -> None:
        root = write(tmp_path / "in", {"a.txt": b"1", "a (2).txt": b"2"})
        await elsewhere.send(root, "rename")
        write(root, {"a.txt": b"11", "a (2).txt": b"22"})
        for count in (2, 0):
            report = await elsewhere.send(root, "rename", "rename")
            assert (report.added, report.unchanged, report.failed) == (count, 2 - count, [])
        names = {"a.txt": b"1", "a (2).txt": b"2", "a (3).txt": b"11", "a (2) (2).txt": b"22"}
        assert elsewhere.tree("rename") == digests(names)

    async def test_a_folder_has_the_name(self, elsewhere: Elsewhere, tmp_path: Path) -> None:
        await elsewhere.send(write(tmp_path / "in", {"a/b": b"1"}), "kinds")
        report = await elsewhere.send(write(tmp_path / "other", {"a": b"2"}), "kinds", "version")
        assert (report.added, report.failed) == (1, [])
        assert elsewhere.tree("kinds") == digests({"a/b": b"1", "a (2)": b"2"})


class TestBroken:
    """Nothing is doubled, nothing is missing, and what has arrived is not sent again."""

    async def test_connections_that_are_cut(self, elsewhere: Elsewhere, broken: Line, tmp_path: Path) -> None:
        files = {"large.bin": LARGE, **{f"{n}.txt": noise(50_000, b"%d" % n) for n in range(40)}}
        cuts = 0

        def cut() -> None:
            nonlocal cuts
            cuts += 1
            broken.cut()
            if cuts < 4:
                broken.when(5_000_000, cut)

        broken.when(3_000_000, cut)
        report = await elsewhere.send(write(tmp_path / "in", files), "cut", url=broken.endpoint)
        assert (cuts, report.added, report.failed) == (4, 41, [])
        assert elsewhere.tree("cut") == digests(files)
        assert elsewhere.items("/uploads") == []
        assert broken.passed < sum(map(len, files.values())) + 4 * 4_000_000, (
            "what was on the wire is sent again, no more"
        )

    async def test_a_server_that_is_killed(self, elsewhere: Elsewhere, broken: Line, tmp_path: Path) -> None:
        """Over 64 MiB: the last byte is answered with ``hashing``, and waited for."""
        content = noise(90_000_000, b"killed")
        loop = asyncio.get_running_loop()

        def again() -> None:
            elsewhere.program.kill()
            elsewhere.program.start()

        broken.when(30_000_000, lambda: loop.run_in_executor(None, again))
        report = await elsewhere.send(write(tmp_path / "in", {"a.bin": content}), "killed", url=broken.endpoint)
        assert (report.added, report.failed) == (1, [])
        assert elsewhere.tree("killed") == digests({"a.bin": content})
        assert any(head.startswith("GET /api/v1/uploads/") for head in broken.heads), "it was asked while hashing"
        assert broken.passed < len(content) + 10_000_000

    async def test_a_client_that_is_killed(self, elsewhere: Elsewhere, broken: Line, tmp_path: Path) -> None:
        files = {"large.bin": LARGE, **{f"{n}.txt": noise(30_000, b"k%d" % n) for n in range(30)}}
        root = write(tmp_path / "in", files)
        for _ in range(3):
            process = elsewhere.start(root, "client", broken.endpoint)
            broken.when(9_000_000, process.kill)
            await asyncio.to_thread(process.communicate)
            assert process.returncode == -signal.SIGKILL
        report = await elsewhere.send(root, "client", url=broken.endpoint)
        assert (report.added + report.unchanged, report.failed) == (31, [])
        assert elsewhere.tree("client") == digests(files)
        assert elsewhere.items("/uploads") == []
        assert broken.passed < sum(map(len, files.values())) + 3 * 4_000_000

    async def test_ctrl_c_says_that_it_goes_on(self, elsewhere: Elsewhere, broken: Line, tmp_path: Path) -> None:
        root = write(tmp_path / "in", {"large.bin": LARGE})
        process = elsewhere.start(root, "interrupted", broken.endpoint)
        broken.when(9_000_000, lambda: process.send_signal(signal.SIGINT))
        _out, err = await asyncio.to_thread(process.communicate)
        assert (process.returncode, "the same command goes on from there" in err) == (130, True), err
        assert "Traceback" not in err
        assert [upload["offset"] > 5_000_000 for upload in elsewhere.items("/uploads")] == [True]
        assert (await elsewhere.send(root, "interrupted", url=broken.endpoint)).added == 1
        assert broken.passed < len(LARGE) + 4_000_000

    async def test_a_server_that_stays_away(self, elsewhere: Elsewhere, broken: Line, tmp_path: Path) -> None:
        root = write(tmp_path / "in", {"large.bin": LARGE})
        broken.when(9_000_000, broken.hang_up)
        with pytest.raises(ServerAway, match="No answer from"):
            await elsewhere.send(root, "away", url=broken.endpoint, patience=1)
        assert (await elsewhere.send(root, "away")).added == 1
        assert elsewhere.tree("away") == digests({"large.bin": LARGE})

    async def test_an_end_that_was_refused(self, elsewhere: Elsewhere, broken: Line, tmp_path: Path) -> None:
        """Somebody takes the name in the middle; the bytes are kept for the next run, which sends none of them again."""
        root = write(tmp_path / "in", {"large.bin": LARGE})
        folder = elsewhere.ask("POST", "/folders", json={"name": "refused"})["id"]
        taken: list[str] = []

        def take() -> None:
            where = {"folder_id": folder, "name": "large.bin"}
            taken.append(elsewhere.ask("POST", "/documents", params=where, content=b"somebody's")["id"])

        loop = asyncio.get_running_loop()
        broken.when(9_000_000, lambda: loop.run_in_executor(None, take))
        report = await elsewhere.send(root, "refused", url=broken.endpoint)
        assert [(each["code"], each["reason"]) for each in report.failed] == [
            ("name_taken", "There is already a document of that name.")
        ]
        elsewhere.ask("DELETE", f"/documents/{taken[0]}")
        passed = broken.passed
        assert (await elsewhere.send(root, "refused", url=broken.endpoint)).added == 1
        assert broken.passed < passed + 10_000
        assert elsewhere.tree("refused") == digests({"large.bin": LARGE})

    async def test_an_upload_that_is_gone(self, elsewhere: Elsewhere, broken: Line, tmp_path: Path) -> None:
        """As where it has expired: the file is sent from its beginning."""

        def end() -> None:
            (upload,) = elsewhere.items("/uploads")
            elsewhere.ask("DELETE", f"/uploads/{upload['id']}", headers={"Tus-Resumable": "1.0.0"})

        loop = asyncio.get_running_loop()
        broken.when(12_000_000, lambda: loop.run_in_executor(None, end))
        report = await elsewhere.send(write(tmp_path / "in", {"large.bin": LARGE}), "gone", url=broken.endpoint)
        assert (report.added, report.failed) == (1, [])
        assert broken.heads.count("POST /api/v1/uploads") == 2
        assert elsewhere.tree("gone") == digests({"large.bin": LARGE})

    @pytest.mark.parametrize("request_", ["POST /api/v1/folders", "POST /api/v1/uploads"])
    async def test_an_answer_that_is_lost(
        self, elsewhere: Elsewhere, broken: Line, tmp_path: Path, request_: str
    ) -> None:
        """The server has done it: the same request again finds that out."""
        count, folder = broken.spoil, request_.rpartition("/")[2]

        def lose(data: bytes) -> bytes:
            if data.startswith(request_.encode()) and broken.heads.count(request_) == 0:
                broken.down_left = 9
            return count(data)

        broken.spoil = lose
        report = await elsewhere.send(write(tmp_path / "in", {"a.txt": b"1"}), folder, url=broken.endpoint)
        assert (report.added, report.failed, broken.heads.count(request_)) == (1, [], 2)
        assert elsewhere.tree(folder) == digests({"a.txt": b"1"})
        assert elsewhere.items("/uploads") == []
