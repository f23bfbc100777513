"""What the routes share: the run that is shown, and the cache of its pictures."""

from typing import Annotated

from fastapi import Depends, Request

from maskdistill.pipeline.apps.view.cache import PictureCache
from maskdistill.pipeline.apps.view.viewed_run import ViewedRun


def run_of(request: Request) -> ViewedRun:
    """The run that the application shows."""
    run: ViewedRun = request.app.state.run
    return run


def cache_of(request: Request) -> PictureCache:
    """The application's pictures."""
    cache: PictureCache = request.app.state.cache
    return cache


TheRun = Annotated[ViewedRun, Depends(run_of)]
Cache = Annotated[PictureCache, Depends(cache_of)]
