"""What the routes share: the run that is shown, the one that it is compared with, and the cache of its pictures."""

from typing import Annotated

from fastapi import Depends, Request

from maskdistill.pipeline.apps.view.cache import PictureCache
from maskdistill.pipeline.apps.view.comparison import Comparison
from maskdistill.pipeline.apps.view.viewed_run import NotThere, ViewedRun


def run_of(request: Request) -> ViewedRun:
    """The run that the application shows."""
    run: ViewedRun = request.app.state.run
    return run


def cache_of(request: Request) -> PictureCache:
    """The application's pictures."""
    cache: PictureCache = request.app.state.cache
    return cache


def comparison_of(request: Request) -> Comparison | None:
    """The run and the one that it is compared with; None without another one."""
    comparison: Comparison | None = request.app.state.comparison
    return comparison


def both_runs(request: Request) -> Comparison:
    """The same. Raises NotThere without another one."""
    comparison = comparison_of(request)
    if comparison is None:
        raise NotThere("start the page with `maskdistill view --against RUN` to compare two runs")
    return comparison


TheRun = Annotated[ViewedRun, Depends(run_of)]
MaybeBoth = Annotated[Comparison | None, Depends(comparison_of)]
BothRuns = Annotated[Comparison, Depends(both_runs)]
Cache = Annotated[PictureCache, Depends(cache_of)]
