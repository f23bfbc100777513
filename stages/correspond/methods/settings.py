"""Settings that every method which sorts patches has. No torch."""

from typing import ClassVar

from maskdistill.data.settings import Settings


class PatchSettings(Settings):
    """Settings of one method.

    Attributes:
        learns: Whether a head is trained.
        looks_again: Whether images pass through the ViT once more, for what the stored tokens do not say.
    """

    learns: ClassVar[bool] = False
    looks_again: ClassVar[bool] = False
