"""What the settings of every mining method have in common. No torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from maskdistill.data.settings import Settings


class MinerSettings(Settings):
    """Settings of one mining method.

    Attributes:
        looks_with_vit: Whether the method uses the ViT of `mine.model` and `mine.weights`.
        only_reads: Whether masks are read and not looked for: a run from a later stage on reads them first.
    """

    looks_with_vit: ClassVar[bool] = False
    only_reads: ClassVar[bool] = False

    def files(self) -> Mapping[str, Path]:
        """Files of the user that the masks depend on, by the name of the setting. Raises InputError without one."""
        return {}
