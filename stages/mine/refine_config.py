"""Settings of learning foreground from mined masks."""

from pydantic import Field

from maskdistill.data.settings import Settings
from maskdistill.stages.training.recipe import Recipe, steps_of


class RefineConfig(Settings):
    """Masks that are learnt from the mined ones: what most images agree on outweighs what is wrong with a few.

    One linear layer on the stored tokens of the ViT learns which patches lie in the masks, from the hardest ones, as
    FOUND does (arXiv 2212.07834), and the connected regions that it finds become the masks.
    """

    rounds: int = Field(0, ge=0)
    """Times that this is done, each from the masks of the one before; 0 = the mined masks are left as they are."""
    epochs: float = Field(15.0, gt=0)
    """Passes over the training images."""
    iterations_range: tuple[int, int] = (300, 3000)
    """Fewest and most steps that these may come to, for very few images and for very many."""
    batch_size: int = Field(16, ge=1)
    """Images per step."""
    lr: float = Field(1e-3, gt=0)
    """Learning rate of AdamW; it falls to 0 along a cosine."""
    keep_fraction: float = Field(0.5, gt=0, le=1)
    """Fraction of the patches, the hardest ones, that the loss is taken from."""
    max_masks: int = Field(1, ge=1)
    """Most masks per image, the largest ones."""
    min_area: float = Field(0.005, ge=0, lt=1)
    """Fraction of its image that a mask covers at least."""

    def recipe(self, n_images: int) -> Recipe:
        """How the layer is trained, on so many images."""
        return Recipe(
            iterations=steps_of(self.epochs, n_images, self.batch_size, self.iterations_range),
            batch_size=self.batch_size,
            lr=self.lr,
            optimizer="adamw",
            weight_decay=0.01,
            schedule="cosine",
            channels_last=False,
        )
