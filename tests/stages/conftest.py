"""Fixtures that the tests of the stages share."""

from collections.abc import Iterator

import pytest

from helpers.paths import ROOT
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


@pytest.fixture(scope="module")
def importable() -> Iterator[None]:
    """Lets the processes that a test starts find the modules of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        yield
