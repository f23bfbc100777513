"""The commands `config show` and `config validate`."""

import typer
import yaml

from maskdistill.pipeline.apps.commands.options import (
    ConfigOption,
    RunOption,
    SetOption,
    config_source,
)
from maskdistill.pipeline.plan import Plan

app = typer.Typer(no_args_is_help=True, help="Show or check a configuration.")


@app.command()
def show(config: ConfigOption = None, overrides: SetOption = None, run_name: RunOption = None) -> None:
    """Print the configuration with every default filled in."""
    settings = config_source(config, overrides, run_name).load().model_dump(mode="json")
    print(yaml.safe_dump(settings, sort_keys=False), end="")


@app.command()
def validate(config: ConfigOption = None, overrides: SetOption = None, run_name: RunOption = None) -> None:
    """Check a configuration, its data and its weight files without running anything."""
    plan = Plan(config_source(config, overrides, run_name))
    files = ", ".join(map(str, plan.config_source.paths))
    print(f"{files}: valid; {len(plan.source)} images, {plan.source.n_train} of them for training")
