"""The page of a finished run and that of an empty one, in headless Chromium."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from helpers.visitor import Visitor
from maskdistill.pipeline.apps.view.app import make_app
from maskdistill.pipeline.apps.view.serve import address_of, allowed_hosts, bind
from maskdistill.pipeline.apps.view.viewed_run import ViewedRun
from maskdistill.pipeline.plan import Plan

TOKEN = "token-of-the-tests"


@contextmanager
def served(plan: Plan, token: str | None = None, against: Plan | None = None) -> Iterator[str]:
    with bind("127.0.0.1", 0) as listener:
        other = None if against is None else ViewedRun(against)
        app = make_app(ViewedRun(plan, edit=token is not None), allowed_hosts("127.0.0.1"), token=token, against=other)
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield address_of(listener, "127.0.0.1")
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def runs(
    tmp_path_factory: pytest.TempPathFactory, photo_plan: Callable[[Path], Plan], write_run: Callable[[Plan], None]
) -> Iterator[dict[str, str]]:
    """Addresses of a finished run, with one photo gone, and of one that has made nothing."""
    finished, empty = (photo_plan(tmp_path_factory.mktemp(name)) for name in ("finished", "empty"))
    write_run(finished)
    (finished.config.artifacts.parent / "photos" / "02.png").unlink()
    with served(finished) as first, served(empty) as second:
        yield {"finished": first, "empty": second}


@pytest.fixture
def edited_plan(tmp_path: Path, photo_plan: Callable[[Path], Plan], write_run: Callable[[Plan], None]) -> Plan:
    """A finished run for one test alone, to be changed."""
    plan = photo_plan(tmp_path)
    write_run(plan)
    return plan


@pytest.fixture
def editor(browser: Any, edited_plan: Plan) -> Iterator[Visitor]:
    """A visitor who may change that run."""
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    with served(edited_plan, TOKEN) as address:
        found = Visitor(context.new_page(), address)
        found.page.goto(f"{address}#edit={TOKEN}")
        found.ready()
        yield found
        context.close()
    assert found.faults == []


@pytest.fixture
def visitor(browser: Any, runs: dict[str, str]) -> Iterator[Visitor]:
    """A visitor of the finished run, in a fresh window; no script may fail, and nothing be asked for elsewhere."""
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    found = Visitor(context.new_page(), runs["finished"])
    yield found
    context.close()
    assert found.faults == []


@pytest.fixture
def serve() -> Callable[..., AbstractContextManager[str]]:
    """Serves the page of a plan and gives its address; with `against`, that of two."""
    return served
