"""Fixtures that the tests of the stages share."""

import pytest

from maskdistill.stages.distill.config import has_detectron2


@pytest.fixture(
    params=[
        "torchvision",
        pytest.param(
            "detectron2",
            marks=[
                pytest.mark.detectron2,
                pytest.mark.skipif(not has_detectron2(), reason="detectron2 is not installed"),
            ],
        ),
    ]
)
def backend(request: pytest.FixtureRequest) -> str:
    """Each library that a detector can come from."""
    return str(request.param)
