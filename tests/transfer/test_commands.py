"""`dossier import`, `export` and `doctor` as a script sees them: exit codes, ``--json``, and what people read."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dossier.cli import cli, main
from dossier.core import db
from tests.transfer.office import write

pytestmark = pytest.mark.slow


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with an empty workspace ``acme``."""
    monkeypatch.setenv("DOSSIER_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("DOSSIER_LOG_LEVEL", "error")
    monkeypatch.setitem(db.PRAGMAS, "synchronous", "FULL")  # which other tests do without
    assert run("user", "add", "mara@example.com", "--workspace", "acme", "--role", "owner").exit_code == 0
    return tmp_path / "var"


def run(*words: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(cli, words)


def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run a command that is to refuse: exit code 1 and one line on standard error."""
    monkeypatch.setattr("sys.argv", ["dossier", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    return capsys.readouterr().err


class TestImport:
    def test_counts(self, data: Path, tmp_path: Path) -> None:
        tree = str(write(tmp_path / "in", {"a": b"1", "b/c": b"2"}))
        done = run("import", tree, "--workspace", "acme", "--folder", "In/2026", "--json")
        report = json.loads(done.stdout)
        assert (done.exit_code, report["added"], report["folders"], report["bytes"]) == (0, 2, 1, 2)
        again = run("import", tree, "--workspace", "acme", "--folder", "In/2026")
        assert (again.exit_code, again.stdout) == (
            0,
            "2 files (0.0 MB) in 1 folders: 0 added, 0 new versions, 2 unchanged, 0 failed, 0 skipped\n",
        )

    def test_failures_are_told_and_end_with_1(self, data: Path, tmp_path: Path) -> None:
        root = write(tmp_path / "in", {"a": b"1", "bad\nname": b"2"})
        (root / "link").symlink_to("a")
        done = run("import", str(root), "--workspace", "acme")
        assert done.exit_code == 1
        assert "1 added" in done.stdout
        assert "bad\nname: A name cannot hold control characters or line breaks. [bad_name]" in done.stderr
        assert "skipped: 1 × a symbolic link" in done.stderr

    def test_as_a_member(
        self, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        tree = str(write(tmp_path / "in", {"a": b"1"}))
        assert run("import", tree, "--workspace", "acme", "--as", "mara@example.com").exit_code == 0
        said = refused(monkeypatch, capsys, "import", tree, "--workspace", "acme", "--as", "who@example.com")
        assert "who@example.com is no member of acme." in said

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("import", "nowhere", "--workspace", "acme"), "path_unfit"),
            (("import", ".", "--workspace", "none"), "workspace_not_found"),
            (("import", ".", "--workspace", "acme", "--folder", "a/../b"), "bad_name"),
            (("export", "/dev/null", "--workspace", "acme"), "path_unfit"),
            (("export", "out", "--workspace", "none"), "workspace_not_found"),
            (("doctor", "--workspace", "none"), "workspace_not_found"),
        ],
    )
    def test_refusals(
        self,
        data: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        words: tuple[str, ...],
        said: str,
    ) -> None:
        monkeypatch.chdir(write(tmp_path / "in", {"a": b"1"}))
        assert f"[{said}]" in refused(monkeypatch, capsys, *words)


class TestExport:
    def test_out_and_in_again(
        self, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run("import", str(write(tmp_path / "in", {"a": b"1", "b/c": b"2"})), "--workspace", "acme")
        out = tmp_path / "out"
        done = run("export", str(out), "--workspace", "acme", "--json")
        assert (done.exit_code, json.loads(done.stdout)["documents"]) == (0, 2)
        run("user", "add", "mara@example.com", "--workspace", "beta", "--role", "owner")
        done = run("import", str(out), "--workspace", "beta", "--json")
        assert (done.exit_code, json.loads(done.stdout)["documents"]) == (0, 2)
        assert run("import", str(out), "--workspace", "beta").stdout.startswith("documents 0,")
        said = refused(monkeypatch, capsys, "import", str(out), "--workspace", "beta", "--folder", "x")
        assert "without --folder" in said

    def test_damage_ends_with_1(self, data: Path, tmp_path: Path) -> None:
        run("import", str(write(tmp_path / "in", {"a": b"1"})), "--workspace", "acme")
        next(path for path in (data / "blobs").rglob("*") if path.is_file()).unlink()
        done = run("export", str(tmp_path / "out"), "--workspace", "acme")
        assert done.exit_code == 1
        assert "documents/a (version 1)" in done.stderr


class TestDoctor:
    def test_sound(self, data: Path) -> None:
        done = run("doctor")
        assert (done.exit_code, done.stdout.strip().endswith("no findings")) == (0, True)
        assert json.loads(run("doctor", "--json").stdout)["counts"] == {}

    def test_a_finding_ends_with_1(self, data: Path, tmp_path: Path) -> None:
        run("import", str(write(tmp_path / "in", {"a": b"1"})), "--workspace", "acme")
        next(path for path in (data / "blobs").rglob("*") if path.is_file()).unlink()
        done = run("doctor", "--workspace", "acme")
        assert done.exit_code == 1
        assert "1 × blob_missing: a content's bytes are gone" in done.stdout
        found = json.loads(run("doctor", "--json").stdout)
        assert (found["counts"], len(found["findings"])) == ({"blob_missing": 1}, 1)
