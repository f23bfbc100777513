"""The commands that look at artifacts: `inspect` and `gallery`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from data.errors import InputError
from pipeline.commands.options import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    SetOption,
    config_source,
    output,
    print_json,
)
from pipeline.dag import STAGE_NAMES, STAGES
from pipeline.plan import Plan

VIEW_NAMES = ", ".join(spec.shows for spec in STAGES)


def inspect(
    view: Annotated[str, typer.Argument(help=f"One of {VIEW_NAMES}.")],
    config: ConfigOption = DEFAULT_CONFIG,
    overrides: SetOption = None,
    image: Annotated[str | None, typer.Option(help="Id of an image to draw.")] = None,
    out: Annotated[Path | None, typer.Option(help="PNG to write the drawn image to.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Look at what a stage made: figures of all of it, or a picture of one image."""
    from pipeline.inspect.tables import print_summary
    from pipeline.inspect.views import View

    if (image is None) != (out is None):
        raise InputError("inspect: --image ID and --out FILE.png go together")
    plan = Plan(config_source(config, overrides))
    shown = View.of(plan, view)
    if image is not None and out is not None:
        shown.save_picture(image, plan.source, out)
        print(out)
    elif as_json:
        print_json(shown.summary())
    else:
        print_summary(view, shown.summary(), output())


def gallery(
    out: Annotated[Path, typer.Option(help="PNG to write.")],
    config: ConfigOption = DEFAULT_CONFIG,
    overrides: SetOption = None,
    images: Annotated[int, typer.Option(min=1, help="Number of images.")] = 8,
) -> None:
    """Draw what every stage made of some images, side by side with the ground truth."""
    from pipeline.evaluation import evaluate_stage
    from pipeline.inspect.gallery import save_gallery

    plan = Plan(config_source(config, overrides))
    plan.require(STAGE_NAMES[-1], "gallery")
    save_gallery(plan, evaluate_stage(plan, STAGE_NAMES[-1], Console(stderr=True)), out, images)
    print(out)
