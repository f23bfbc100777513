"""Settings of the distill stage that do not go together, and what `backend: auto` comes to."""

import pytest

from maskdistill.data.errors import InputError
from maskdistill.stages.distill.config import DistillConfig


@pytest.mark.parametrize(
    "fields",
    [{"scale": (2.0, 1.0)}, {"max_size": 600, "image_size": 640}, {"backend": "x"}, {"detectron2": {"neck": "c4"}}],
)
def test_settings_are_checked(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(fields))):
        DistillConfig.model_validate(fields)


def test_auto_is_what_is_installed() -> None:
    assert DistillConfig().resolved(installed=True).backend == "detectron2"
    assert DistillConfig().resolved(installed=False).backend == "torchvision"
    assert DistillConfig(backend="torchvision").resolved(installed=True).backend == "torchvision"
    with pytest.raises(InputError, match=r"distill\.backend: detectron2 .*not on PyPI.*distill\.backend=torchvision"):
        DistillConfig(backend="detectron2").resolved(installed=False)


@pytest.mark.parametrize(
    ("settings", "unused"),
    [
        ({}, {"vit", "freeze_stages", "freeze_norm"}),
        ({"weights": "resnet.pth"}, {"vit"}),
        ({"backbone": "vit", "weights": "vit.pth"}, {"freeze_stages", "freeze_norm"}),
    ],
)
def test_settings_of_another_backbone_are_no_part_of_the_key(settings: dict[str, str], unused: set[str]) -> None:
    used = set(DistillConfig.model_validate(settings).used())
    assert {"vit", "freeze_stages", "freeze_norm"} - used == unused
