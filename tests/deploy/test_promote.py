"""deploy/promote.py: one image from one environment's file to the next, and nothing else of the file."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "deploy/promote.py"
REPOSITORY = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/dossier"
IMAGE = {"repository": REPOSITORY, "tag": f"sha-{'a' * 40}", "digest": f"sha256:{'0' * 64}"}
OTHER = {"repository": REPOSITORY, "tag": f"sha-{'b' * 40}", "digest": f"sha256:{'1' * 64}"}
FILE = f"""\
# What DEV runs.
replicas: 2
image:  # changed by machines
  repository: {REPOSITORY}  # one for all

  tag: "sha-{"a" * 40}"
  # by which it is pulled
  digest: 'sha256:{"0" * 64}'
  pullPolicy: IfNotPresent
worker:
  tag: mine
"""


def run(*args: str | Path) -> subprocess.CompletedProcess[str]:
    """The script, as a workflow runs it: without anything but Python's own library."""
    return subprocess.run([sys.executable, "-I", SCRIPT, *args], capture_output=True, text=True, timeout=60)


def wanted(image: dict[str, str]) -> list[str]:
    return [part for name, value in image.items() for part in (f"--{name}", value)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "dev.yaml"
    path.write_text(FILE)
    return path


class TestSet:
    def test_changes_the_image_and_nothing_else(self, file: Path) -> None:
        before = yaml.safe_load(FILE)
        done = run("set", file, *wanted(OTHER))
        assert done.returncode == 0, done.stderr
        after = yaml.safe_load(file.read_text())
        assert after["image"] == before["image"] | OTHER
        assert {**after, "image": None} == {**before, "image": None}
        same = [line for line in FILE.splitlines() if line in file.read_text().splitlines()]
        assert len(same) == len(FILE.splitlines()) - 3

    def test_keeps_comments(self, file: Path) -> None:
        run("set", file, *wanted(OTHER))
        assert file.read_text().count("#") == FILE.count("#")

    def test_twice_is_once(self, file: Path) -> None:
        run("set", file, *wanted(OTHER))
        text = file.read_text()
        assert "(as before)" in run("set", file, *wanted(OTHER)).stdout
        assert file.read_text() == text

    @pytest.mark.parametrize(
        "wrong",
        [
            {"tag": "a b"},
            {"tag": ""},
            {"digest": "sha256:1"},
            {"digest": "latest"},
            {"repository": "x\nevil: 1"},
            {"repository": "$(id)"},
        ],
    )
    def test_refuses_what_is_no_image(self, file: Path, wrong: dict[str, str]) -> None:
        done = run("set", file, *wanted(OTHER | wrong))
        assert done.returncode == 1
        assert "this is no" in done.stderr
        assert file.read_text() == FILE

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "replicas: 2\n",
            FILE.replace("  digest", "  digets"),
            FILE + FILE,
            FILE.replace("image:", "  image:"),
            FILE.replace("  pullPolicy: IfNotPresent", "  tag: twice"),
        ],
    )
    def test_refuses_another_form(self, file: Path, text: str) -> None:
        file.write_text(text)
        assert run("set", file, *wanted(OTHER)).returncode == 1
        assert file.read_text() == text

    def test_fills_what_is_empty(self, file: Path) -> None:
        file.write_text('image:\n  repository: ""\n  tag: ""\n  digest:\n')
        assert run("set", file, *wanted(OTHER)).returncode == 0
        assert yaml.safe_load(file.read_text()) == {"image": OTHER}

    def test_needs_a_file(self, tmp_path: Path) -> None:
        assert run("set", tmp_path / "none.yaml", *wanted(OTHER)).returncode == 1


class TestCopy:
    def test_takes_over_what_was_tried(self, file: Path, tmp_path: Path) -> None:
        stage = tmp_path / "stage.yaml"
        stage.write_text("image:\n  repository: old\n  tag: old\n  digest: old\nreplicas: 3\n")
        assert run("copy", file, stage).returncode == 0
        assert yaml.safe_load(stage.read_text()) == {"image": IMAGE, "replicas": 3}
        assert file.read_text() == FILE

    def test_refuses_what_was_never_filled(self, file: Path, tmp_path: Path) -> None:
        empty = tmp_path / "stage.yaml"
        empty.write_text('image:\n  repository: ""\n  tag: ""\n  digest: ""\n')
        assert run("copy", empty, file).returncode == 1
        assert file.read_text() == FILE


class TestShow:
    @pytest.mark.parametrize("part", IMAGE)
    def test_a_part(self, file: Path, part: str) -> None:
        assert run("show", file, part).stdout == f"{IMAGE[part]}\n"

    def test_all(self, file: Path) -> None:
        assert all(value in run("show", file).stdout for value in IMAGE.values())


@pytest.mark.parametrize("environment", ["dev", "stage", "prod"])
def test_it_can_change_the_files_that_are_there(environment: str, tmp_path: Path) -> None:
    there = ROOT / f"deploy/argocd/environments/{environment}.yaml"
    copy = tmp_path / there.name
    copy.write_text(there.read_text())
    assert run("set", copy, *wanted(OTHER)).returncode == 0
    assert yaml.safe_load(copy.read_text())["image"].items() >= OTHER.items()
