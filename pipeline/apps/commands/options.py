"""Options and helpers that the commands share."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from maskdistill.data.errors import InputError
from maskdistill.data.text import printable_lines
from maskdistill.pipeline.config import Config, ConfigSource
from maskdistill.pipeline.config_files import config_names
from maskdistill.pipeline.progress import QUIET, VERBOSE
from maskdistill.pipeline.runs import LAST, find_run, list_runs

ConfigOption = Annotated[
    list[Path] | None,
    typer.Option(
        "-c",
        "--config",
        metavar="FILE|NAME",
        help=f"YAML file of the experiment, or one of {', '.join(config_names())}; a further one changes it. "
        "Without it: the last run, or demo where there is none.",
    ),
]
SetOption = Annotated[list[str] | None, typer.Option("-s", "--set", help="Override, as section.field=value.")]
RunOption = Annotated[
    str | None,
    typer.Option(
        "--run", metavar="NAME|KEY|last", help="A run by its name, as `maskdistill runs` has it, instead of -c."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
QuietOption = Annotated[bool, typer.Option("-q", "--quiet", help="No progress and no notes; errors are still said.")]
VerboseOption = Annotated[
    bool, typer.Option("-v", "--verbose", help="A line every few seconds in place of the bar, and what Prefect says.")
]
ProfileOption = Annotated[
    bool, typer.Option("--profile", help="Say how much of the time each training waited for batches.")
]
RangeOption = Annotated[
    str | None, typer.Option("--k", metavar="FIRST-LAST", help="Judge these numbers of clusters, such as 2-30.")
]
_DEMO = Path("demo")


def config_source(config: list[Path] | None, overrides: list[str] | None, run_name: str | None = None) -> ConfigSource:
    """The configuration that the options name; without any, that of the last run, or the demo where there is none."""
    changes = tuple(overrides or ())
    if config and run_name is not None:
        raise InputError(f"--run {run_name}: it has a configuration; leave -c away, and change settings with -s")
    if config:
        return ConfigSource(tuple(config), changes)
    artifacts = artifacts_folder(changes)
    if run_name is not None:
        return find_run(artifacts, run_name, changes)
    return find_run(artifacts, LAST, changes) if list_runs(artifacts) else ConfigSource((_DEMO,), changes)


def with_profile(overrides: list[str] | None, profile: bool) -> list[str]:
    """The settings that were typed, and the one that the option `--profile` stands for."""
    return [*(overrides or ()), *(["execution.profile=true"] if profile else ())]


def artifacts_folder(overrides: Sequence[str] | None) -> Path:
    """Where runs are looked for: the last folder of artifacts that is set, or the usual one."""
    named = [override.partition("=")[2] for override in overrides or () if override.startswith("artifacts=")]
    return Path(named[-1]).expanduser() if named else Path(Config.model_fields["artifacts"].default)


def output() -> Console:
    """Standard output; wide enough for the tables where it is not a terminal."""
    return Console(width=None if sys.stdout.isatty() else 120)


def print_json(value: Any) -> None:
    """Print a value for another program to read."""
    print(json.dumps(value, indent=1))


def print_line(text: object) -> None:
    """Print a name of a file or a text with one in it."""
    print(printable_lines(str(text)))


def set_verbosity(quiet: bool, verbose: bool) -> None:
    """Say to all that follows in this process, and to processes that it starts, how much is to be shown."""
    if quiet and verbose:
        raise InputError("--quiet and --verbose: give one of them")
    if quiet:
        os.environ[QUIET] = "1"
    if verbose:
        os.environ[VERBOSE] = "1"
        os.environ.setdefault("PREFECT_LOGGING_LEVEL", "INFO")
