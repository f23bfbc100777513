"""Settings of the method `prototypes`."""

from pydantic import Field

from maskdistill.stages.pretrain.methods.settings import MethodSettings
from maskdistill.stages.pretrain.methods.shares import Share


class PrototypesConfig(MethodSettings):
    """Instance discrimination and balanced assignments to prototypes, for a few tens of thousands of images."""

    counts: tuple[int, ...] = Field((16, 64), min_length=1)
    """Number of prototypes of each set, about 2 and 8 times the expected number of classes."""
    nce_temperature: float = Field(0.2, gt=0)
    """Temperature of the instance discrimination."""
    assignment_temperature: float = Field(0.05, gt=0)
    """Temperature of the Sinkhorn assignments: the targets."""
    student_temperature: float = Field(0.1, gt=0)
    """Temperature of the predicted assignments."""
    weight: float = Field(4.0, ge=0)
    """Weight of the class token's prediction of assignments; of instance discrimination it is 1."""
    dense_weight: float = Field(2.0, ge=0)
    """Weight of the patches' prediction of assignments."""
    dense_patches: int = Field(8, ge=1)
    """Patches per large view that predict, drawn by the class token's attention."""
    ramp: Share = (0.2, 0.36)
    """When the weight of the assignments rises."""
    scrub_at: float = Field(0.33, ge=0, le=1)
    """Fraction of the training after which the unread part of the last keys is shrunk, and patches start to predict."""
    scrub: float = Field(0.2, ge=0, le=1)
    """What that part is multiplied by; 1 = nothing is shrunk."""
    late_until: float = Field(0.85, ge=0, le=1)
    """Fraction of the training for which the class token joins the last block only."""
