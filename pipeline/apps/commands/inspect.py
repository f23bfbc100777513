"""The commands that look at artifacts: `inspect`, `diff` and `gallery`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from maskdistill.data.errors import InputError
from maskdistill.pipeline.apps.commands.options import (
    ConfigOption,
    JsonOption,
    RangeOption,
    RunOption,
    SetOption,
    config_source,
    output,
    print_json,
    print_line,
)
from maskdistill.pipeline.apps.commands.words import views
from maskdistill.pipeline.apps.output_names import INSPECTED, NAME_OF, VIEWS, stage_of
from maskdistill.pipeline.artifacts import ArtifactStore
from maskdistill.pipeline.dag import CLUSTER, SEGMENT
from maskdistill.pipeline.finished import FinishedPlan
from maskdistill.pipeline.progress import show_progress

if TYPE_CHECKING:  # opening results imports what reads them
    from maskdistill.pipeline.apps.outputs import Run


def inspect(
    view: Annotated[str, typer.Argument(help="What to look at; names of stages will do.", **views())],
    config: ConfigOption = None,
    overrides: SetOption = None,
    run_name: RunOption = None,
    image: Annotated[str | None, typer.Option(help="Id of an image to draw.")] = None,
    out: Annotated[Path | None, typer.Option(help="PNG to write the drawn image to.")] = None,
    sheet: Annotated[Path | None, typer.Option(help="PNG to write a contact sheet to.")] = None,
    count: Annotated[
        int | None, typer.Option(min=1, help="Images on the sheet (24); for clusters, masks of each (8).")
    ] = None,
    k: RangeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look at what a stage made: statistics of all of it, a contact sheet, or a picture of one image."""
    from maskdistill.pipeline.apps.inspect.statistics import as_json as statistics_json
    from maskdistill.pipeline.apps.inspect.statistics import summarise
    from maskdistill.pipeline.apps.outputs import Run
    from maskdistill.pipeline.apps.tables.summary import print_summary

    _check_options(view, image, out, sheet, count)
    if k is not None and view != NAME_OF[CLUSTER.name]:
        raise InputError(f"inspect {view}: --k goes with inspect clusters")
    stage = stage_of(view, "inspect", INSPECTED)
    run = Run(FinishedPlan(config_source(config, overrides, run_name), stage), f"inspect {view}")
    if image is not None and out is not None:
        from maskdistill.pipeline.apps.drawing.stage import save_stage_picture

        save_stage_picture(run, stage, image, out)
        print_line(out)
    elif sheet is not None:
        from maskdistill.pipeline.apps.drawing.sheet import save_sheet

        save_sheet(run, stage, sheet, count)
        print_line(sheet)
    elif k is not None:
        _judge_numbers(run, k, as_json)
    elif as_json:
        print_json(statistics_json(summarise(run, stage), run.cluster_names))
    else:
        print_summary(view, summarise(run, stage), output(), run.cluster_names)


def _judge_numbers(run: "Run", k: str, as_json: bool) -> None:
    from maskdistill.pipeline.apps.inspect.numbers_of_clusters import judge_numbers, read_range
    from maskdistill.pipeline.apps.tables.numbers_of_clusters import choice_table
    from maskdistill.pipeline.apps.tables.terminal import print_table

    choice = judge_numbers(run, read_range(k))
    if as_json:
        print_json({"chosen": choice.k, "numbers": choice.as_metrics()})
    else:
        print_table(choice_table(choice), output())


def _check_options(view: str, image: str | None, out: Path | None, sheet: Path | None, count: int | None) -> None:
    if view in INSPECTED.keys() - VIEWS.keys() and (image is not None or sheet is not None):
        raise InputError(f"inspect {view}: has no picture; leave --image and --sheet away")
    if (image is None) != (out is None):
        raise InputError("inspect: --image ID and --out FILE.png go together")
    if image is not None and sheet is not None:
        raise InputError("inspect: --image draws one image and --sheet many; give one of them")
    if count is not None and sheet is None:
        raise InputError("inspect: --count goes with --sheet FILE.png")


def diff(
    key_a: Annotated[str, typer.Argument(metavar="KEY_A", help="Key of an artifact, or the beginning of one.")],
    key_b: Annotated[str, typer.Argument(metavar="KEY_B", help="Key of another artifact of the same stage.")],
    config: ConfigOption = None,
    overrides: SetOption = None,
    run_name: RunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two artifacts of a stage: settings, masks, clusters and label maps."""
    from maskdistill.pipeline.apps.compare.artifacts import diff_artifacts
    from maskdistill.pipeline.apps.tables.differences import print_diff

    store = ArtifactStore(config_source(config, overrides, run_name).load().artifacts)
    first, second = store.find(key_a, "diff"), store.find(key_b, "diff")
    with show_progress("diff", Console(stderr=True)) as progress:
        found = diff_artifacts(store, first, second, progress)
    if as_json:
        print_json(found)
    else:
        print_diff(found, output())


def gallery(
    out: Annotated[Path, typer.Option(help="PNG to write.")],
    config: ConfigOption = None,
    overrides: SetOption = None,
    run_name: RunOption = None,
    images: Annotated[int, typer.Option(min=1, help="Number of images.")] = 8,
    methods: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="SETTINGS",
            help="Draw, in the place of all stages, one with these settings, as `compare --with` takes them: the stage "
            "of the first setting, as mine.method=lost,maskcut; may be repeated.",
        ),
    ] = None,
) -> None:
    """Draw what every stage made of some images, or what several methods did, side by side with the ground truth."""
    from maskdistill.pipeline.apps.drawing.gallery import draw_columns, save_gallery
    from maskdistill.pipeline.apps.drawing.methods import columns_of
    from maskdistill.pipeline.apps.outputs import Run

    if methods:
        draw_columns(columns_of(config_source(config, overrides, run_name), methods), out, images)
        print(out)
        return
    run = Run(FinishedPlan(config_source(config, overrides, run_name)), "gallery")
    run.folder(SEGMENT.name)
    save_gallery(run, out, images)
    print_line(out)
