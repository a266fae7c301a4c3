"""The workflows: judged by zizmor and actionlint, and held against what they run."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github/workflows"
TOOLS = ROOT / ".delivery/bin"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yml"))
TEXTS = {name: (FOLDER / f"{name}.yml").read_text() for name in NAMES}
# YAML 1.1 reads the key `on` as true.
WORKFLOWS: dict[str, dict[Any, Any]] = {name: yaml.safe_load(text) for name, text in TEXTS.items()}
JOBS = [(name, job, each) for name, workflow in WORKFLOWS.items() for job, each in workflow["jobs"].items()]
OWN = [pytest.param(name, each, id=f"{name}-{job}") for name, job, each in JOBS if "steps" in each]
USE = re.compile(r"uses: (\S+?)@(\S+)(?: # (v\d+\.\d+\.\d+))?$", re.M)
# Who may write what: one that asks for more has to be put here first.
MAY_WRITE = {
    ("deploy", "deploy"): {"contents"},
    ("image", "image"): {"attestations", "id-token"},
    ("main", "dev"): {"contents"},
    ("main", "image"): {"attestations", "id-token"},
    ("prod", "prod"): {"contents"},
    ("release", "files"): {"attestations", "id-token"},
    ("release", "image"): {"attestations", "id-token"},
    ("release", "publish"): {"contents"},
    ("rollback", "back"): {"contents"},
    ("stacks", "stacks"): {"id-token"},
    ("stage", "stage"): {"contents"},
    ("updates", "propose"): {"contents", "pull-requests"},
}


def run(tool: str, *args: str | Path) -> subprocess.CompletedProcess[str]:
    """One of the programs that judge the delivery."""
    program = TOOLS / tool
    assert program.exists(), f"there is no {program.relative_to(ROOT)}: `make .delivery/.done` fetches it"
    return subprocess.run([program, *args], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def triggers(name: str) -> dict[str, Any]:
    """What starts a workflow."""
    found = WORKFLOWS[name][True]
    return dict.fromkeys(found) if isinstance(found, list) else found


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every step with the name of its workflow."""
    for name, _job, each in JOBS:
        yield from ((name, step) for step in each.get("steps", []))


def scripts() -> str:
    """All that is run in a shell."""
    return "\n".join(step["run"] for _, step in steps() if "run" in step)


@pytest.mark.slow
class TestJudged:
    def test_zizmor_finds_nothing(self) -> None:
        done = run("zizmor", "--offline", "--no-progress", "--no-config", ROOT / ".github")
        assert done.returncode == 0, done.stdout

    def test_actionlint_finds_nothing(self) -> None:
        done = run("actionlint", *FOLDER.glob("*.yml"))
        assert done.returncode == 0, done.stdout

    @pytest.mark.parametrize(
        ("tool", "args"), [("zizmor", ["--offline", "--no-progress", "--no-config"]), ("actionlint", [])]
    )
    def test_they_would_find_something(self, tool: str, args: list[str], tmp_path: Path) -> None:
        broken = TEXTS["ci"].replace(
            'run: make check PYTHON=python JOBS="$JOBS"', "run: echo ${{ github.event.pull_request.title }}"
        )
        assert broken != TEXTS["ci"]
        path = tmp_path / ".github/workflows/ci.yml"
        path.parent.mkdir(parents=True)
        path.write_text(broken)
        assert run(tool, *args, path).returncode != 0


class TestPins:
    def test_every_action_is_pinned_by_hash_with_its_version(self) -> None:
        found = [(name, *use) for name, text in TEXTS.items() for use in USE.findall(text)]
        assert len(found) > 20
        assert [use for use in found if not re.fullmatch(r"[0-9a-f]{40}", use[2]) or not use[3]] == []
        written = sum(len(re.findall(r"uses: (?!\$/)", text)) for text in TEXTS.values())
        assert len(found) == written, "an action without an @, or a remark behind it that is no version"

    def test_one_action_has_one_version(self) -> None:
        found: dict[str, set[tuple[str, str]]] = {}
        for text in TEXTS.values():
            for action, digest, version in USE.findall(text):
                found.setdefault(action, set()).add((digest, version))
        assert {action: pins for action, pins in found.items() if len(pins) > 1} == {}

    def test_the_table_says_where_each_was_seen(self) -> None:
        table = (ROOT / ".github/README.md").read_text()
        used = {use for text in TEXTS.values() for use in USE.findall(text)}
        rows = set(re.findall(r"^\| `(\S+)` \| `([0-9a-f]{40})` \| (v\S+) \|", table, re.M))
        assert rows == used

    def test_what_is_called_is_there(self) -> None:
        called = {path for text in TEXTS.values() for path in re.findall(r"uses: \$/(\S+)", text)}
        assert called
        assert [path for path in called if not (ROOT / path).exists()] == []


class TestRights:
    @pytest.mark.parametrize("name", NAMES)
    def test_none_but_what_a_job_asks_for(self, name: str) -> None:
        assert WORKFLOWS[name]["permissions"] == {}
        assert all("permissions" in job for job in WORKFLOWS[name]["jobs"].values())

    def test_only_those_write_that_have_to(self) -> None:
        found = {
            (name, job): {right for right, how in each["permissions"].items() if how == "write"}
            for name, job, each in JOBS
        }
        assert {where: rights for where, rights in found.items() if rights} == MAY_WRITE

    def test_what_strangers_start_writes_nothing(self) -> None:
        for name in NAMES:
            assert not triggers(name).keys() & {"pull_request_target", "workflow_run", "issue_comment"}
            if "pull_request" in triggers(name):
                assert not [where for where in MAY_WRITE if where[0] == name]

    def test_no_secret_and_no_lasting_key(self) -> None:
        text = "\n".join(TEXTS.values())
        assert "secrets." not in text
        assert "secrets: inherit" not in text
        assert not re.search(r"aws-(access-key|secret)", text, re.I)
        assert not re.search(r"\b\d{12}\b", text)

    def test_checkouts_leave_no_key_behind(self) -> None:
        found = [step for _, step in steps() if step.get("uses", "").startswith("actions/checkout@")]
        assert len(found) > 5
        assert all(step["with"]["persist-credentials"] is False for step in found)

    def test_nothing_of_an_event_is_pasted_into_a_shell(self) -> None:
        assert "${{" not in scripts()

    def test_an_environment_stands_before_what_people_use(self) -> None:
        for name, job in (("deploy", "deploy"), ("rollback", "back"), ("stacks", "stacks")):
            assert WORKFLOWS[name]["jobs"][job]["environment"]["name"] == "${{ inputs.environment }}"


class TestBounds:
    @pytest.mark.parametrize(("name", "job"), OWN)
    def test_every_job_ends(self, name: str, job: dict[str, Any]) -> None:
        assert 1 <= job["timeout-minutes"] <= 60, name
        assert job["runs-on"] == "ubuntu-24.04"

    @pytest.mark.parametrize("name", sorted({*NAMES} - {"image"}))
    def test_nothing_overtakes_itself(self, name: str) -> None:
        assert WORKFLOWS[name]["concurrency"]["group"]

    def test_one_deployment_at_a_time(self) -> None:
        groups = {WORKFLOWS[name]["concurrency"]["group"] for name in ("deploy", "rollback")}
        assert groups == {"deploy-${{ inputs.environment }}"}
        assert not any(WORKFLOWS[name]["concurrency"]["cancel-in-progress"] for name in ("deploy", "rollback", "main"))


class TestWhatTheyRun:
    def test_every_target_of_make_is_there(self) -> None:
        there = set(re.findall(r"^([a-z][\w.-]*):", (ROOT / "Makefile").read_text(), re.M))
        lines = [line for line in scripts().splitlines() if re.match(r"\s*make ", line)]
        asked = {word for line in lines for word in line.split()[1:] if "=" not in word}
        assert {"check", "test", "lock"} <= asked
        assert asked <= there

    def test_every_file_is_there(self) -> None:
        named = set(re.findall(r"(?<![.\w])((?:deploy|tools|web|changelog|tests)/[\w./-]+\w)", scripts()))
        made = {"deploy/argocd/environments", "web/.output", "tools/npm", "web/package-lock.json"}
        assert {"deploy/promote.py", "deploy/rollout.sh", "deploy/smoke.sh", "deploy/notes.sh"} <= named
        assert [name for name in named - made if not (ROOT / name).exists()] == []

    def test_the_role_in_aws_may_do_what_the_image_needs(self) -> None:
        said = set(re.findall(r"aws ecr ([a-z-]+)", scripts()))
        verbs = {each.title().replace("-", "") for each in said - {"get-login-password"}} | {"GetAuthorizationToken"}
        role = (ROOT / "deploy/cloudformation/registry.yml").read_text()
        assert {f"ecr:{verb}" for verb in verbs} <= set(re.findall(r'"(ecr:\w+)"', role))

    def test_every_script_can_be_started(self) -> None:
        for name in ("deploy/rollout.sh", "deploy/smoke.sh"):
            assert os.access(ROOT / name, os.X_OK), name

    @pytest.mark.parametrize("name", NAMES)
    def test_called_ones_get_what_they_take(self, name: str) -> None:
        for job in WORKFLOWS[name]["jobs"].values():
            if "uses" in job:
                other = triggers(Path(job["uses"]).stem)["workflow_call"] or {}
                takes = other.get("inputs", {})
                given = job.get("with", {}).keys()
                assert given <= takes.keys()
                assert {key for key, each in takes.items() if each.get("required")} <= given

    def test_the_parts_are_all_tests_and_each_once(self) -> None:
        parts = WORKFLOWS["ci"]["jobs"]["test"]["strategy"]["matrix"]["part"]
        named = [path for part in parts for path in part["tests"].split()]
        tests = ROOT / "tests"
        there = {path for path in tests.iterdir() if path.name.startswith("test_") or any(path.glob("**/test_*.py"))}
        assert sorted(named) == sorted(str(path.relative_to(ROOT)) for path in there)

    def test_every_python_that_is_promised(self) -> None:
        versions = WORKFLOWS["ci"]["jobs"]["check"]["strategy"]["matrix"]["python"]
        assert versions == ["3.11", "3.12", "3.13", "3.14"]
        assert f'requires-python = ">={versions[0]}"' in (ROOT / "pyproject.toml").read_text()

    def test_images_go_from_one_environment_to_the_next(self) -> None:
        order = [WORKFLOWS[name]["jobs"][name]["with"] for name in ("stage", "prod")]
        assert order == [{"environment": "stage", "from": "dev"}, {"environment": "prod", "from": "stage"}]
        assert triggers("prod").keys() == {"workflow_dispatch"}
        assert triggers("stage").keys() == {"workflow_dispatch", "schedule"}
        assert triggers("main") == {"push": {"branches": ["main"]}}

    def test_a_deployment_is_looked_at_before_its_tag_moves(self) -> None:
        for name, job in (("deploy", "deploy"), ("rollback", "back")):
            ran = [step.get("run", "") for step in WORKFLOWS[name]["jobs"][job]["steps"]]
            looked = next(place for place, text in enumerate(ran) if "smoke.sh" in text)
            tagged = next(place for place, text in enumerate(ran) if "rollout.sh tag" in text)
            assert looked < tagged

    def test_an_image_is_scanned_before_it_is_pushed_and_signed_after(self) -> None:
        names = [step.get("name", "") for step in WORKFLOWS["image"]["jobs"]["image"]["steps"]]
        order = ["Build", "Scan", "Push", "Sign", "Attest what is in it", "Attest where it comes from"]
        assert [name for name in names if name in order] == order


class TestNotes:
    def test_hold_every_fragment(self) -> None:
        done = subprocess.run(["sh", ROOT / "deploy/notes.sh"], capture_output=True, text=True, timeout=60, check=True)
        fragments = list((ROOT / "changelog/unreleased").glob("*.md"))
        assert len(re.findall(r"^- ", done.stdout, re.M)) == len(fragments) > 0
        lines = done.stdout.splitlines()
        breaking = [place for place, line in enumerate(lines) if line.startswith("- **Breaking")]
        assert breaking == list(range(len(breaking))) or not breaking
