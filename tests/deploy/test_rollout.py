"""deploy/rollout.sh on a clone of a repository that others push to as well."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "deploy/rollout.sh"
FILE = "deploy/argocd/environments/dev.yaml"
WHO = {
    **{f"GIT_{role}_{part}": "a@example.com" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}


def git(where: Path, *args: str) -> str:
    argv = ["git", "-C", str(where), *args]
    return subprocess.run(argv, env=os.environ | WHO, capture_output=True, text=True, check=True).stdout.strip()


def rollout(where: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SCRIPT, *args], cwd=where, env=os.environ | WHO, capture_output=True, text=True, timeout=60)


def change(where: Path, text: str, name: str = FILE) -> None:
    (where / name).parent.mkdir(parents=True, exist_ok=True)
    (where / name).write_text(text)


def commit(where: Path, text: str, name: str = FILE) -> None:
    change(where, text, name)
    git(where, "add", ".")
    git(where, "commit", "-m", text)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of a bare repository whose main runs ``one``."""
    git(tmp_path, "init", "--bare", "--initial-branch=main", "origin")
    git(tmp_path, "clone", "origin", "clone")
    clone = tmp_path / "clone"
    git(clone, "checkout", "-b", "main")
    commit(clone, "one")
    git(clone, "push", "origin", "main")
    return clone


@pytest.fixture
def other(clone: Path) -> Path:
    """Somebody else's clone."""
    git(clone.parent, "clone", "origin", "other")
    return clone.parent / "other"


def at_origin(clone: Path, name: str = FILE) -> str:
    return git(clone.parent / "origin", "show", f"main:{name}")


class TestCommit:
    def test_pushes_the_file_alone(self, clone: Path) -> None:
        change(clone, "two")
        change(clone, "mine", "notes")
        assert rollout(clone, "commit", "dev", "dev: two").returncode == 0
        assert at_origin(clone) == "two"
        assert git(clone, "log", "-1", "--format=%s", "--name-only") == f"dev: two\n\n{FILE}"

    def test_nothing_where_nothing_changed(self, clone: Path) -> None:
        before = git(clone, "rev-parse", "HEAD")
        assert rollout(clone, "commit", "dev", "dev: one").returncode == 0
        assert git(clone, "rev-parse", "HEAD") == before

    def test_goes_on_top_of_what_others_pushed(self, clone: Path, other: Path) -> None:
        commit(other, "theirs", "code.py")
        git(other, "push", "origin", "main")
        change(clone, "two")
        done = rollout(clone, "commit", "dev", "dev: two")
        assert done.returncode == 0, done.stderr
        assert (at_origin(clone), at_origin(clone, "code.py")) == ("two", "theirs")

    def test_gives_up_where_others_changed_the_same(self, clone: Path, other: Path) -> None:
        commit(other, "theirs")
        git(other, "push", "origin", "main")
        change(clone, "two")
        assert rollout(clone, "commit", "dev", "dev: two").returncode != 0
        assert at_origin(clone) == "theirs"

    def test_needs_an_environment(self, clone: Path) -> None:
        assert rollout(clone, "commit", "moon", "x").returncode == 2


class TestBack:
    def test_runs_what_ran_before(self, clone: Path) -> None:
        commit(clone, "two")
        commit(clone, "code", "code.py")
        assert rollout(clone, "back", "dev").returncode == 0
        assert (at_origin(clone), at_origin(clone, "code.py")) == ("one", "code")

    def test_twice_is_forward_again(self, clone: Path) -> None:
        commit(clone, "two")
        rollout(clone, "back", "dev")
        assert rollout(clone, "back", "dev").returncode == 0
        assert at_origin(clone) == "two"

    def test_not_before_the_first(self, clone: Path) -> None:
        done = rollout(clone, "back", "dev")
        assert done.returncode == 1
        assert "nothing else" in done.stderr

    def test_not_what_changed_more(self, clone: Path) -> None:
        change(clone, "two")
        commit(clone, "code", "code.py")
        assert rollout(clone, "back", "dev").returncode == 1


class TestTag:
    def test_moves(self, clone: Path) -> None:
        first = git(clone, "rev-parse", "HEAD")
        commit(clone, "two")
        git(clone, "push", "origin", "main")
        for revision in (first, git(clone, "rev-parse", "HEAD")):
            assert rollout(clone, "tag", "dev", revision).returncode == 0
            assert git(clone.parent / "origin", "rev-parse", "env-DEV") == revision

    def test_needs_a_commit(self, clone: Path) -> None:
        assert rollout(clone, "tag", "dev", "f" * 40).returncode != 0
