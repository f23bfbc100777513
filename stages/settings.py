"""What the settings of a stage say of the stage: what it reads, and what its result depends on. No torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from maskdistill.data.settings import Settings
from maskdistill.stages.training.recipe import TrainingPrecision


class StageSettings(Settings):
    """Settings of one stage.

    Attributes:
        version: Raised whenever the same settings and inputs come to give another result.
        trains: Whether a network is trained, so that fp16 can scale its losses.
        choices: For each setting that chooses a method, the sections of which only the chosen one counts.
    """

    version: ClassVar[int] = 1
    trains: ClassVar[bool] = False
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def inputs(self) -> tuple[str, ...]:
        """Names of the stages whose artifacts are read, all of them earlier ones."""
        return ()

    def files(self) -> Mapping[str, Path]:
        """Files of the user that the result depends on, by the dotted name of the setting that names each."""
        return {}

    def digest(self, path: Path) -> str | None:
        """Hash of what counts in one of these files; None = all of it."""
        return None

    def uses_seed(self) -> bool:
        """Whether the seed changes the result."""
        return True

    def computes_in(self) -> TrainingPrecision | None:
        """The setting of the arithmetic that networks compute in; None where there is no network."""
        return None

    def unused(self) -> set[str]:
        """The sections of methods that are not chosen."""
        return {
            section
            for field, sections in self.choices.items()
            for section in sections
            if section != getattr(self, field)
        }
