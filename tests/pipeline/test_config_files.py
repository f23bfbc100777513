"""Which file `-c` names, and where the weights lie that a file names."""

from pathlib import Path

import pytest

from maskdistill.data.errors import InputError
from maskdistill.data.typed import plain
from maskdistill.pipeline.config import ConfigSource
from maskdistill.pipeline.config_files import config_names, find_config, read_config


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, far from the checkout."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def write(folder: Path, weights: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(f"data: {{kind: scenes}}\nmine: {{weights: {weights}}}\n")
    return path


@pytest.mark.parametrize("name", ["demo", "images", "voc2012", "coco20k", "cpu"])
def test_shipped_experiments_have_names(name: str, elsewhere: Path) -> None:
    assert name in config_names()
    assert read_config(Path(name))


def test_the_demo_finds_its_weights_from_any_folder(elsewhere: Path) -> None:
    config = ConfigSource((Path("demo"),)).load()
    for weights in (config.mine.weights, config.distill.weights, config.segment.weights):
        assert Path(str(weights)).is_file()


def test_a_file_that_is_there_wins_over_a_name(elsewhere: Path) -> None:
    (elsewhere / "demo").write_text("data: {kind: scenes, seed: 77}")
    assert plain(read_config(Path("demo")))["data"]["seed"] == 77


def test_a_folder_does_not(elsewhere: Path) -> None:
    (elsewhere / "images").mkdir()
    assert find_config(Path("images")) == config_names()["images"]


@pytest.mark.parametrize("name", ["nowhere", "demo.yaml", "configs/demo.yaml"])
def test_an_unknown_name_gives_the_known_ones(name: str, elsewhere: Path) -> None:
    with pytest.raises(InputError, match=f"^{name}: no such configuration file; .*demo, .*images, .*voc2012, cpu"):
        find_config(Path(name))


def test_a_folder_is_no_configuration(elsewhere: Path) -> None:
    with pytest.raises(InputError, match="a folder, not a configuration file"):
        find_config(elsewhere)


def test_what_was_typed_stays_as_it_was(elsewhere: Path) -> None:
    source = ConfigSource((Path("images"), Path("cpu")), ("data.root=photos",))
    source.load()
    assert source.arguments() == "-c images -c cpu -s data.root=photos"
    with pytest.raises(InputError, match=r"^images, cpu: not a usable configuration\n  cluster\.k: "):
        ConfigSource(source.paths, ("cluster.k=0",)).load()


def test_weights_are_sought_beside_the_file_where_the_working_folder_has_none(tmp_path: Path, elsewhere: Path) -> None:
    (tmp_path / "vit.pth").touch()
    path = write(tmp_path, "vit.pth")
    assert read_config(path)["mine"]["weights"] == str(tmp_path / "vit.pth")
    (elsewhere / "vit.pth").touch()
    assert read_config(path)["mine"]["weights"] == "vit.pth"


@pytest.mark.parametrize("weights", ["pretrained", "random", "nowhere.pth", "null", "/nowhere/vit.pth"])
def test_other_weights_stay_as_they_are(tmp_path: Path, elsewhere: Path, weights: str) -> None:
    (tmp_path / "pretrained").touch()
    read = plain(read_config(write(tmp_path, weights)))
    assert read["mine"]["weights"] == (None if weights == "null" else weights)


def test_an_override_means_the_working_folder(tmp_path: Path, elsewhere: Path) -> None:
    (tmp_path / "vit.pth").touch()
    source = ConfigSource((write(tmp_path, "random"),), ("mine.weights=vit.pth",))
    assert str(source.load().mine.weights) == "vit.pth"
