"""The web application: the routes, what guards them, and how errors are told.

It loads nothing from elsewhere, and takes no path from a request: images and masks have numbers. It only reads, unless
it is given a token: then who holds it may change the edits of the run, and nothing else.
"""

from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware.trustedhost import TrustedHostMiddleware

from maskdistill.data.errors import InputError, MaskDistillError, MissingArtifact, UnreadableImage
from maskdistill.pipeline.apps.view import (
    compare_routes,
    data_routes,
    edit_routes,
    map_routes,
    mask_routes,
    picture_routes,
    truth_routes,
)
from maskdistill.pipeline.apps.view.cache import PictureCache
from maskdistill.pipeline.apps.view.comparison import Comparison
from maskdistill.pipeline.apps.view.folders import LeavesFolder
from maskdistill.pipeline.apps.view.guard import refusal
from maskdistill.pipeline.apps.view.viewed_run import NotThere, ViewedRun

STATIC = Path(__file__).parent / "static"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_STATUS: tuple[tuple[type[MaskDistillError], int], ...] = (
    (MissingArtifact, 404),
    (NotThere, 404),
    (UnreadableImage, 404),
    (LeavesFolder, 403),
    (InputError, 422),
)


def make_app(
    run: ViewedRun,
    hosts: Iterable[str],
    static: Path = STATIC,
    token: str | None = None,
    against: ViewedRun | None = None,
) -> FastAPI:
    """The application over a run.

    Args:
        run: What it shows.
        hosts: The values of the Host header that are answered, without ports; others may come from a foreign page that
            has its own name lead to this machine.
        static: Folder of the page and of what it is made of.
        token: What a request carries that changes edits; None = it only reads.
        against: A run to compare with, whose pictures are then below `/other`; None = none.

    Raises:
        InputError: The two runs have no image in common.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False)
    app.add_exception_handler(MaskDistillError, _tell)
    app.state.run = run
    app.state.cache = PictureCache()
    app.state.comparison = None if against is None else Comparison(run, against)
    for routes in (data_routes, map_routes, mask_routes, picture_routes, edit_routes, truth_routes, compare_routes):
        app.include_router(routes.router)

    @app.middleware("http")
    async def guard(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        refused = refusal(request, token)
        response = await answer(request) if refused is None else _refuse(*refused)
        response.headers.update(HEADERS)
        response.headers.setdefault("Cache-Control", "no-cache")
        return response

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(static / "index.html")

    if against is not None:
        app.mount("/other", make_app(against, hosts, static))
    app.mount("/static", StaticFiles(directory=static))
    return app


async def _tell(_: Request, error: Exception) -> JSONResponse:
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
    return JSONResponse({"detail": str(error)}, status_code=status)


def _refuse(status: int, reason: str) -> JSONResponse:
    return JSONResponse({"detail": reason}, status_code=status)
