"""A picture of several methods on the same images."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from maskdistill.data.errors import InputError, MissingArtifact
from maskdistill.pipeline.apps.drawing.gallery import draw_columns
from maskdistill.pipeline.apps.drawing.methods import columns_of
from maskdistill.pipeline.config import ConfigSource

Invoke = Callable[..., int]


@pytest.fixture
def config(config_file: Path, labelled: None) -> ConfigSource:
    """Six labelled blob images."""
    return ConfigSource((config_file,), ("mine.method=otsu",))


def test_each_method_is_a_column_between_image_and_truth(
    config: ConfigSource, calls: list[str], invoke: Invoke, tmp_path: Path
) -> None:
    for on in ("colour", "edges"):
        assert invoke("run", "--no-prefect", "--to", "mine", "-s", "mine.method=otsu", "-s", f"mine.otsu.on={on}") == 0
    columns = columns_of(config, ["mine.otsu.on=colour,edges"])
    assert [(column.title, column.stage) for column in columns] == [("colour", "mine"), ("edges", "mine")]
    draw_columns(columns, tmp_path / "both.png", n_images=2)
    draw_columns(columns[:1], tmp_path / "one.png", n_images=2)
    with Image.open(tmp_path / "both.png") as both, Image.open(tmp_path / "one.png") as one:
        column = both.width - one.width
        assert both.height == one.height
        assert both.width - column * 4 == one.width - column * 3 > 0


def test_a_method_that_was_not_run_is_named_with_its_command(config: ConfigSource) -> None:
    with pytest.raises(MissingArtifact, match="mine"):
        columns_of(config, ["mine.otsu.on=edges"])


def test_a_setting_of_no_picture_is_refused(config: ConfigSource) -> None:
    with pytest.raises(InputError, match=r"features\.short_side=64: the first setting must be of one of mine"):
        columns_of(config, ["features.short_side=64"])
