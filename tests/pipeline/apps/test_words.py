"""What helps with typing: the version, names of stages and of what they leave, a first configuration, explanations."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from maskdistill.data.errors import InputError, MissingArtifact
from maskdistill.pipeline.apps.cli import app
from maskdistill.pipeline.apps.commands.table import COMMANDS, Commands
from maskdistill.pipeline.apps.commands.words import STAGES, views
from maskdistill.pipeline.config import ConfigSource
from maskdistill.pipeline.explained import explained_yaml
from maskdistill.stages.networks.download import download_bytes


def test_the_version_is_that_of_the_package() -> None:
    assert CliRunner().invoke(app, ["--version"]).output == f"maskdistill {version('maskdistill')}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_each_says_of_itself(name: str) -> None:
    first = Commands()[name].help.partition("\n\n")[0]
    assert COMMANDS[name].help == " ".join(first.split())


def test_a_command_that_is_not_there_is_bad_usage() -> None:
    result = CliRunner().invoke(app, ["stat"])
    assert result.exit_code == 2 and "status" in result.output


def test_names_of_stages_and_of_what_they_leave_stand_for_each_other() -> None:
    assert STAGES["parser"]("pseudo-labels") == "filter" and STAGES["parser"]("filter") == "filter"
    assert views()["parser"]("mine") == "masks" and views()["parser"]("nothing") == "nothing"
    assert STAGES["autocompletion"]("cl") == ["cluster", "clusters"]
    assert "masks|clusters" in views()["metavar"]


@pytest.mark.parametrize("view", ["mine", "masks"])
def test_inspect_takes_both(view: str, tmp_path: Path) -> None:
    line = ["inspect", view, "-c", "demo", "-s", f"artifacts={tmp_path}"]
    result = CliRunner().invoke(app, line)
    assert isinstance(result.exception, MissingArtifact) and "inspect masks needs" in str(result.exception)


def test_init_writes_a_configuration_with_comments(tmp_path: Path) -> None:
    file, images = tmp_path / "my.yaml", tmp_path / "my photos"
    line = ["init", str(file), "--images", str(images), "--classes", "7"]
    result = CliRunner().invoke(app, line)
    assert result.exit_code == 0, result.output
    assert f"maskdistill run -c {file}" in file.read_text() and file.read_text().count("#") > 10
    config = ConfigSource((file,)).load(gpu=False)
    assert (config.cluster.k, config.data.model_dump()["root"]) == (7, images)
    again = CliRunner().invoke(app, line)
    assert isinstance(again.exception, InputError) and "--force" in str(again.exception)


def test_every_setting_is_explained_and_keeps_its_value() -> None:
    config = ConfigSource((Path("demo"),)).load()
    text = explained_yaml(config)
    assert yaml.safe_load(text) == config.model_dump(mode="json")
    assert "# Base of every random number.\nseed: 0" in text
    assert re.search(r"# .*Short side.*\n(  +# .*\n)*  +image_size:", text)
    assert max(map(len, text.splitlines())) <= 120


def test_a_download_is_announced_with_its_size() -> None:
    assert 80e6 < download_bytes("vit_small_patch16_224.dino") < 90e6
