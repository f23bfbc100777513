"""Settings of the segment stage that do not go together, and what they come to."""

import pytest
from pydantic import ValidationError

from maskdistill.stages.segment.config import SegmentConfig


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"deeplab": {"dilations": (0, 1, 2)}}, "dilations"),
        ({"weights": "file.pth", "stages": 3, "freeze_stages": 4}, "freeze_stages"),
        ({"scale": (1.2, 0.8)}, "scale: .* smaller one first"),
        ({"stride": 8}, "stride"),
        ({"window": 32, "stride": 33}, "stride"),
        ({"inference_scales": ()}, "inference_scales"),
        ({"inference_scales": (0.0,)}, "inference_scales"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, object], field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        SegmentConfig.model_validate(settings)


NEVER = {"vit", "whole_regions", "iterations_range", "labels", "mcibi"}
"""Unused unless they are asked for."""
OF_RESNETS = {"output_stride", "stages", "freeze_stages"}


@pytest.mark.parametrize(
    ("settings", "unused"),
    [
        ({}, {"freeze_stages", "crf", *NEVER}),
        ({"weights": "imitate", "crf": {"rounds": True}}, {"crf", *NEVER}),
        ({"weights": "imitate", "crf": {"rounds": True}, "rounds": 2}, NEVER),
        ({"weights": "imitate", "crf": {"predictions": True}}, NEVER),
        ({"whole_regions": True, "iterations_range": (1, 9)}, {"freeze_stages", "crf", "vit", "labels", "mcibi"}),
        ({"labels": "correspond"}, {"freeze_stages", "crf", *NEVER} - {"labels"}),
        ({"iterations": 3, "iterations_range": (1, 9)}, {"freeze_stages", "crf", *NEVER}),
        ({"backbone": "vit", "vit": {"freeze": "none"}}, {"crf", *OF_RESNETS, *NEVER} - {"vit"}),
        ({"backbone": "vit"}, {"crf", "scale", "rotation", *OF_RESNETS, *NEVER} - {"vit"}),
    ],
)
def test_settings_that_change_nothing_are_known(settings: dict[str, object], unused: set[str]) -> None:
    assert SegmentConfig.model_validate(settings).unused() == unused


def test_iterations_from_epochs() -> None:
    assert SegmentConfig(epochs=1.5, batch_size=4).recipe(10).iterations == 4
    assert SegmentConfig(epochs=1.5, batch_size=4, iterations_range=(9, 20)).recipe(10).iterations == 9
    assert SegmentConfig(epochs=1.5, batch_size=4, iterations_range=(9, 20)).recipe(1000).iterations == 20
    assert SegmentConfig(iterations=7).recipe(10).iterations == 7
