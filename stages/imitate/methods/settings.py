"""What the settings of a method of `imitate` say of its training."""

from abc import abstractmethod

from maskdistill.data.settings import Settings
from maskdistill.stages.training.recipe import Recipe, TrainingPrecision


class ResNetSettings(Settings):
    """Settings of one method, which does not look through a ViT."""

    @abstractmethod
    def recipe(self, iterations: int, batch_size: int, precision: TrainingPrecision) -> Recipe:
        """How so many steps of so many images are optimised."""
