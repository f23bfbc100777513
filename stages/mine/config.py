"""Settings of the mining stage."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from maskdistill.stages.mine.methods.settings import MinerSettings
from maskdistill.stages.mine.refine_config import RefineConfig
from maskdistill.stages.networks.normalise import Normalise
from maskdistill.stages.registry import MINING
from maskdistill.stages.settings import StageSettings
from maskdistill.stages.training.recipe import Precision, TrainingPrecision
from maskdistill.stages.weights import TIMM, VitWeights

IMPORT = "import"
"""Section of masks that another program proposed."""
_VIT = {"model", "weights", "normalise", "precision"}


@MINING.sections
class MineConfig(StageSettings):
    """Object masks without labels: how they are found, and the ViT that most ways of finding them look with."""

    version: ClassVar[int] = 2

    method: str = "affinity"
    """`affinity` = the attention of a self-supervised ViT (the paper); `lost`, `tokencut` and `maskcut` = how a ViT's
    patches resemble each other; `otsu` = a threshold, to compare with; `import` = the masks of a COCO file."""
    model: str = "vit_small_patch16_224.dino"
    """Name in timm of a Vision Transformer with class token and standard attention."""
    weights: VitWeights = TIMM
    """`pretrained` = timm's own for the model's tag; `pretrain` = the result of the pretrain stage, which then runs
    first; `random` = untrained, seeded; else the path of a .safetensors, .pth or .pt file. A file that the pretrain
    stage wrote brings its own model, and `model` is not used."""
    normalise: Normalise = "auto"
    """Mean and standard deviation of pixels that a file of weights expects which brings none: `imagenet`, or `half`
    (0.5 each); `auto` knows the files of DINO, DINOv2 and MAE, and asks for the others. Without effect where they are
    known: with a tag in `model`, with weights of the pretrain stage, and without a file."""
    precision: Precision = "auto"
    """Arithmetic of the ViT, `auto` = bf16 where the hardware computes it, else fp32; the masks themselves are always
    computed in fp32 and fp64."""

    refine: RefineConfig = Field(default_factory=RefineConfig)
    """Masks that are learnt from those that the method found, whichever it is."""

    @property
    def own(self) -> MinerSettings:
        """The settings of the chosen method."""
        settings: MinerSettings = MINING.settings(self)
        return settings

    def computes_in(self) -> TrainingPrecision | None:
        """That of the ViT, where the method looks with one."""
        return self.precision if self.own.looks_with_vit else None

    def inputs(self) -> tuple[str, ...]:
        """The stage that trains the ViT, where one does, and the tokens that foreground is learnt on."""
        vit = self.weights.inputs() if self.own.looks_with_vit else ()
        return (*vit, *(("features",) if self.refine.rounds else ()))

    def files(self) -> Mapping[str, Path]:
        """The ViT's checkpoint, and what the method reads."""
        weights = self.weights.files("weights") if self.own.looks_with_vit else {}
        return weights | {f"{self.method}.{name}": path for name, path in self.own.files().items()}

    def uses_seed(self) -> bool:
        """Mining draws no random number; only an untrained ViT does, and what learns foreground."""
        return bool(self.refine.rounds) or (self.own.looks_with_vit and self.weights.origin == "untrained")

    def unused(self) -> set[str]:
        """The ViT, where the method does without one, and how masks are refined, where they are not."""
        without_vit = set() if self.own.looks_with_vit else _VIT
        return super().unused() | without_vit | (set() if self.refine.rounds else {"refine"})
