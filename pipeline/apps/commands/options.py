"""Options and helpers that the commands share."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from maskdistill.data.printable import printable
from maskdistill.pipeline.config import ConfigSource
from maskdistill.pipeline.config_files import config_names

ConfigOption = Annotated[
    list[Path],
    typer.Option(
        "-c",
        "--config",
        metavar="FILE|NAME",
        help=f"YAML file of the experiment, or one of {', '.join(config_names())}; a further one changes it.",
    ),
]
SetOption = Annotated[list[str] | None, typer.Option("-s", "--set", help="Override, as section.field=value.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
RangeOption = Annotated[
    str | None, typer.Option("--k", metavar="FIRST-LAST", help="Judge these numbers of clusters, such as 2-30.")
]
DEFAULT_CONFIG = [Path("demo")]


def config_source(config: list[Path], overrides: list[str] | None) -> ConfigSource:
    """The configuration that the options name."""
    return ConfigSource(tuple(config), tuple(overrides or ()))


def output() -> Console:
    """Standard output; wide enough for the tables where it is not a terminal."""
    return Console(width=None if sys.stdout.isatty() else 120)


def print_json(value: Any) -> None:
    """Print a value for another program to read."""
    print(json.dumps(value, indent=1))


def print_line(text: object) -> None:
    """Print a name of a file or a text with one in it."""
    print(printable(str(text)))
