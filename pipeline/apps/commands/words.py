"""Words of the command line that stand for stages and for what they leave: one may be typed for the other."""

from collections.abc import Callable, Mapping
from typing import TypedDict

from maskdistill.pipeline.apps.output_names import INSPECTED, NAME_OF, VIEWS
from maskdistill.pipeline.dag import ALL_STAGES, DISTILL, SEGMENT


class Choices(TypedDict):
    """What typer takes of an argument or option of a few words: for `--help`, for the shell, and their meaning."""

    metavar: str
    autocompletion: Callable[[str], list[str]]
    parser: Callable[[str], str]


def choices(shown: tuple[str, ...], meanings: Mapping[str, str]) -> Choices:
    """Offer `shown` in help, complete all words, and give what each means; others are for the command to refuse."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in meanings if word.startswith(incomplete)]

    return {"metavar": "|".join(shown), "autocompletion": complete, "parser": lambda typed: meanings.get(typed, typed)}


STAGES: Choices = choices(
    tuple(spec.name for spec in ALL_STAGES), {**{spec.name: spec.name for spec in ALL_STAGES}, **VIEWS}
)
"""A stage, by its name or by that of what it leaves."""

_TRAINED = (SEGMENT.name, DISTILL.name)
MODEL_STAGES = choices(_TRAINED, {word: stage for stage in _TRAINED for word in (stage, NAME_OF[stage])})
"""The stage whose model is meant."""


def views(names: Mapping[str, str] = INSPECTED, *others: str) -> Choices:
    """What stages leave, by name or by the name of the stage; and other words that a command knows."""
    of_stages = {stage: name for name, stage in names.items()} | {s: n for s, n in NAME_OF.items() if n in names}
    return choices((*names, *others), {name: name for name in (*names, *others)} | of_stages)
