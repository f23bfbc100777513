"""How a stage tells its caller how far it is; the pipeline shows it, tests and libraries may stay silent."""

from typing import Protocol


class Progress(Protocol):
    """Receives the phases of a stage, one after the other."""

    def say(self, line: str) -> None:
        """Something to know, such as how much work there is, what is left out, and what was taken for granted."""

    def start(self, phase: str, total: int, unit: str) -> None:
        """A new phase begins: `total` things named `unit`."""

    def advance(self, n: int = 1, **info: float) -> None:
        """`n` more things are done; `info` holds metrics worth showing, such as a loss."""


class Silent:
    """A Progress that shows nothing."""

    def say(self, line: str) -> None:
        """Ignore the line."""

    def start(self, phase: str, total: int, unit: str) -> None:
        """Ignore the phase."""

    def advance(self, n: int = 1, **info: float) -> None:
        """Ignore the step."""
