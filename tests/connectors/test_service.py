"""What is true of the library of many services, and of no other place."""

import asyncio
import base64
import gc
import http.server
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from secrets import token_hex

import pytest
from opendal import AsyncOperator, layers

from dossier.connectors import RemoteError
from dossier.connectors.names import hidden_name
from dossier.connectors.service import TRAITS, ServiceConnector, Storage
from dossier.connectors.service.calls import Calls, refusal
from dossier.connectors.service.sending import MOST_IN_ONE, fits
from dossier.connectors.service.traits import Traits
from tests.connectors.conftest import blob_storage, ftp_storage
from tests.connectors.content import Gate, content, listed, read
from tests.connectors.servers import Azurite, FtpServer, PyFtp

BIG = bytes(range(256)) * 4096 * 20


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[ServiceConnector]:
    """The library's own files."""
    (tmp_path / "root").mkdir()
    how = {"atomic_write_dir": str(tmp_path / "parts")}
    made = ServiceConnector(Storage("fs", how, f"{tmp_path}/root".strip("/"), Traits(most=200)))
    yield made
    await made.close()


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "kind"),
        [
            ("NotFound (permanent) at stat => x", "missing"),
            ("AlreadyExists (permanent) at write => x", "name_taken"),
            ("IsSameFile (permanent) at rename => x", "name_taken"),
            ("ConditionNotMatch (permanent) at write => x", "changed"),
            ("Conflict (permanent) at write => x", "changed"),
            ("RangeNotSatisfied (permanent) at read => x", "changed"),
            ("PermissionDenied (permanent) at write => x", "refused"),
            ("PermissionDenied (permanent) at stat => AzblobError { code: AuthenticationFailed }", "sign_in"),
            ("PermissionDenied (permanent) at stat\n response: Parts { status: 401, ", "sign_in"),
            ("ConfigInvalid (permanent) at => x", "refused"),
            ("IsADirectory (permanent) at read => x", "missing"),
            ("NotADirectory (permanent) at list => x", "missing"),
            ("Unsupported (permanent) at copy => x", "unsupported"),
            ("RateLimited (temporary) at stat => x", "throttled"),
            ("Unexpected (temporary) at stat => send http request", "unreachable"),
            ("Unexpected (temporary) at stat\n response: Parts { status: 503, ", "unreachable"),
            ("Unexpected (permanent) at write\n response: Parts { status: 507, ", "full"),
            ("Unexpected (permanent) at write\n response: Parts { status: 400, ", "refused"),
            ("Unexpected (permanent) at stat\n Invalid response: [530] Login incorrect", "sign_in"),
            ("Unexpected (permanent) at write\n Invalid response: [552] Quota", "full"),
            ("Unexpected (permanent) at read\n Invalid response: [551] none", "missing"),
        ],
    )
    def test_each_has_one_kind(self, text: str, kind: str) -> None:
        assert refusal(OSError(text)).kind == kind

    def test_how_long_to_wait(self) -> None:
        told = refusal(OSError('RateLimited (temporary) at stat\n headers: {"retry-after": "7"}'))
        assert (told.kind, told.retry_after) == ("throttled", 7.0)

    def test_an_address_is_not_told(self) -> None:
        assert "sig" not in refusal(OSError("Unexpected (permanent) at x\n uri: https://a?sig=secret")).detail


class TestSizes:
    def test_what_goes_in_one_piece_is_bounded(self) -> None:
        calls = Calls("memory", {})
        whole = layers.CapabilityOverrideLayer("write_can_multi=false,write_can_empty=false")
        calls.can = AsyncOperator("memory").layer(whole).capability()
        fits(calls, MOST_IN_ONE)
        for size in (0, MOST_IN_ONE + 1):
            with pytest.raises(RemoteError) as refused:
                fits(calls, size)
            assert refused.value.kind == "refused"


class TestListing:
    async def test_many_pages(self, files: ServiceConnector, tmp_path: Path) -> None:
        for number in range(1200):
            (tmp_path / f"root/{number}.txt").write_bytes(b"x")
        sizes = [len(page.items) async for page in files.changes()]
        assert sum(sizes) == 1200 and max(sizes) <= 500

    async def test_hidden_folders_are_not_listed(self, files: ServiceConnector, tmp_path: Path) -> None:
        fresh, old = tmp_path / f"root/{hidden_name()}", tmp_path / f"root/{hidden_name()}"
        for folder in (fresh, old):
            folder.mkdir()
            (folder / "half.abcdefgh").write_bytes(b"half")
        os.utime(old, (1, 1))
        assert await listed(files) == {}
        assert fresh.exists() and not old.exists()


@pytest.mark.slow
class TestFtp:
    async def test_what_breaks_off_leaves_nothing(self, py_ftp: FtpServer) -> None:
        (py_ftp.files / (name := token_hex(4))).mkdir()
        ours = ServiceConnector(ftp_storage(py_ftp, name))
        gate = Gate(BIG, KeyError("ours"))
        gate.open.set()
        with pytest.raises(KeyError):
            await ours.create(None, "a", gate.content)
        gc.collect()
        assert list((py_ftp.files / name).iterdir()) == []

    async def test_wrong_credentials(self, py_ftp: FtpServer) -> None:
        wrong = ftp_storage(py_ftp).config | {"password": "wrong"}
        with pytest.raises(RemoteError) as refused:
            await ServiceConnector(Storage("ftp", wrong, "", TRAITS["ftp"])).check()
        assert refused.value.kind == "sign_in"

    async def test_a_line_is_no_path(self, py_ftp: FtpServer) -> None:
        ours = ServiceConnector(ftp_storage(py_ftp))
        for trick in ("a\r\nDELE b", "a\nb"):
            with pytest.raises(RemoteError) as refused:
                await ours.stat(trick)
            assert refused.value.kind == "refused"
        with pytest.raises(RemoteError):
            ServiceConnector(ftp_storage(py_ftp, "a\r\nDELE b"))

    async def test_the_server_goes(self) -> None:
        server = PyFtp().start()
        try:
            (server.files / "place").mkdir()
            ours = ServiceConnector(ftp_storage(server, "place"))
            made = await ours.create(None, "big", content(BIG))
            gate = Gate(BIG)
            under_way = asyncio.create_task(ours.create(None, "other", gate.content))
            await gate.reached.wait()
            async with ours.open(made.id) as pieces:
                assert await anext(pieces)
                server.kill()
                gate.open.set()
                with pytest.raises(RemoteError) as torn:
                    [piece async for piece in pieces]
            assert torn.value.kind == "unreachable"
            with pytest.raises(RemoteError) as gone:
                await under_way
            assert gone.value.kind == "unreachable"
            server.start()
            again = ServiceConnector(ftp_storage(server, "place"))
            assert (await listed(again)).keys() == {"big"}
        finally:
            server.close()


@pytest.mark.slow
class TestAzureBlob:
    async def test_wrong_credentials(self, azurite: Azurite) -> None:
        wrong = blob_storage(azurite).config | {"account_key": base64.b64encode(b"wrong").decode()}
        with pytest.raises(RemoteError) as refused:
            await ServiceConnector(Storage("azblob", wrong, "", TRAITS["azblob"])).check()
        assert refused.value.kind == "sign_in"

    async def test_conditions_are_the_services(self, azurite: Azurite) -> None:
        ours = ServiceConnector(blob_storage(azurite, token_hex(4)))
        assert ours.caps.conditional_write
        made = await ours.create(None, "a", content(BIG))
        after = await ours.put(made.id, content(b"2"), if_match=made.etag)
        with pytest.raises(RemoteError) as refused:
            await ours._calls.delete(f"{ours._base}a", '"other"')
        assert refused.value.kind == "changed"
        assert await read(ours, after.id, after.tag) == b"2"

    async def test_the_server_goes(self) -> None:
        server = Azurite()
        try:
            server.start()
            server.make_container("dossier")
            ours = ServiceConnector(blob_storage(server))
            gate = Gate(BIG)
            under_way = asyncio.create_task(ours.create(None, "a", gate.content))
            await gate.reached.wait()
            server.kill()
            gate.open.set()
            with pytest.raises(RemoteError) as gone:
                await under_way
            assert gone.value.kind == "unreachable"
        finally:
            server.close()


@pytest.fixture
def heard() -> Iterator[tuple[str, list[str]]]:
    """A server that refuses everything; its address, and all that it was told."""
    told: list[str] = []

    class Refusing(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            told.append(f"{self.path} {self.headers}")
            self.send_response(403)
            self.end_headers()

        do_GET = do_POST = do_PUT = do_HEAD  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", told
    server.shutdown()
    server.server_close()


class TestCredentials:
    @pytest.mark.parametrize(
        ("service", "config"),
        [
            ("azblob", {"container": "c", "account_name": "mine", "account_key": "bWluZQ=="}),
            ("azblob", {"container": "c", "account_name": "mine", "sas_token": "sv=2021&sig=mine"}),
            ("azdls", {"filesystem": "c", "account_name": "mine", "account_key": "bWluZQ=="}),
            ("oss", {"bucket": "b", "access_key_id": "mine", "access_key_secret": "x", "addressing_style": "path"}),
        ],
    )
    async def test_never_those_of_the_environment(
        self, heard: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch, service: str, config: dict[str, str]
    ) -> None:
        address, told = heard
        for start in ("AZURE_STORAGE_ACCOUNT", "AZURE_ACCOUNT", "AZBLOB_ACCOUNT", "ALIBABA_CLOUD_ACCESS"):
            for end in ("", "_NAME", "_KEY", "_KEY_ID", "_KEY_SECRET"):
                monkeypatch.setenv(start + end, "YW1iaWVudA==")
        monkeypatch.setenv("ALIBABA_CLOUD_ROLE_ARN", "ambient")
        monkeypatch.setenv("ALIBABA_CLOUD_SECURITY_TOKEN", "ambient")
        with pytest.raises(RemoteError):
            await Calls(service, config | {"endpoint": address}).stat("x")
        assert told and all("mine" in each for each in told)
        assert not any("ambient" in each or "YW1i" in each for each in told)


@pytest.mark.slow
def test_a_process_ends_well(azurite: Azurite) -> None:
    """Right after a call the library would abort it; ``close`` waits for that."""
    script = (
        "import asyncio, sys\n"
        "from dossier.connectors.service import ServiceConnector, Storage, TRAITS\n"
        "async def main():\n"
        f"    one = ServiceConnector(Storage('azblob', {blob_storage(azurite).config!r}, '', TRAITS['azblob']))\n"
        "    await one.check()\n"
        "    await one.close()\n"
        "asyncio.run(main())\n"
    )
    for _ in range(5):
        subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
