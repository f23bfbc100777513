"""Fixtures that the tests of the stages share."""

import pytest

from maskdistill.stages.distill.config import has_detectron2

_MARKS = {
    "detectron2": [
        pytest.mark.detectron2,
        pytest.mark.skipif(not has_detectron2(), reason="detectron2 is not installed"),
    ]
}


@pytest.fixture(params=[pytest.param(name, marks=_MARKS.get(name, ())) for name in ("detectron2", "torchvision")])
def backend(request: pytest.FixtureRequest) -> str:
    """Each library that a detector can come from."""
    return str(request.param)
