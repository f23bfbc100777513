"""Fixtures that the tests of all three rooms share."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from helpers.paths import ROOT
from helpers.sources import BlobSource

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


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


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One browser for each file. Ended with it: while it runs, no other test could start an event loop."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no chromium; apt install chromium")
    # Chromium's own sandbox does not work for root, as in containers.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield chromium
        chromium.close()
