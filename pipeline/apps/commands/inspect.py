"""The commands that look at artifacts: `inspect`, `diff` and `gallery`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from maskdistill.data.errors import InputError
from maskdistill.pipeline.apps.commands.options import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    SetOption,
    config_source,
    output,
    print_json,
)
from maskdistill.pipeline.artifacts import ArtifactStore
from maskdistill.pipeline.dag import STAGE_NAMES, STAGES
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.progress import show_progress

VIEW_NAMES = ", ".join(spec.shows for spec in STAGES)


def inspect(
    view: Annotated[str, typer.Argument(help=f"One of {VIEW_NAMES}.")],
    config: ConfigOption = DEFAULT_CONFIG,
    overrides: SetOption = None,
    image: Annotated[str | None, typer.Option(help="Id of an image to draw.")] = None,
    out: Annotated[Path | None, typer.Option(help="PNG to write the drawn image to.")] = None,
    sheet: Annotated[Path | None, typer.Option(help="PNG to write a contact sheet to.")] = None,
    count: Annotated[
        int | None, typer.Option(min=1, help="Images on the sheet (24); for clusters, masks of each (8).")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Look at what a stage made: figures of all of it, a contact sheet, or a picture of one image."""
    from maskdistill.pipeline.apps.inspect.statistics import as_json as figures_json
    from maskdistill.pipeline.apps.inspect.views import View
    from maskdistill.pipeline.apps.tables.summary import print_summary

    _check_options(image, out, sheet, count)
    plan = Plan(config_source(config, overrides))
    shown = View.of(plan, view)
    if image is not None and out is not None:
        shown.save_picture(image, plan.source, out)
        print(out)
    elif sheet is not None:
        from maskdistill.pipeline.apps.drawing.sheet import save_sheet

        save_sheet(shown, plan.source, sheet, count)
        print(sheet)
    elif as_json:
        print_json(figures_json(shown.summary()))
    else:
        print_summary(view, shown.summary(), output())


def _check_options(image: str | None, out: Path | None, sheet: Path | None, count: int | None) -> None:
    if (image is None) != (out is None):
        raise InputError("inspect: --image ID and --out FILE.png go together")
    if image is not None and sheet is not None:
        raise InputError("inspect: --image draws one image and --sheet many; give one of them")
    if count is not None and sheet is None:
        raise InputError("inspect: --count goes with --sheet FILE.png")


def diff(
    key_a: Annotated[str, typer.Argument(metavar="KEY_A", help="Key of an artifact, or the beginning of one.")],
    key_b: Annotated[str, typer.Argument(metavar="KEY_B", help="Key of another artifact of the same stage.")],
    config: ConfigOption = DEFAULT_CONFIG,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two artifacts of a stage: settings, masks, clusters and label maps."""
    from maskdistill.pipeline.apps.compare.artifacts import diff_artifacts, find_artifact
    from maskdistill.pipeline.apps.tables.differences import print_diff

    store = ArtifactStore(config_source(config, overrides).load().artifacts)
    first, second = find_artifact(store, key_a), find_artifact(store, key_b)
    with show_progress("diff", Console(stderr=True)) as progress:
        figures = diff_artifacts(store, first, second, progress)
    if as_json:
        print_json(figures)
    else:
        print_diff(figures, output())


def gallery(
    out: Annotated[Path, typer.Option(help="PNG to write.")],
    config: ConfigOption = DEFAULT_CONFIG,
    overrides: SetOption = None,
    images: Annotated[int, typer.Option(min=1, help="Number of images.")] = 8,
) -> None:
    """Draw what every stage made of some images, side by side with the ground truth."""
    from maskdistill.pipeline.apps.drawing.gallery import save_gallery
    from maskdistill.pipeline.evaluation import evaluate_stage

    plan = Plan(config_source(config, overrides))
    plan.require(STAGE_NAMES[-1], "gallery")
    save_gallery(plan, evaluate_stage(plan, STAGE_NAMES[-1], Console(stderr=True)), out, images)
    print(out)
