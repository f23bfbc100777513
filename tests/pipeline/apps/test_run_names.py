"""A folder is enough to start a run, and its name is enough to come back to it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from helpers.sources import write_image
from maskdistill.pipeline.apps.cli import app

QUICK = ("--no-prefect", "--to", "mine", "-s", "mine.method=otsu", "-s", "profile=cpu", "-s", "mine.weights=random")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        write_image(tmp_path / "pics #1" / f"{number}.png")


def maskdistill(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_folder_is_enough(tmp_path: Path) -> None:
    printed = maskdistill("run", "pics #1", "--classes", "2", *QUICK)
    (run,) = (tmp_path / "artifacts" / "runs").glob("*.yaml")
    assert run.stem.startswith("pics-1-")
    assert f"maskdistill view --run {run.stem}" in printed
    assert "kind: folder" in run.read_text()
    assert "  k: 2\n" in run.read_text()


def test_the_last_run_is_the_one_that_is_meant(tmp_path: Path) -> None:
    """Without -c, every command is about it; --run takes up an earlier one, and settings may change on top."""
    maskdistill("run", "pics #1", "--classes", "2", "--name", "two", *QUICK)
    write_image(tmp_path / "others" / "a.png")
    maskdistill("run", "others", "--classes", "3", "--name", "three", *QUICK)
    assert "k: 3\n" in maskdistill("config", "show")
    assert "k: 2\n" in maskdistill("config", "show", "--run", "two")
    assert "k: 5\n" in maskdistill("config", "show", "--run", "two", "-s", "cluster.k=5")
    assert "cached" in maskdistill("status", "--run", "two")
    assert "3 masks" in maskdistill("run", "--run", "two", "--no-prefect", "--to", "mine")
    listed = maskdistill("runs")
    assert listed.index("two") < listed.index("three")
    assert "k: 8\n" in maskdistill("config", "show", "-c", "demo")


def test_without_any_run_the_demo_is_meant() -> None:
    assert "kind: scenes" in maskdistill("config", "show")
    assert "no run was started here yet" in maskdistill("runs")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("run", "nowhere"), "nowhere: there is no such folder"),
        (("run", "pics #1", "--run", "last"), "it has its images"),
        (("status", "--run", "mine"), "--run mine: no such run in artifacts"),
        (("status", "--run", "last", "-c", "demo"), "leave -c away"),
        (("run", "pics #1", "--name", "a/b", *QUICK), "--name a/b"),
    ],
)
def test_what_cannot_be_is_said(arguments: tuple[str, ...], text: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code != 0
    assert text in str(result.exception)
    assert not list(Path("artifacts").glob("runs/*"))
