"""The command `view`."""

import secrets
from typing import Annotated

import typer

from maskdistill.pipeline.apps.commands.options import (
    ConfigOption,
    RunOption,
    SetOption,
    config_source,
)
from maskdistill.pipeline.finished import FinishedPlan
from maskdistill.pipeline.runs import find_run


def view(
    config: ConfigOption = None,
    overrides: SetOption = None,
    run_name: RunOption = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; any but 127.0.0.1 lets other machines see the images.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 = any that is free.")] = 8123,
    allow_host: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A further name under which the page may be asked for.")
    ] = None,
    follow_links: Annotated[
        bool, typer.Option("--follow-links", help="Show images and artifacts that are links out of their folder, too.")
    ] = False,
    edit: Annotated[
        bool,
        typer.Option("--edit", help="Let the page change things: exclude and flag, name, merge and split clusters."),
    ] = False,
    against: Annotated[
        str | None, typer.Option(metavar="NAME|KEY", help="Another run, to be compared with side by side.")
    ] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Look at a run in the browser: masks of every stage, clusters, thresholds, and a map of the masks."""
    from maskdistill.pipeline.apps.view.app import make_app
    from maskdistill.pipeline.apps.view.serve import address_of, allowed_hosts, bind, open_browser, serve
    from maskdistill.pipeline.apps.view.viewed_run import ViewedRun

    plan = FinishedPlan(config_source(config, overrides, run_name))
    run, token = ViewedRun(plan, follow_links=follow_links, edit=edit), secrets.token_urlsafe() if edit else None
    other = None
    if against is not None:
        other = ViewedRun(FinishedPlan(find_run(plan.config.artifacts, against)), follow_links=follow_links)
    with bind(host, port) as listener:
        # What follows the # stays in the browser: no server and no log sees it.
        address = address_of(listener, host) + (f"#edit={token}" if edit else "")
        app = make_app(run, [*allowed_hosts(host), *(allow_host or ())], token=token, against=other)
        print(f"{address}  (Ctrl-C ends it)", flush=True)
        serve(app, listener, on_start=lambda: open_browser(address) if open_page else None)
