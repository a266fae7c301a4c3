"""The ground under the code: lock files, CI's entrance, and how `make run` behaves on machines that lack something."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
LOCKS = ["requirements.txt", "requirements-dev.txt", "requirements-tools.txt"]
PIN = re.compile(
    r"^(?P<name>[a-z0-9-]+)==(?P<version>[^ ;]+)(?: ; (?P<marker>.+?))?((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$",
    re.M,
)


def pins(lock: str) -> dict[str, str]:
    return {pin["name"]: pin["version"] for pin in PIN.finditer((ROOT / lock).read_text())}


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


class TestLocks:
    @pytest.mark.parametrize("lock", LOCKS)
    def test_is_nothing_but_pinned_names_with_hashes(self, lock: str) -> None:
        text = (ROOT / lock).read_text()
        assert pins(lock)
        rest = re.sub(r"^#.*$", "", PIN.sub("", text), flags=re.M)
        assert rest.strip() == ""

    @pytest.mark.parametrize("lock", LOCKS)
    def test_names_no_address_and_no_path(self, lock: str) -> None:
        assert "/" not in (ROOT / lock).read_text()

    @pytest.mark.parametrize("folder", ["web", "tools/npm"])
    def test_npm_lock_names_no_registry(self, folder: str) -> None:
        packages = json.loads((ROOT / folder / "package-lock.json").read_text())["packages"]
        assert packages
        assert [name for name, package in packages.items() if "resolved" in package] == []
        # What lies inside another package is covered by that one's hash.
        own = {name: package for name, package in packages.items() if name and not package.get("inBundle")}
        assert [name for name, package in own.items() if "integrity" not in package] == []

    def test_runtime_is_a_part_of_development(self) -> None:
        assert pins("requirements.txt").items() <= pins("requirements-dev.txt").items()

    @pytest.mark.parametrize(
        ("lock", "groups"),
        [
            ("requirements.txt", ["build"]),
            ("requirements-dev.txt", ["build", "dev"]),
            ("requirements-tools.txt", ["tools"]),
        ],
    )
    def test_holds_what_pyproject_asks_for(self, lock: str, groups: list[str]) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())
        wanted = [line for group in groups for line in project["dependency-groups"][group]]
        if groups != ["tools"]:
            wanted += project["project"]["dependencies"]
        locked = pins(lock)
        unmet = [
            str(need)
            for need in map(Requirement, wanted)
            if need.name not in locked or not need.specifier.contains(locked[need.name], prereleases=True)
        ]
        assert unmet == [], "run: make lock"


def test_ci_runs_make_test(tmp_path: Path) -> None:
    script(tmp_path / "make", f'#!/bin/sh\necho "$PWD: $*" > {tmp_path}/called\n')
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run([ROOT / ".ci/run"], cwd=tmp_path, env=env, check=True, timeout=20)
    assert (tmp_path / "called").read_text() == f"{ROOT}: test\n"


class Checkout:
    """A copy of what `make run` needs, in which nothing real can be installed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.started: list[subprocess.Popen[str]] = []
        shutil.copytree(ROOT / "tools", path / "tools")
        for name in ["Makefile", "pyproject.toml", *LOCKS, "web/package-lock.json", "web/nuxt.config.ts"]:
            (path / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, path / name)
        for name in ["web/app", "web/public"]:
            (path / name).mkdir()

    def start(self, *args: str) -> "subprocess.Popen[str]":
        # Only PATH: under `make test` the environment holds make's own variables, which would reach this make.
        process = subprocess.Popen(
            ["make", "run", *args],
            cwd=self.path,
            env={"PATH": os.environ["PATH"]},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def clear(self) -> None:
        """Leave no process behind, whatever a test did."""
        for process in self.started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()

    def run(self, *args: str) -> "subprocess.CompletedProcess[str]":
        process = self.start(*args)
        out, err = process.communicate(timeout=20)
        return subprocess.CompletedProcess(args, process.returncode, out, err)

    def python(self, changes: str) -> Path:
        """The real Python, changed by some lines that it runs when it starts."""
        (self.path / "site").mkdir()
        (self.path / "site/sitecustomize.py").write_text(changes)
        return script(self.path / "python3", f'#!/bin/sh\nPYTHONPATH={self.path}/site exec {sys.executable} "$@"\n')

    def set_up(self, dev: bool = False) -> None:
        """As after a first start, with stand-ins: a uv that notes its arguments, a server that tells them."""
        script(self.path / ".tools/bin/uv", f'#!/bin/sh\necho "$*" >> {self.path}/uv.log\n')
        script(self.path / ".venv/bin/python", "#!/bin/sh\n")
        script(self.path / ".venv/bin/dossier", '#!/bin/sh\necho "$* $DOSSIER_DATA_DIR"\n')
        for stamp in [".run", ".dev"] if dev else [".run"]:
            (self.path / ".venv" / stamp).touch()
        for stamp in ["web/node_modules/.done", "web/.output/.done"]:
            (self.path / stamp).parent.mkdir()
            (self.path / stamp).touch()

    def touch_locks(self) -> None:
        later = (self.path / ".venv/.run").stat().st_mtime + 1
        for lock in LOCKS[:2]:
            os.utime(self.path / lock, (later, later))

    def asked_of_uv(self) -> str:
        log = self.path / "uv.log"
        return log.read_text() if log.exists() else ""


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    checkout = Checkout(tmp_path)
    yield checkout
    checkout.clear()


HIDE = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Hidden())
"""


def one_line(result: "subprocess.CompletedProcess[str]") -> str:
    """What make run says when it stops: one line and a failure."""
    assert result.returncode != 0
    lines = (result.stdout + result.stderr).splitlines()
    assert len(lines) == 1, lines
    return lines[0]


class TestUnfitPython:
    def test_without_venv(self, checkout: Checkout) -> None:
        python = checkout.python(HIDE.format(names={"venv"}))
        assert subprocess.run([python, "-m", "venv", "x"], cwd=checkout.path, capture_output=True).returncode != 0
        assert "Python has no venv: apt-get install python3-venv" in one_line(checkout.run(f"PYTHON={python}"))
        assert not (checkout.path / ".tools").exists()

    def test_without_pip(self, checkout: Checkout) -> None:
        python = checkout.python(HIDE.format(names={"ensurepip", "pip"}))
        for module in ("ensurepip", "pip"):
            assert subprocess.run([python, "-m", module, "--version"], capture_output=True).returncode != 0
        line = one_line(checkout.run(f"PYTHON={python}"))
        assert "no ensurepip" in line
        assert "apt-get install python3-venv" in line

    def test_too_old(self, checkout: Checkout) -> None:
        python = checkout.python("import sys\nsys.version_info = (3, 9, 18, 'final', 0)\n")
        line = one_line(checkout.run(f"PYTHON={python}"))
        assert "needs Python 3.11 or newer and this is 3.9.18" in line

    def test_none_at_all(self, checkout: Checkout) -> None:
        line = one_line(checkout.run("PYTHON=/nowhere/python3"))
        assert "No working Python found as '/nowhere/python3'" in line


class TestRun:
    def test_a_second_start_installs_nothing(self, checkout: Checkout) -> None:
        checkout.set_up()
        result = checkout.run("ARGS=--port 9000", "DOSSIER_DATA_DIR=/data")
        assert (result.returncode, result.stdout, result.stderr) == (0, "serve --port 9000 /data\n", "")
        assert checkout.asked_of_uv() == ""

    def test_a_changed_lock_is_installed_first(self, checkout: Checkout) -> None:
        checkout.set_up()
        checkout.touch_locks()
        assert checkout.run().returncode == 0
        assert "--require-hashes requirements.txt\n" in checkout.asked_of_uv()

    def test_a_development_environment_stays_one(self, checkout: Checkout) -> None:
        checkout.set_up(dev=True)
        checkout.touch_locks()
        assert checkout.run().returncode == 0
        assert "--require-hashes requirements-dev.txt\n" in checkout.asked_of_uv()
        assert "requirements.txt" not in checkout.asked_of_uv()

    @pytest.mark.parametrize("works", [True, False])
    def test_a_changed_page_is_built_first(self, checkout: Checkout, works: bool) -> None:
        checkout.set_up()
        page = checkout.path / "web/app/page.vue"
        page.touch()
        later = (checkout.path / "web/.output/.done").stat().st_mtime + 1
        os.utime(page, (later, later))
        script(checkout.path / ".tools/bin/npm", f'#!/bin/sh\necho "built by $*"\nexit {0 if works else 1}\n')
        result = checkout.run()
        assert (result.returncode == 0) == works
        assert ("serve" in result.stdout) == works
        # What the build said is shown where it failed, and kept aside otherwise.
        assert ("run build" in result.stdout) != works
        assert "run build" in (checkout.path / "web/.output.log").read_text()

    @pytest.mark.parametrize(
        ("send", "stop"),
        # Ctrl-C goes to make and the server alike; a TERM to make alone is what a supervisor sends.
        [(os.killpg, signal.SIGINT), (os.kill, signal.SIGTERM)],
    )
    def test_a_signal_reaches_the_server_and_ends_quietly(
        self, checkout: Checkout, send: Callable[[int, int], None], stop: signal.Signals
    ) -> None:
        checkout.set_up()
        server = f"""#!{sys.executable}
import signal, time
stop = {{signal.SIGINT, signal.SIGTERM}}
signal.pthread_sigmask(signal.SIG_BLOCK, stop)
print("up", flush=True)
signal.sigwait(stop)
time.sleep(0.2)  # as a server drains; make 4.3 may stumble over a child that ends before make has seen the signal
print("ended cleanly")
"""
        script(checkout.path / ".venv/bin/dossier", server)
        process = checkout.start()
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        send(process.pid, stop)
        assert process.communicate(timeout=20) == ("ended cleanly\n", "")
        # make waits for the server and then ends by the signal itself; a job in the background starts with SIGINT ignored.
        assert process.returncode in (-stop, 0)


class TestMysql:
    """tools/mysql, with an apt that says which mirror it knows and fetches one package from wherever it is told."""

    @pytest.fixture
    def run(self, tmp_path: Path) -> Callable[[str], "subprocess.CompletedProcess[str]"]:
        apt = f"""#!/bin/sh
if [ "$1" = indextargets ]; then printf "%s" "$KNOWN"; exit; fi
cat {tmp_path}/mysql/apt/sources.list > {tmp_path}/sources
touch {tmp_path}/mysql/apt/archives/x.deb
"""
        script(tmp_path / "bin/apt-get", apt)
        script(
            tmp_path / "bin/dpkg-deb", '#!/bin/sh\nmkdir -p "$3/usr/lib/x-linux-gnu"\necho \'echo "$@"\' > "$3/run"\n'
        )

        def run(known: str) -> "subprocess.CompletedProcess[str]":
            env = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "KNOWN": known}
            argv = [ROOT / "tools/mysql", tmp_path / "mysql"]
            return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=20)

        return run

    def test_takes_unstable_from_the_mirror_of_this_machine(self, run: Any, tmp_path: Path) -> None:
        run("Debian-Security main http://security.test/\nDebian main http://mirror.test/\nDebian main http://x.test/\n")
        assert (tmp_path / "sources").read_text() == "deb http://mirror.test/ sid main\n"
        assert not (tmp_path / "mysql/apt").exists()

    def test_no_mirror(self, run: Any, tmp_path: Path) -> None:
        ran = run("Ubuntu main http://mirror.test/\n")
        assert (ran.returncode, ran.stderr) == (1, "This machine's apt knows no Debian mirror; run: apt-get update\n")
        assert not (tmp_path / "mysql").exists()


class TestApt:
    @pytest.fixture
    def env(self, tmp_path: Path) -> Iterator[dict[str, Any]]:
        """A Debian on which only `here` is installed, for someone who is not root."""
        script(tmp_path / "dpkg-query", '#!/bin/sh\n[ "$4" = here ] && printf installed\n')
        script(tmp_path / "id", "#!/bin/sh\necho 1000\n")
        script(tmp_path / "apt-get", f"#!/bin/sh\ntouch {tmp_path}/called\n")
        yield {"env": {"PATH": f"{tmp_path}:{os.environ['PATH']}"}, "capture_output": True, "text": True}
        assert not (tmp_path / "called").exists()

    def test_all_installed(self, env: dict[str, Any]) -> None:
        result = subprocess.run([ROOT / "tools/apt", "here"], **env)
        assert (result.returncode, result.stdout + result.stderr) == (0, "")

    def test_missing_and_not_root(self, env: dict[str, Any]) -> None:
        result = subprocess.run([ROOT / "tools/apt", "here", "strace"], **env)
        assert result.returncode == 1
        assert result.stderr.splitlines() == [
            "The tests need these packages; run: sudo apt-get update && sudo apt-get install -y strace"
        ]
