"""What surrounds the code: workflow, container, issue templates and hooks fit what is there."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from helpers.paths import ROOT

TEMPLATES = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def test_the_workflow_runs_what_continuous_integration_runs_elsewhere() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "check.yml").read_text())["jobs"]
    assert any(step.get("run") == ".ci/run" for step in jobs["check"]["steps"])
    tested = set(jobs["check"]["strategy"]["matrix"]["python"])
    assert tested == set(re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text()))
    assert any(step.get("run") == "make docs" for step in jobs["docs"]["steps"])


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_issue_templates_are_forms(path: Path) -> None:
    form = yaml.safe_load(path.read_text())
    assert {"name", "description", "body"} <= form.keys()
    ids = [part["id"] for part in form["body"]]
    assert len(ids) == len(set(ids)) and all(part["attributes"]["label"] for part in form["body"])


def test_hooks_call_the_tools_of_the_environment() -> None:
    [local] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    commands = [hook["entry"].split() for hook in local["hooks"]]
    assert {tuple(words[:2]) for words in commands} == {
        (".venv/bin/ruff", "check"), (".venv/bin/ruff", "format"), ("make", "typecheck")}  # fmt: skip


def test_the_container_installs_what_there_is() -> None:
    text = (ROOT / "Dockerfile").read_text()
    extras = re.findall(r"'\.\[([a-z,]+)\]'", text)[0].split(",")
    project = (ROOT / "pyproject.toml").read_text()
    assert all(re.search(rf"^{extra} = \[", project, re.MULTILINE) for extra in extras)
    assert re.search(r"^uv==", (ROOT / "constraints.txt").read_text(), re.MULTILINE)


def test_all_that_make_installs_is_pinned() -> None:
    text = (ROOT / "Makefile").read_text()
    installed = set(",".join(re.findall(r"-c constraints\.txt -e '\.\[([a-z0-9,-]+)\]'", text)).split(","))
    assert installed == {"dev", "docs", "fuzz", "ray", "test-s3"}
    assert installed <= set(re.findall(r"--extra ([a-z0-9-]+)", text))


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint is not installed")
def test_the_linter_finds_nothing_in_the_container() -> None:
    result = subprocess.run(["hadolint", "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
