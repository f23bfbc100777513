"""Methods by name: where their settings and their code are. A method is one file, and one line in one of the tables.

Settings and code are imported when they are asked for: a configuration is checked without torch, and the code of a
method is imported only where a stage runs it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

from pydantic import Field, create_model, field_validator

from maskdistill.data.settings import Settings
from maskdistill.stages.settings import StageSettings

S = TypeVar("S", bound=StageSettings)


@dataclass(frozen=True)
class Method:
    """Where a method is found, as "package.module:Class" each.

    Attributes:
        code: What does the work.
        settings: Its settings, derived from `Settings`, in a module that imports no torch; None = it has none.
    """

    code: str
    settings: str | None = None

    def load(self) -> Any:
        """Import what does the work."""
        return _load(self.code)


@dataclass(frozen=True)
class Kind:
    """All methods of one kind.

    Attributes:
        field: The setting that chooses one of them by name.
        methods: Each method by its name, which is also that of its own section.
        other: What else the setting may be, such as "auto".
    """

    field: str
    methods: Mapping[str, Method]
    other: tuple[str, ...] = ()

    def chosen(self, section: Settings) -> Method:
        """The method that a stage's settings choose."""
        return self.methods[getattr(section, self.field)]

    def settings(self, section: Settings) -> Any:
        """The own settings of the chosen method."""
        return getattr(section, getattr(section, self.field))

    def sections(self, cls: type[S]) -> type[S]:
        """Class decorator: gives a stage's settings a section for every method, and holds the choice to their names."""
        names = (*self.methods, *self.other)

        def check(value: str) -> str:
            if value not in names:
                raise ValueError(f"must be one of {', '.join(names)}")
            return value

        sections: dict[str, Any] = {}
        for name, method in self.methods.items():
            if method.settings is not None:
                settings = _load(method.settings)
                sections[name] = (settings, Field(default_factory=settings, description=f"Of `{self.field}: {name}`."))
        made: type[S] = create_model(
            cls.__name__,
            __base__=cls,
            __module__=cls.__module__,
            __doc__=cls.__doc__,
            __validators__={"check_choice": field_validator(self.field)(check)},
            **sections,
        )
        made.choices = {**cls.choices, self.field: tuple(sections)}
        return made


def _load(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


_MINE = "maskdistill.stages.mine.methods"
MINING = Kind(
    "method",
    {
        "affinity": Method(f"{_MINE}.affinity:AffinityMiner", f"{_MINE}.affinity_config:AffinityConfig"),
        "lost": Method(f"{_MINE}.lost:LostMiner", f"{_MINE}.lost_config:LostConfig"),
        "tokencut": Method(f"{_MINE}.tokencut:TokenCutMiner", f"{_MINE}.tokencut_config:TokenCutConfig"),
        "maskcut": Method(f"{_MINE}.maskcut:MaskCutMiner", f"{_MINE}.maskcut_config:MaskCutConfig"),
        "otsu": Method(f"{_MINE}.otsu:OtsuMiner", f"{_MINE}.otsu_config:OtsuConfig"),
        "import": Method(f"{_MINE}.imported:ImportMiner", f"{_MINE}.imported_config:ImportConfig"),
    },
)
"""`mine.method`: how the objects of an image are found."""

_DETECTORS = "maskdistill.stages.distill.detectors"
DETECTORS = Kind(
    "backend",
    {
        "detectron2": Method(f"{_DETECTORS}.detectron2:Detectron2Detector", f"{_DETECTORS}.options:Detectron2Options"),
        "torchvision": Method(f"{_DETECTORS}.torchvision:TorchvisionDetector"),
        "regions": Method(f"{_DETECTORS}.regions:RegionDetector", f"{_DETECTORS}.regions_config:RegionsConfig"),
    },
    other=("auto",),
)
"""`distill.backend`: the library that the Mask R-CNN comes from, or what stands in for one."""

_HEADS = "maskdistill.stages.segment.heads"
HEADS = Kind(
    "head",
    {
        "deeplab": Method(f"{_HEADS}.deeplab:deeplab_head", f"{_HEADS}.deeplab_config:DeepLabConfig"),
        "linear": Method(f"{_HEADS}.linear:linear_head"),
        "mcibi": Method(f"{_HEADS}.mcibi:mcibi_head", f"{_HEADS}.mcibi_config:McibiConfig"),
    },
)
"""`segment.head`: what turns features into classes."""

_PRETRAIN = "maskdistill.stages.pretrain.methods"
PRETRAINING = Kind(
    "method",
    {
        "prototypes": Method(
            f"{_PRETRAIN}.prototypes:PrototypesMethod", f"{_PRETRAIN}.prototypes_config:PrototypesConfig"
        ),
        "dino": Method(f"{_PRETRAIN}.dino:DinoMethod", f"{_PRETRAIN}.dino_config:DinoConfig"),
        "untrained": Method(f"{_PRETRAIN}.untrained:write_untrained", f"{_PRETRAIN}.untrained_config:UntrainedConfig"),
    },
)
"""`pretrain.method`: how a ViT learns from images alone."""

_IMITATE = "maskdistill.stages.imitate.methods"
IMITATION = Kind(
    "method",
    {
        "imitate": Method(f"{_IMITATE}.imitate:ImitateMethod"),
        "slotcon": Method(f"{_IMITATE}.slotcon:SlotConMethod", f"{_IMITATE}.slotcon_config:SlotConConfig"),
    },
)
"""`imitate.method`: how a ResNet learns from images alone."""

_CORRESPOND = "maskdistill.stages.correspond.methods"
CORRESPONDENCE = Kind(
    "method",
    {
        "stego": Method(f"{_CORRESPOND}.stego:StegoMethod", f"{_CORRESPOND}.stego_config:StegoConfig"),
        "hidden_positives": Method(
            f"{_CORRESPOND}.hidden_positives:HiddenPositivesMethod",
            f"{_CORRESPOND}.hidden_positives_config:HiddenPositivesConfig",
        ),
        "kmeans": Method(f"{_CORRESPOND}.kmeans:KMeansMethod", f"{_CORRESPOND}.kmeans_config:KMeansConfig"),
        "linkage": Method(f"{_CORRESPOND}.linkage:LinkageMethod", f"{_CORRESPOND}.linkage_config:LinkageConfig"),
    },
)
"""`correspond.method`: how patches are sorted without masks."""

KINDS = (MINING, DETECTORS, HEADS, PRETRAINING, IMITATION, CORRESPONDENCE)
"""Every kind of method there is."""
