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
from maskdistill.pipeline.apps.commands.words import MODEL_STAGES, views
from maskdistill.pipeline.apps.output_names import MODEL, VIEWS, stage_of
from maskdistill.pipeline.artifacts import ArtifactStore
from maskdistill.pipeline.config import ConfigSource
from maskdistill.pipeline.dag import SEGMENT
from maskdistill.pipeline.finished import FinishedPlan, open_artifact
from maskdistill.pipeline.progress import show_progress


def export(
    view: Annotated[str, typer.Argument(help="What to write; model is the network itself.", **views(VIEWS, MODEL))],
    kind: Annotated[
        str,
        typer.Option(
            "--format",
            help="coco, polygons, detectron2 (JSON), torchvision (folder of .pt), png (folder of label maps with "
            "palette), csv, parquet, fiftyone (folder), supervision (folder in YOLO's form), or prototypes (.npy, of "
            "the head mcibi). A model: onnx or torchscript, a folder with a card.",
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
            help="The artifact to export: its folder, which needs no configuration, or its key; of a model its file, "
            "too. Without it: that of the configuration.",
        ),
    ] = None,
    stage: Annotated[
        str | None, typer.Option(help="Of a model: whose, segment (the default) or distill.", **MODEL_STAGES)
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(metavar="HxW", help="Of torchscript, and of a Mask R-CNN: the size, px, of the images it is for."),
    ] = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Of a model: it gives the probability of each class, not labels.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace it where it is there.")] = False,
) -> None:
    """Write what a stage made in the form of other tools."""
    from maskdistill.pipeline.apps.export.formats import export_stage
    from maskdistill.pipeline.apps.outputs import Run

    source = config_source(config, overrides, run_name)
    if view == MODEL:
        _export_model(source, artifact, stage, kind, out, size, probabilities, force)
        return
    stage = stage_of(view, "export", {**VIEWS, MODEL: SEGMENT.name})
    if artifact is None:
        plan = FinishedPlan(source, stage)
    else:
        store = ArtifactStore(source.load().artifacts)
        plan = FinishedPlan.of_artifact(*open_artifact(artifact, store, (stage,), "--artifact"))
    run = Run(plan, f"export {view}")
    with show_progress("export", Console(stderr=True)) as progress:
        export_stage(run, stage, kind, out, progress, force=force)
    print_line(out)


def _export_model(
    source: ConfigSource,
    artifact: str | None,
    stage: str | None,
    kind: str,
    out: Path,
    size: str | None,
    probabilities: bool,
    force: bool,
) -> None:
    from maskdistill.pipeline.apps.export.model import ModelExport, export_model, read_size
    from maskdistill.pipeline.apps.outputs import Run
    from maskdistill.pipeline.apps.predict.model import check_model_stage, find_model, model_of_run
    from maskdistill.pipeline.manifest import read_manifest

    check_model_stage(stage)
    export = ModelExport(kind, out, read_size(size) if size else None, probabilities, force)
    run: Run | None
    if artifact is None:
        plan = FinishedPlan(source, stage or SEGMENT.name)
        model, run = model_of_run(plan, stage or SEGMENT.name), Run(plan, "export model")
    else:
        model = find_model(artifact, ArtifactStore(source.load().artifacts), stage, "--artifact")
        manifest = read_manifest(model.file.parent)
        run = Run(FinishedPlan.of_artifact(model.file.parent, manifest), "export model") if manifest else None
    export_model(model, run, export)
    print_line(out)
