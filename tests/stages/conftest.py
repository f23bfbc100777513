"""Fixtures that the tests of the stages share."""

import pytest

from maskdistill.stages.distill.config import has_detectron2
from maskdistill.stages.registry import DETECTORS

_MARKS = {
    "detectron2": [
        pytest.mark.detectron2,
        pytest.mark.skipif(not has_detectron2(), reason="detectron2 is not installed"),
    ]
}


@pytest.fixture(params=[pytest.param(name, marks=_MARKS.get(name, ())) for name in DETECTORS.methods])
def backend(request: pytest.FixtureRequest) -> str:
    """Each library that a detector can come from."""
    return str(request.param)
