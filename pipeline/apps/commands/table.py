"""The names of all commands, and the module that each one stands in: it is imported when the command is called."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup


class Entry(NamedTuple):
    """A command that is not imported yet: `module:function` beside this file, and what the list of commands says."""

    home: str
    help: str


COMMANDS: Mapping[str, Entry] = {
    "run": Entry("run:run", "Run the pipeline: all stages that are not cached, in order."),
    "stage": Entry("run:stage", "Run one stage from the cached artifacts of those before it."),
    "runs": Entry("run:runs", "List the runs that were started, the last one first: `--run NAME` takes one up again."),
    "status": Entry(
        "artifacts:status", "Show per stage whether it is cached, and if not, which setting or input changed."
    ),
    "predict": Entry(
        "predict:predict",
        "Run a trained model on images that it has not seen: a label map of each, as PNG with a palette.",
    ),
    "inspect": Entry(
        "inspect:inspect",
        "Look at what a stage made: statistics of all of it, a contact sheet, or a picture of one image.",
    ),
    "diff": Entry("inspect:diff", "Compare two artifacts of a stage: settings, masks, clusters and label maps."),
    "export": Entry("export:export", "Write what a stage made in the form of other tools."),
    "gallery": Entry(
        "inspect:gallery",
        "Draw what every stage made of some images, or what several methods did, side by side with the ground truth.",
    ),
    "evaluate": Entry(
        "evaluate:evaluate", "Score the finished stages against the ground truth: every metric there is."
    ),
    "view": Entry(
        "view:view", "Look at a run in the browser: masks of every stage, clusters, thresholds, and a map of the masks."
    ),
    "report": Entry(
        "report:report",
        "Write what a run made as one page: what each stage buys, curves, classes, pictures, settings and provenance.",
    ),
    "ablate": Entry(
        "ablate:ablate",
        "Train the final model from each set of masks - initial, candidates, confident - or for each value of a "
        "setting.",
    ),
    "compare": Entry(
        "compare:compare",
        "Run a configuration and variants of it with several seeds, and print one table: mean and standard deviation.",
    ),
    "verify": Entry("artifacts:verify", "Check every finished artifact of a configuration against its manifest."),
    "gc": Entry("artifacts:gc", "List, and with --yes delete, the artifacts that this configuration does not use."),
    "init": Entry("config:init", "Write a configuration with comments, to change and to give to -c."),
    "config": Entry("config:app", "Show or check a configuration."),
}


class Commands(Mapping[str, Any]):
    """The commands with their options, each imported when it is asked for."""

    def __getitem__(self, name: str) -> Any:
        module, _, attribute = COMMANDS[name].home.partition(":")
        found = getattr(import_module(f"{__package__}.{module}"), attribute)
        if isinstance(found, typer.Typer):
            return typer.main.get_command(found)
        alone = typer.Typer(add_completion=False)
        alone.command(name)(found)
        return typer.main.get_command(alone)

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class CommandGroup(TyperGroup):
    """The command `maskdistill`: it lists its commands without importing them."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands: Any = Commands()

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """What the list of commands shows of one; None where there is no such command."""
        return TyperCommand(cmd_name, help=COMMANDS[cmd_name].help) if cmd_name in COMMANDS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is called, with its options, and the arguments that are left for it."""
        name, found, rest = super().resolve_command(ctx, args)
        return name, found and self.commands[name], rest
