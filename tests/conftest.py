"""Fixtures that the tests of all three rooms share."""

from collections.abc import Callable

import pytest

from helpers.paths import ROOT
from helpers.sources import BlobSource
from maskdistill.stages.progress import Silent


class StopAt(Silent):
    """Interrupts a stage after some steps, as a user would."""

    def __init__(self, iteration: int) -> None:
        self.left = iteration

    def advance(self, n: int = 1, **info: float) -> None:
        self.left -= n
        if self.left <= 0:
            raise KeyboardInterrupt


@pytest.fixture
def stop_at() -> type[StopAt]:
    """Makes a Progress that interrupts its stage after so many steps."""
    return StopAt


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets processes that a test starts find the test's own module."""
    monkeypatch.syspath_prepend(str(ROOT))


@pytest.fixture
def make_source() -> Callable[..., BlobSource]:
    """Makes a BlobSource of any length, with images that cannot be read where asked."""
    return BlobSource


@pytest.fixture
def tiny_source() -> BlobSource:
    """Six images of two sizes and two classes, the first four for training."""
    return BlobSource()
