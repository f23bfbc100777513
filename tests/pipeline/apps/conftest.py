"""Runs over blob images on disk, with stages that draw instead of computing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers.blob_run import blob_config
from helpers.drawn_stages import StageFunction, drawn_stage
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.pipeline.apps import cli
from maskdistill.pipeline.dag import StageSpec
from maskdistill.stages.contract import StageInputs, StageOutputs
from maskdistill.stages.progress import Progress

Invoke = Callable[..., int]


@pytest.fixture
def config_file(tmp_path: Path, make_source: Callable[..., ImageSource]) -> Path:
    """Six blob images, the last two for validation, without ground truth."""
    return blob_config(tmp_path, make_source())


@pytest.fixture
def labelled(tmp_path: Path, config_file: Path, make_source: Callable[..., ImageSource]) -> None:
    """Gives the images of that configuration their ground truth."""
    blobs = make_source()
    blob_config(tmp_path, blobs, class_names=blobs.class_names)


@pytest.fixture
def use_stages(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str], StageFunction]], None]:
    """Replace the stages of every plan by what a function gives for their names."""

    def use(function_of: Callable[[str], StageFunction]) -> None:
        monkeypatch.setattr(StageSpec, "load", lambda spec: function_of(spec.name))

    return use


@pytest.fixture
def calls(use_stages: Callable[[Callable[[str], StageFunction]], None]) -> list[str]:
    """Replace the stages by ones that draw; the list gets the name of each that ran."""
    names: list[str] = []

    def function_of(name: str) -> StageFunction:
        def run(config: Any, inputs: StageInputs, workdir: Path, progress: Progress) -> StageOutputs:
            names.append(name)
            return drawn_stage(name)(config, inputs, workdir, progress)

        return run

    use_stages(function_of)
    return names


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch, config_file: Path) -> Invoke:
    """Run the command on the test's configuration and give its exit code."""

    def run(*arguments: str, config: bool = True) -> int:
        options = ["-c", str(config_file)] if config else []
        monkeypatch.setattr("sys.argv", ["maskdistill", *arguments, *options])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return int(caught.value.code or 0)

    return run
