"""The commands `config show`, `config validate` and `init`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
import yaml

from maskdistill.data.errors import InputError
from maskdistill.pipeline.apps.commands.options import (
    ConfigOption,
    RunOption,
    SetOption,
    config_source,
    print_line,
)
from maskdistill.pipeline.config_files import config_names
from maskdistill.pipeline.explained import explained_yaml
from maskdistill.pipeline.origins import origins
from maskdistill.pipeline.plan import Plan

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Show or check a configuration.")


@app.command()
def show(
    config: ConfigOption = None,
    overrides: SetOption = None,
    run_name: RunOption = None,
    short: Annotated[bool, typer.Option("--short", help="Without the explanations.")] = False,
) -> None:
    """Print the configuration with every default filled in, and what each setting means."""
    settings = config_source(config, overrides, run_name).load()
    if short:
        print(yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False), end="")
    else:
        print(explained_yaml(settings), end="")


@app.command()
def validate(config: ConfigOption = None, overrides: SetOption = None, run_name: RunOption = None) -> None:
    """Check a configuration, its data and its weight files without running anything."""
    plan = Plan(config_source(config, overrides, run_name))
    files = ", ".join(map(str, plan.config_source.paths))
    print_line(f"{files}: valid; {len(plan.source)} images, {plan.source.n_train} of them for training")
    for line in _downloads(plan):
        print_line(line)


def _downloads(plan: Plan) -> Iterator[str]:
    """What a run would have to download first."""
    for origin in origins(plan, tuple(spec.name for spec in plan.specs)):
        if origin.source.origin == "timm":
            from maskdistill.stages.networks.download import download_bytes  # takes seconds

            if size := download_bytes(origin.network):
                yield f"{origin.stage}.weights: {origin.network} needs a download of {round(size / 1e6)} MB"


def init(
    file: Annotated[Path, typer.Argument(help="The YAML file to write.")] = Path("my.yaml"),
    images: Annotated[Path, typer.Option(help="Folder of your images.")] = Path("images"),
    classes: Annotated[int, typer.Option(min=1, help="How many classes to look for.")] = 20,
    force: Annotated[bool, typer.Option("--force", help="Replace the file where it is there.")] = False,
) -> None:
    """Write a configuration with comments, to change and to give to -c."""
    if file.exists() and not force:
        raise InputError(f"{file}: is there already; name another file, or add --force to replace it")
    text = config_names()["images"].read_text(encoding="utf-8")
    head, _, body = text.partition("\nprofile:")
    body = body.replace("root: images ", f"root: {json.dumps(str(images))} ", 1).replace("k: 20 ", f"k: {classes} ", 1)
    head = head.replace("maskdistill run DIR --classes 20", f"maskdistill run -c {file}")
    file.write_text(f"{head}\nprofile:{body}", encoding="utf-8")
    print_line(f"{file}: written; next: maskdistill run -c {file}")
