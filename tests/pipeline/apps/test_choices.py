"""What a run says that it chose by itself."""

from pathlib import Path

import numpy as np
from PIL import Image

from maskdistill.pipeline.apps.tables.choices import describe_choices
from maskdistill.pipeline.config import ConfigSource
from maskdistill.pipeline.plan import Plan


def test_machine_and_images_are_named_with_what_follows_from_them(tmp_path: Path) -> None:
    for number in range(3):
        Image.fromarray(np.full((20, 30, 3), number, dtype=np.uint8)).save(tmp_path / f"{number}.png")
    overrides = (f"data.root={tmp_path}", "profile=cpu", "mine.weights=random", f"artifacts={tmp_path / 'made'}")
    first, second = describe_choices(Plan(ConfigSource((Path("images"),), overrides))).splitlines()
    assert first == "3 images, 3 to learn from, profile cpu, vit_small_patch16_224.dino"
    assert second == "detector: regions on vit, 300 steps; segmenter: linear on vit, 300 steps"


def test_a_file_of_weights_is_named_rather_than_a_model_that_is_not_used() -> None:
    assert describe_choices(Plan(ConfigSource((Path("demo"),)))).splitlines()[0].endswith(", scenes_vit.safetensors")
