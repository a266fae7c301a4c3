"""The wheel is all that is needed: installed by itself, it starts, migrates, and serves the API and the portal."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import BUILT_PORTAL
from tests.test_serve import get
from tools.servers import Server, free_ports

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree, with the portal of the tests in it."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "dossier", "migrations"):
        (source / name).symlink_to(ROOT / name)
    (source / "web" / ".output").mkdir(parents=True)
    (source / "web" / ".output" / "public").symlink_to(BUILT_PORTAL)
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True, text=True)
    (made,) = folder.glob("*.whl")
    return made


def test_what_is_in_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {"dossier/_portal/index.html", "dossier/_migrations/env.py", "dossier/cli.py"} <= names
    built = {f"dossier/_portal/{path.relative_to(BUILT_PORTAL)}" for path in BUILT_PORTAL.rglob("*") if path.is_file()}
    assert {name for name in names if name.startswith("dossier/_portal/")} == built
    assert not [name for name in names if name.startswith(("tests/", "tools/", "web/")) or name.endswith(".pyc")]


class Installed(Server):
    """`dossier serve` out of an unpacked wheel, in a folder of its own."""

    def __init__(self, wheel: Path, folder: Path) -> None:
        super().__init__(folder)
        (self.port,) = free_ports(1)
        self.site = self.folder / "site"
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(self.site)

    def command(self) -> list[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DOSSIER_")}
        data = str(self.folder / "data")
        self.environment = kept | {
            "PYTHONPATH": str(self.site),
            "DOSSIER_PORT": str(self.port),
            "DOSSIER_DATA_DIR": data,
        }
        return [sys.executable, "-P", "-m", "dossier", "serve"]

    def ready(self) -> bool:
        try:
            return get(self.port, "/health/ready")[0] == 200
        except OSError:
            return False


def test_it_starts_by_itself(wheel: Path, tmp_path: Path) -> None:
    server = Installed(wheel, tmp_path)
    server.start()
    try:
        code = "import dossier, dossier.core.migrate as m; print(dossier.__file__)"
        where = subprocess.run(
            [sys.executable, "-P", "-c", code],
            env=server.environment,
            cwd=tmp_path,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        assert where.startswith(str(server.site)), "not the source tree"
        status, page = get(server.port, "/documents")
        assert status == 200
        assert page == (BUILT_PORTAL / "index.html").read_text()
        assert get(server.port, "/api/v1/me")[0] == 401
    finally:
        server.stop()
