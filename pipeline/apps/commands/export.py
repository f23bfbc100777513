"""The command that hands what a stage made to other tools: `export`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from maskdistill.pipeline.apps.commands.options import (
    ConfigOption,
    RunOption,
    SetOption,
    config_source,
    print_line,
)
from maskdistill.pipeline.apps.output_names import VIEWS, stage_of
from maskdistill.pipeline.artifacts import ArtifactStore
from maskdistill.pipeline.finished import FinishedPlan, open_artifact
from maskdistill.pipeline.progress import show_progress


def export(
    view: Annotated[str, typer.Argument(help=f"One of {', '.join(VIEWS)}.")],
    kind: Annotated[
        str,
        typer.Option(
            "--format",
            help="coco, detectron2 (JSON), torchvision (folder of .pt), png (folder of label maps with palette), csv, "
            "parquet, fiftyone (folder), supervision (folder in YOLO's form), or prototypes (.npy, of the head mcibi).",
        ),
    ],
    out: Annotated[Path, typer.Option(help="File or folder to write.")],
    config: ConfigOption = None,
    overrides: SetOption = None,
    run_name: RunOption = None,
    artifact: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|KEY",
            help="The artifact to export: its folder, which needs no configuration, or its key. Without it: that of "
            "the configuration.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace it where it is there.")] = False,
) -> None:
    """Write what a stage made in the form of other tools."""
    from maskdistill.pipeline.apps.export.formats import export_stage
    from maskdistill.pipeline.apps.outputs import Run

    stage = stage_of(view, "export")
    if artifact is None:
        plan = FinishedPlan(config_source(config, overrides, run_name), stage)
    else:
        store = ArtifactStore(config_source(config, overrides, run_name).load().artifacts)
        plan = FinishedPlan.of_artifact(*open_artifact(artifact, store, (stage,), "--artifact"))
    run = Run(plan, f"export {view}")
    with show_progress("export", Console(stderr=True)) as progress:
        export_stage(run, stage, kind, out, progress, force=force)
    print_line(out)
