"""The commands `config show` and `config validate`."""

import typer
import yaml

from maskdistill.pipeline.apps.commands.options import DEFAULT_CONFIG, ConfigOption, SetOption, config_source
from maskdistill.pipeline.plan import Plan

app = typer.Typer(no_args_is_help=True, help="Show or check a configuration.")


@app.command()
def show(config: ConfigOption = DEFAULT_CONFIG, overrides: SetOption = None) -> None:
    """Print the configuration with every default filled in."""
    settings = config_source(config, overrides).load().model_dump(mode="json")
    print(yaml.safe_dump(settings, sort_keys=False), end="")


@app.command()
def validate(config: ConfigOption = DEFAULT_CONFIG, overrides: SetOption = None) -> None:
    """Check a configuration, its data and its weight files without running anything."""
    plan = Plan(config_source(config, overrides))
    print(
        f"{', '.join(map(str, config))}: valid; {len(plan.source)} images, {plan.source.n_train} of them for training"
    )
