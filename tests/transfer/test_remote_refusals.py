"""What `dossier import --to` says where it cannot, and what it makes of a bad moment."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dossier.cli import main
from dossier.core.errors import StorageFull, Unauthenticated
from dossier.transfer.errors import ServerAway, ServerRefused, ServerUnfit
from dossier.transfer.remote import Address, send_tree
from dossier.transfer.remote.answers import Answer, Lost, judge
from dossier.transfer.remote.server import Patience
from tests.proxy import Proxy
from tests.transfer.elsewhere import Elsewhere, digests, line, noise
from tests.transfer.office import write
from tools.servers import free_ports

pytestmark = [pytest.mark.slow, pytest.mark.embedded]


class Command:
    """`dossier import --to` in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], root: Path) -> None:
        self._monkeypatch, self._capsys, self._root = monkeypatch, capsys, root

    def __call__(self, url: str, token: str | None, *words: str, path: Path | None = None) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        self._monkeypatch.delenv("DOSSIER_TOKEN", raising=False)
        self._monkeypatch.setenv("DOSSIER_DATABASE_URL", "nonsense://")  # which is not asked for
        if token is not None:
            self._monkeypatch.setenv("DOSSIER_TOKEN", token)
        self._monkeypatch.setattr("sys.argv", ["dossier", "import", str(path or self._root), "--to", url, *words])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        return code, *self._capsys.readouterr()


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """The command, on two files."""
    return Command(monkeypatch, capsys, write(tmp_path / "in", {"a": b"1", "b/c": b"2"}))


class TestCommand:
    def test_reports(self, elsewhere: Elsewhere, command: Command) -> None:
        code, out, err = command(elsewhere.url, f"{elsewhere.token}\n", "--folder", "In/2026", "--json")
        assert (code, err) == (0, "")
        assert json.loads(out) | {"failed": []} == json.loads(out)
        assert {"files": 2, "added": 2, "folders": 1}.items() <= json.loads(out).items()
        code, out, _ = command(f"{elsewhere.url}/", elsewhere.token, "--folder", "In/2026", "--workspace", "acme")
        assert (code, out) == (
            0,
            "2 files (0.0 MB) in 1 folders: 0 added, 0 new versions, 2 unchanged, 0 failed, 0 skipped\n",
        )

    def test_what_failed_ends_with_1(self, elsewhere: Elsewhere, command: Command, tmp_path: Path) -> None:
        command(elsewhere.url, elsewhere.token, "--folder", "failed")
        write(tmp_path / "in", {"a": b"other", "d": b"4"})
        code, out, err = command(elsewhere.url, elsewhere.token, "--folder", "failed")
        assert (code, "1 added" in out, "[name_taken]" in err) == (1, True, True)

    def test_an_export_is_told_where_to_go(self, elsewhere: Elsewhere, command: Command, tmp_path: Path) -> None:
        elsewhere.dossier("user", "add", "a@example.com", "--workspace", "small")
        elsewhere.dossier("export", str(tmp_path / "out"), "--workspace", "small")
        code, _, err = command(elsewhere.url, elsewhere.token, path=tmp_path / "out")
        assert (code, "dossier import PATH --workspace SLUG" in err) == (1, True)

    @pytest.mark.parametrize(
        ("token", "words", "said"),
        [
            (None, (), "DOSSIER_TOKEN"),
            ("", (), "DOSSIER_TOKEN"),
            ("dsr_1", ("--as", "a@example.com"), "without --as"),
            ("dsr_1", ("--on-conflict", "no"), "'no' is not one of"),
        ],
    )
    def test_wrong_use(
        self, elsewhere: Elsewhere, command: Command, token: str | None, words: tuple[str, ...], said: str
    ) -> None:
        code, _, err = command(elsewhere.url, token, *words)
        assert (code, said in " ".join(err.replace("│", " ").split())) == (2, True), err

    def test_wrong_use_without_to(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        for words, said in (((), "--workspace"), (("--workspace", "acme", "--on-conflict", "version"), "go with --to")):
            monkeypatch.setattr("sys.argv", ["dossier", "import", ".", *words])
            with pytest.raises(SystemExit) as ended:
                main()
            assert (ended.value.code, said in capsys.readouterr().err) == (2, True)


class TestDoor:
    @pytest.mark.parametrize("url", ["dossier.example.com", "ftp://x", "http://", "http://a:b@x", "http://x/?q=1"])
    def test_no_address(self, command: Command, url: str) -> None:
        code, _, err = command(url, "dsr_1")
        assert (code, "is no address like" in err) == (1, True)

    def test_a_token_that_is_none(self, elsewhere: Elsewhere, command: Command) -> None:
        for token in ("dsr_wrong", "gürtel"):
            code, _, err = command(elsewhere.url, token)
            assert (code, "token" in err) == (1, True), err

    def test_a_token_that_has_ended(self, elsewhere: Elsewhere, command: Command) -> None:
        end = datetime.now(UTC) + timedelta(seconds=3)
        about = {"name": "a", "scopes": ["read", "write"]}
        revoked = elsewhere.ask("POST", "/tokens", json=about)
        expired = elsewhere.ask("POST", "/tokens", json=about | {"expires_at": end.isoformat()})
        assert command(elsewhere.url, revoked["token"], "--folder", "ended")[0] == 0
        elsewhere.ask("DELETE", f"/tokens/{revoked['id']}")
        time.sleep(max(0, (end - datetime.now(UTC)).total_seconds()))
        for token in (revoked["token"], expired["token"]):
            code, _, err = command(elsewhere.url, token, "--folder", "ended")
            assert (code, "is unknown or has ended. [unauthenticated]" in err) == (1, True), err

    async def test_a_token_that_is_revoked_meanwhile(self, elsewhere: Elsewhere, tmp_path: Path) -> None:
        made = elsewhere.ask("POST", "/tokens", json={"name": "a", "scopes": ["read", "write"]})
        root = write(tmp_path / "in", {f"{n}.bin": noise(2_000_000, b"%d" % n) for n in range(20)})
        loop = asyncio.get_running_loop()
        async with line(elsewhere.program.port) as broken:
            broken.when(5_000_000, lambda: loop.run_in_executor(None, elsewhere.ask, "DELETE", f"/tokens/{made['id']}"))
            with pytest.raises(Unauthenticated):
                await send_tree(Address(broken.endpoint, made["token"]), root, ["revoked"])
        report = await elsewhere.send(root, "revoked")
        assert (report.added + report.unchanged, report.added > 0, report.unchanged > 0) == (20, True, True)

    def test_a_token_that_only_reads(self, elsewhere: Elsewhere, command: Command) -> None:
        token = elsewhere.member("reader@example.com", "editor", "read")
        code, _, err = command(elsewhere.url, token)
        assert (code, "may only read. [not_allowed]" in err) == (1, True)

    def test_no_right(self, elsewhere: Elsewhere, command: Command) -> None:
        token = elsewhere.member("viewer@example.com", "viewer")
        code, _, err = command(elsewhere.url, token, "--folder", "new")
        assert (code, "[not_allowed]" in err) == (1, True)
        code, out, err = command(elsewhere.url, token)
        assert (code, "0 added" in out, err.count("[not_allowed]")) == (1, True, 2), "each is told"

    def test_another_workspace(self, elsewhere: Elsewhere, command: Command) -> None:
        code, _, err = command(elsewhere.url, elsewhere.token, "--workspace", "other")
        assert (code, "_found]" in err) == (1, True), err

    def test_nobody_there(self, command: Command) -> None:
        code, _, err = command(f"http://127.0.0.1:{free_ports(1)[0]}", "dsr_1")
        assert (code, "No answer from" in err, "[server_away]" in err) == (1, True, True)

    def test_nothing_to_bring(self, elsewhere: Elsewhere, command: Command, tmp_path: Path) -> None:
        code, _, err = command(elsewhere.url, elsewhere.token, path=tmp_path / "nothing")
        assert (code, "[path_unfit]" in err) == (1, True)

    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "is no Dossier"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "is no Dossier"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello", "none of Dossier's"),
            (
                "HTTP/1.1 301 Moved\r\nContent-Length: 0\r\nLocation: https://d.example.com/\r\n\r\n",
                "on to https://d.example",
            ),
            ("SSH-2.0-OpenSSH_9.2\r\n", "No answer from"),
        ],
    )
    async def test_something_else(self, command: Command, answer: str, said: str) -> None:
        async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer.encode())
            writer.close()

        async with await asyncio.start_server(answered, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            code, _, err = await asyncio.to_thread(command, f"http://127.0.0.1:{port}", "dsr_1")
        assert (code, said in err) == (1, True), err


class TestFiles:
    async def test_one_that_changes_meanwhile(self, elsewhere: Elsewhere, tmp_path: Path) -> None:
        content = noise(30_000_000)
        root = write(tmp_path / "in", {"large.bin": content, "small.txt": b"1"})

        def add() -> None:
            with (root / "large.bin").open("ab") as file:
                file.write(b"more")

        async with line(elsewhere.program.port) as broken:
            broken.when(10_000_000, add)
            report = await elsewhere.send(root, "changes", url=broken.endpoint)
        assert [each["code"] for each in report.failed] == ["file_changed"]
        assert elsewhere.items("/uploads") == [], "what has arrived is of no use"
        assert elsewhere.tree("changes") == digests({"small.txt": b"1"})
        assert (await elsewhere.send(root, "changes")).added == 1
        assert elsewhere.tree("changes") == digests({"small.txt": b"1", "large.bin": content + b"more"})

    async def test_bytes_that_change_on_the_way(self, elsewhere: Elsewhere, tmp_path: Path) -> None:
        """What the server keeps has the SHA-256 that was promised, or nothing comes of it; then it is sent once more."""
        content = noise(5_000_000)
        root = write(tmp_path / "in", {"a.bin": content})
        async with line(elsewhere.program.port) as broken:
            count, left = broken.spoil, 1

            def spoil(data: bytes) -> bytes:
                nonlocal left
                if left and broken.passed > 2_000_000:
                    left -= 1
                    data = data[:-1] + bytes([data[-1] ^ 1])
                return count(data)

            broken.spoil = spoil
            report = await elsewhere.send(root, "spoilt", url=broken.endpoint)
        assert (report.added, report.failed, left) == (1, [], 0)
        assert elsewhere.tree("spoilt") == digests({"a.bin": content})
        assert elsewhere.items("/uploads") == []


class Moody(Proxy):
    """Answers for itself on new connections, so many times, in the place of what lies behind."""

    def __init__(self, port: int, status: str, times: int) -> None:
        super().__init__(port)
        self.status, self.left = status, times

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.connections == 1 or not self.left:  # the first one asks who one is
            await super()._connected(reader, writer)
            return
        self.left -= 1
        head = await reader.readuntil(b"\r\n\r\n")
        if b"ontent-Length: " in head:
            await reader.read(1 << 16)
        writer.write(f"HTTP/1.1 {self.status}\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()


class TestMoments:
    @pytest.mark.parametrize(
        "status", ["503 Service Unavailable", "429 Too Many Requests", "500 Oh", "502 Bad Gateway"]
    )
    async def test_are_waited_for(self, elsewhere: Elsewhere, tmp_path: Path, status: str) -> None:
        files = {f"{n}.txt": b"%d" % n for n in range(20)}
        proxy = Moody(elsewhere.program.port, status, 3)
        await proxy.start()
        try:
            report = await elsewhere.send(write(tmp_path / "in", files), status, url=proxy.endpoint)
        finally:
            await proxy.stop()
        assert (report.added, report.failed, proxy.left) == (20, [], 0)
        assert elsewhere.tree(status) == digests(files)


class TestPatience:
    async def test_begins_with_the_first_failure_and_ends(self) -> None:
        patience, lost = Patience(0.6), Lost(ServerAway())
        await asyncio.sleep(0.7)  # a long request that went well
        await patience.wait(lost)
        await patience.wait(lost)
        await asyncio.sleep(0.3)
        with pytest.raises(ServerAway):
            await patience.wait(lost)

    async def test_is_renewed(self) -> None:
        patience, lost = Patience(60), Lost(ServerRefused("No"), tries=2)
        for _ in range(2):
            await patience.wait(lost)
            patience.renew()
        await patience.wait(lost)
        with pytest.raises(ServerRefused):
            await patience.wait(lost)

    async def test_waits_as_long_as_it_is_told(self) -> None:
        patience, begun = Patience(0.5), time.monotonic()
        await patience.wait(Lost(ServerAway(), wait=1.2))
        assert time.monotonic() - begun >= 1.2
        await patience.wait(Lost(ServerAway()))  # that wait was the server's wish


def answer(status: int, code: str = "", **headers: str) -> Answer:
    """An answer with a problem."""
    problem: dict[str, Any] = {"code": code, "title": "No", "status": status, "detail": "Not so.", "fields": {"a": "b"}}
    return Answer(status, headers, json.dumps(problem).encode() if code else b"<html>")


class TestJudge:
    @pytest.mark.parametrize("status", [200, 201, 202, 204])
    def test_good(self, status: int) -> None:
        judge(answer(status), "https://x")

    @pytest.mark.parametrize(
        ("status", "code", "kind"),
        [
            (302, "", ServerUnfit),
            (401, "unauthenticated", Unauthenticated),
            (507, "storage_full", StorageFull),
            (403, "not_allowed", ServerRefused),
            (413, "", ServerRefused),
            (460, "checksum_mismatch", ServerRefused),
        ],
    )
    def test_for_good(self, status: int, code: str, kind: type[Exception]) -> None:
        with pytest.raises(kind):
            judge(answer(status, code), "https://x")

    def test_in_the_servers_words(self) -> None:
        with pytest.raises(ServerRefused, match=r"Not so\. a: b") as caught:
            judge(answer(422, "bad_name"), "https://x")
        assert (caught.value.code, caught.value.status, ServerRefused.code) == ("bad_name", 422, "server_refused")

    @pytest.mark.parametrize(
        ("status", "code", "kind"),
        [
            (429, "rate_limited", ServerAway),
            (503, "busy", ServerAway),
            (502, "", ServerAway),
            (500, "internal", ServerRefused),
            (408, "upload_stalled", ServerRefused),
            (423, "upload_busy", ServerRefused),
            (409, "offset_mismatch", ServerRefused),
        ],
    )
    def test_for_a_moment(self, status: int, code: str, kind: type[Exception]) -> None:
        with pytest.raises(Lost) as caught:
            judge(answer(status, code, **{"Retry-After": "7"}), "https://x")
        assert type(caught.value.refusal) is kind
        assert (caught.value.wait, caught.value.tries) == ((7, None) if kind is ServerAway else (0, 6))
