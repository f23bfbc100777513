"""Fixtures that the tests of all three rooms share."""

from collections.abc import Callable, Iterator

import pytest

from helpers.paths import ROOT
from helpers.sources import BlobSource


@pytest.fixture(scope="module")
def importable() -> Iterator[None]:
    """Lets the processes that a test starts find the modules of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        yield


@pytest.fixture
def make_source() -> Callable[..., BlobSource]:
    """Makes a BlobSource of any length, with images that cannot be read where asked."""
    return BlobSource


@pytest.fixture
def tiny_source() -> BlobSource:
    """Six images of two sizes and two classes, the first four for training."""
    return BlobSource()
