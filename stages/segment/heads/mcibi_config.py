"""Settings of the head with a memory of the data set."""

from typing import Literal

from pydantic import Field

from maskdistill.stages.segment.heads.deeplab_config import DeepLabConfig

Weighting = Literal["cosine", "mean"]


class McibiConfig(DeepLabConfig):
    """Context from beyond the image (MCIBI, ICCV 2021): a memory of what each class looks like in the whole data set.

    `dilations` are those of the context within the image.
    """

    channels: int = Field(512, ge=2)
    """Width of the head and of the memory; the attention takes half of it."""
    memory: bool = True
    """Whether there is a memory; without it, the rest of the network is the same."""
    image_context: bool = True
    """Whether the context within the image, by pooling at several distances, is added."""
    slots: int = Field(1, ge=1)
    """Vectors for each class. The paper has one; with more, a pixel belongs to the one most similar to it."""
    hard: bool = False
    """Whether a pixel takes the memory of its likeliest class alone, not of all classes by their probabilities."""
    update: Weighting = "cosine"
    """How the pixels of a class become one vector: `cosine` = those least similar to the memory weigh most (the paper);
    `mean` = all alike, which takes in less of wrong pseudo-labels."""
    momentum: float = Field(0.9, gt=0, le=1)
    """Weight of the new vector in the first step; falls to a hundredth of that along a polynomial."""
    min_confidence: float = Field(0.0, ge=0, lt=1)
    """Smallest probability of its own pseudo-label, 0-1, with which a pixel enters the memory; 0 = all of them do."""
    first_weight: float = Field(0.4, ge=0)
    """Weight of the loss of the first scores, by which pixels find their memory."""
    consistency: float = Field(1.0, ge=0)
    """Weight of the loss which has every class recognised in its memory; 0 = none, as the authors have it everywhere
    but on ADE20K."""

    def unused(self) -> set[str]:
        """All of the memory, where there is none; the distances, where nothing is pooled."""
        of_memory = {"slots", "hard", "update", "momentum", "min_confidence", "consistency"}
        return (set() if self.memory else of_memory) | (set() if self.image_context else {"dilations"})
