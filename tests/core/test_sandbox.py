"""What a launched program may and may not do. (Readers in the child process: tests/search/test_sandbox.py.)"""

import asyncio
import ctypes
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dossier.core import _launch
from dossier.core.sandbox import ChildFailed, launch

SHELL = Path("/bin/sh")
PYTHON = Path("/usr/bin/python3")
MIB = 1024 * 1024
pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="the locks are those of Linux")]


@pytest.fixture
def work() -> Iterator[Path]:
    """Not in pytest's own folder, which nobody but its owner may enter."""
    with tempfile.TemporaryDirectory(prefix="dossier-test-") as folder:
        yield Path(folder)


async def run(work: Path, script: str, seconds: float = 20, memory: int = 1024 * MIB) -> str:
    """What a shell script has written into ``out`` of its work folder, and its status in front."""
    (work / "script").write_text(script)
    status = await launch(SHELL, [str(work / "script")], work, seconds=seconds, memory=memory, file_size=MIB)
    out = work / "out"
    return f"{status} {out.read_text().strip() if out.exists() else ''}"


class TestLaunch:
    async def test_works_in_its_folder(self, work: Path) -> None:
        (work / "in").write_text("hello")
        assert await run(work, "tr a-z A-Z < in > out; exit 7") == "7 HELLO"

    async def test_has_nothing_of_our_environment(self, work: Path) -> None:
        assert await run(work, "env | cut -d= -f1 | sort | tr '\\n' ' ' > out") == "0 HOME LC_ALL PATH PWD TMPDIR"

    async def test_is_not_root(self, work: Path) -> None:
        assert await run(work, "id -u > out") != "0 0"

    async def test_ends_in_time_with_all_that_it_started(self, work: Path) -> None:
        started = time.perf_counter()
        with pytest.raises(ChildFailed, match="timeout"):
            await run(work, "(sleep 2; touch late) & echo $! > pid; sleep 60", seconds=1)
        assert time.perf_counter() - started < 20
        await asyncio.sleep(1.5)
        assert not (work / "late").exists()

    async def test_leaves_nobody_behind(self, work: Path) -> None:
        assert await run(work, "(sleep 1; touch late) & setsid sh -c 'sleep 1; touch later' & exit 0") == "0 "
        await asyncio.sleep(1.5)
        assert not (work / "late").exists() and not (work / "later").exists()

    async def test_cancelling_ends_it(self, work: Path) -> None:
        task = asyncio.create_task(run(work, "sleep 1.5; touch late"))
        await asyncio.sleep(0.7)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(1.2)
        assert not (work / "late").exists()

    async def test_a_signal_is_told(self, work: Path) -> None:
        with pytest.raises(ChildFailed) as failed:
            await run(work, "kill -SEGV $$")
        assert (failed.value.reason, failed.value.clue) == ("crashed", "SIGSEGV")

    async def test_a_missing_program(self, work: Path) -> None:
        assert await launch(work / "no", [], work, seconds=9, memory=512 * MIB, file_size=0) == 1


class TestLock:
    @pytest.fixture(autouse=True)
    def landlock(self) -> None:
        if ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), ctypes.c_uint32(1)) < 1:
            pytest.skip("no Landlock")

    @pytest.fixture
    def others(self) -> Iterator[Path]:
        """A folder that everybody may do everything in."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "secret").write_text("secret")
            folder.chmod(0o777)
            (folder / "secret").chmod(0o666)
            yield folder

    async def test_no_file_of_others(self, work: Path, others: Path) -> None:
        secret, new = others / "secret", others / "new"
        script = f"cat {secret} > out; ls {others} >> out; echo x > {secret}; echo x > {new}; rm {secret}"
        assert (await run(work, script)).split(" ")[1] == ""
        assert secret.read_text() == "secret"
        assert not new.exists()

    async def test_no_large_file(self, work: Path) -> None:
        await run(work, "trap '' XFSZ; dd if=/dev/zero of=big bs=1M count=5 2> /dev/null")
        assert (work / "big").stat().st_size <= MIB

    @pytest.mark.skipif(not PYTHON.exists(), reason="asks with Python")
    async def test_no_network_and_no_way_out(self, work: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            (work / "ask.py").write_text(ATTEMPTS.replace("PORT", str(server.getsockname()[1])))
            asked = await run(work, f"{PYTHON} ask.py > out 2>&1")
        assert asked.split() == ["0", *["no"] * ATTEMPTS.count("lambda")]


ATTEMPTS = """
import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def call(*arguments):
    if libc.syscall(*arguments) == -1: raise OSError(ctypes.get_errno())
for attempt in (
    lambda: socket.create_connection(("127.0.0.1", PORT), 1),
    lambda: socket.socket(socket.AF_INET6),
    lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    lambda: os.setsid(),
    lambda: os.listdir("/root"),
    lambda: open("/proc/1/environ").read(),
    lambda: open("/etc/shadow").read(),
    lambda: call(425, 8, 0),
):
    try:
        print("yes", attempt())
    except OSError:
        print("no")
"""


class TestDenial:
    """The filter's jumps, by walking through it."""

    @staticmethod
    def judged(number: int, first: int = 0, arch: int = 0xC000003E) -> int:
        steps = _launch.denial(0xC000003E, 0)
        place, value = 0, 0
        while True:
            code, yes, no, operand = steps[place]
            place += 1
            if code == 0x06:
                return operand
            if code == 0x20:
                value = {0: number, 4: arch, 16: first}[operand]
            else:
                place += yes if (value > operand if code == 0x25 else value == operand) else no

    def test_allows_all_but_what_is_named(self) -> None:
        denied = {numbers[0] for numbers in _launch.DENIED.values()}
        assert {number for number in range(460) if self.judged(number, socket.AF_UNIX) != 0x7FFF0000} == denied

    def test_sockets_by_their_family(self) -> None:
        families = {family for family in range(46) if self.judged(41, family) == 0x7FFF0000}
        assert families == {socket.AF_UNIX}

    def test_other_machine_code(self) -> None:
        assert self.judged(0, arch=0x40000003) == 0x80000000
        assert self.judged(0x40000000 + 1) == 0x00050001
