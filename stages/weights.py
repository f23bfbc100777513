"""Where the weights of a network come from: what every setting `weights` is read into. No torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import PlainSerializer, PlainValidator, ValidationInfo

from maskdistill.data.catalog import RESNET, VIT
from maskdistill.data.errors import InputError
from maskdistill.data.file_kinds import MOST, other_kind

_SUFFIXES = (".safetensors", ".pth", ".pt", ".pth.tar", ".pt.tar", ".bin", ".ckpt")
_TIMM, _UNTRAINED = "pretrained", "random"
STAGE_FILES = {output.stage: output.file for output in (VIT, RESNET)}
"""The stages that train weights for others, and the file that each of them leaves."""


@dataclass(frozen=True)
class WeightsSource:
    """One place that weights come from.

    Attributes:
        origin: "timm" = timm's own, which it downloads; "untrained" = random numbers; "stage" = what another stage of
            the run has trained; "file" = a checkpoint.
        name: Name of that stage, or path of that file; else empty.
    """

    origin: Literal["timm", "untrained", "stage", "file"]
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> "WeightsSource":
        """Read `pretrained`, `random`, the name of a stage, or a path."""
        if text in (_TIMM, _UNTRAINED):
            return cls("timm" if text == _TIMM else "untrained")
        return cls("stage" if text in STAGE_FILES else "file", text)

    def __str__(self) -> str:
        return self.name or (_TIMM if self.origin == "timm" else _UNTRAINED)

    def inputs(self) -> tuple[str, ...]:
        """The stage that has to run first, if any."""
        return (self.name,) if self.origin == "stage" else ()

    def files(self, setting: str) -> dict[str, Path]:
        """The user's file, if any, under the name of the setting that names it."""
        return {setting: Path(self.name)} if self.origin == "file" else {}

    def find(self, artifacts: Mapping[str, Path]) -> Path | None:
        """The checkpoint to load, given the folder of each artifact; None where there is none."""
        if self.origin == "stage":
            return artifacts[self.name] / STAGE_FILES[self.name]
        return Path(self.name).expanduser() if self.origin == "file" else None


TIMM = WeightsSource("timm")
UNTRAINED = WeightsSource("untrained")


def check_weights_file(path: Path, where: str) -> None:
    """Raise InputError, which begins with `where`, unless a file has the ending of weights and may be such."""
    if path.is_dir():
        raise InputError(f"{where}: a folder; name a file of weights")
    if not path.name.lower().endswith(_SUFFIXES):
        raise InputError(f"{where}: give a file that ends in {', '.join(_SUFFIXES)}")
    if not path.is_file():
        raise InputError(f"{where}: there is no such file")
    _check_beginning(path, where)


def _check_beginning(path: Path, where: str) -> None:
    """Raise InputError where a file is plainly something else."""
    with path.open("rb") as file:
        start = file.read(MOST)
    if not start.strip():
        raise InputError(f"{where}: the file is empty; the download went wrong")
    text, zipped = start.lstrip()[:1] == b"{", start[:2] == b"PK"  # as the files of torch are
    what = "a text, not weights" if text else None if zipped else other_kind(start, "weights")
    if what:
        raise InputError(f"{where}: {what}")


def find_checkpoint(weights: WeightsSource | None, artifacts: Mapping[str, Path]) -> Path | None:
    """The checkpoint that a network starts from; None where it starts from nothing."""
    return None if weights is None else weights.find(artifacts)


def _read(value: Any) -> WeightsSource:
    if isinstance(value, WeightsSource):
        return value
    if isinstance(value, str | Path) and str(value).strip():
        return WeightsSource.parse(str(value))
    raise ValueError("must be a word or a path")


def _of_vit(source: WeightsSource) -> WeightsSource:
    if source.origin == "stage" and source.name != VIT.stage:
        raise ValueError(f"must be {_TIMM}, {_UNTRAINED}, {VIT.stage} or a path, as it is a ViT's")
    return source


def _of_resnet(source: WeightsSource) -> WeightsSource:
    if source.origin != "file" and source.name != RESNET.stage:
        raise ValueError(f"must be {RESNET.stage}, a path, or null for none, as it is a ResNet's")
    return source


def _of_backbone(value: Any, info: ValidationInfo) -> WeightsSource:
    source, backbone = _read(value), info.data.get("backbone")
    if backbone is None:  # itself not valid, which is said already
        return source
    return _of_vit(source) if backbone == "vit" else _of_resnet(source)


VitWeights = Annotated[WeightsSource, PlainValidator(lambda value: _of_vit(_read(value))), PlainSerializer(str)]
"""A setting that names the weights of a Vision Transformer."""
BackboneWeights = Annotated[WeightsSource, PlainValidator(_of_backbone), PlainSerializer(str)]
"""A setting that names the weights of the `backbone` above it: `vit`, or the name of a ResNet."""
