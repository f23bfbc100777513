"""Settings of the method `slotcon`."""

from pydantic import Field

from maskdistill.stages.area import AreaRange
from maskdistill.stages.imitate.methods.settings import ResNetSettings
from maskdistill.stages.training.recipe import OptimizerName, Recipe, TrainingPrecision

_BATCH = 256
_LAST_LR = 1e-6


class SlotConConfig(ResNetSettings):
    """A ResNet that sorts the px of two views of an image into the same slots (SlotCon, arXiv 2205.15288)."""

    prototypes: int = Field(256, ge=2)
    """Number of slots: 256 for COCO, 2048 for ImageNet; about as many as there are kinds of things."""
    dim: int = Field(256, ge=1)
    """Dimension of a slot."""
    hidden: int = Field(4096, ge=1)
    """Width of the two layers before it."""
    area: AreaRange = (0.08, 1.0)
    """Smallest and largest fraction of an image that a view sees."""
    student_temperature: float = Field(0.1, gt=0)
    """Divides the student's scores where it is to follow the teacher."""
    teacher_temperature: float = Field(0.07, gt=0)
    """Divides the teacher's scores, and those by which px become slots."""
    contrast_temperature: float = Field(0.2, gt=0)
    """Divides the cosines by which slots are told apart."""
    grouping_weight: float = Field(0.5, ge=0, le=1)
    """Weight of the loss of px; the rest is that of slots."""
    teacher_momentum: float = Field(0.99, ge=0, le=1)
    """Fraction of itself that the teacher keeps in the first step; rises to 1 along a cosine."""
    centre_momentum: float = Field(0.9, ge=0, lt=1)
    """Fraction that the centre of the teacher's scores keeps in each step."""
    optimizer: OptimizerName = "lars"
    """The authors' choice for large batches is `lars`."""
    lr: float = Field(1.0, gt=0)
    """Learning rate for a batch of 256 images; in proportion for others. Falls along a cosine to almost nothing."""
    weight_decay: float = Field(1e-5, ge=0)
    """Decay of all matrices."""
    warmup: float = Field(5 / 800, ge=0, le=1)
    """Fraction of the training over which the learning rate rises from a hundredth."""

    def recipe(self, iterations: int, batch_size: int, precision: TrainingPrecision) -> Recipe:
        """How so many steps of so many images are optimised."""
        lr = self.lr * batch_size / _BATCH
        return Recipe(
            iterations=iterations,
            batch_size=batch_size,
            lr=lr,
            optimizer=self.optimizer,
            weight_decay=self.weight_decay,
            decay_matrices_only=True,
            warmup_iterations=round(self.warmup * iterations),
            schedule="warmup_cosine",
            lowest_lr=_LAST_LR / lr,
            precision=precision,
        )
