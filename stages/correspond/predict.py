"""Codes and label maps of images, in parts."""

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.catalog import CODES, FEATURES, PATCH_CLUSTERS
from maskdistill.data.stores.labels import write_labels
from maskdistill.data.stores.write_features import write_features
from maskdistill.stages.contract import StageInputs
from maskdistill.stages.correspond.coder import PatchCoder, load_coder
from maskdistill.stages.correspond.config import CorrespondConfig
from maskdistill.stages.crf.config import CrfConfig
from maskdistill.stages.crf.dense_crf import refine_within
from maskdistill.stages.known_images import read_known
from maskdistill.stages.parts import Advance, PartReport
from maskdistill.stages.training.device import resolve_device
from maskdistill.stages.training.precision import autocast

_ALPHA = 2.0
"""What cosines are multiplied by before the softmax that the CRF starts from (STEGO)."""


@dataclass(frozen=True)
class CodesJob:
    """The codes and label maps of some images.

    Attributes:
        config: Of the stage.
        inputs: The images, and the tokens.
        head: The trained head.
    """

    config: CorrespondConfig
    inputs: StageInputs
    head: Path

    def open(self) -> "CodesWorker":
        """Load the head."""
        return CodesWorker(self, load_coder(self.head, self.config, resolve_device(self.inputs.execution)))


class CodesWorker:
    """The loaded head, and the tokens."""

    def __init__(self, job: CodesJob, coder: PatchCoder) -> None:
        self.job, self.coder = job, coder
        self.features = FEATURES.open(job.inputs.artifacts)

    def write(self, items: range, folder: Path, advance: Advance) -> PartReport:
        """Write the label maps of some images and, where a head was trained, their codes."""
        config, source, features = self.job.config, self.job.inputs.source, self.features
        device = self.coder.probe.centres.device
        description = {"codes": config.method, "of": features.description}
        maps: list[tuple[str, UInt8Array]] = []
        with write_features(folder / CODES.file, self.coder.code_dim, description, mirrored=False) as writer:
            for item in items:
                image_id = features.image_ids[item]
                with torch.inference_mode(), autocast(device, config.precision):
                    codes = self.coder.codes_of(features, item, mirror=config.mirror)
                    cosines = self.coder.probe(codes[None])[0]
                size_hw = (int(features.size_hw[item, 0]), int(features.size_hw[item, 1]))
                pixels = read_known(source, image_id, size_hw) if config.crf else None
                maps.append((image_id, to_labels(cosines, size_hw, pixels, background=config.background)))
                if config.own.learns:
                    stored = codes.permute(1, 2, 0).half().cpu().numpy()
                    is_train = bool(source.are_train([image_id])[0])
                    writer.add(item, image_id, size_hw, stored, counts=is_train)
                advance(1)
        write_labels(folder / PATCH_CLUSTERS.file, maps)
        return PartReport(len(items))


def to_labels(
    cosines: Tensor, size_hw: tuple[int, int], pixels: UInt8Array | None = None, *, background: bool
) -> UInt8Array:
    """The label of each pixel, uint8 (H, W).

    Args:
        cosines: float (K, h, w) of patches with centres; interpolated before the maximum.
        size_hw: H and W, px.
        pixels: The image, for the CRF; None = without.
        background: Whether cluster 0 is the background; else labels begin with 1.
    """
    with torch.inference_mode():
        if pixels is None:
            scores = _interpolated(cosines, size_hw)
        else:
            scores = refine_within(
                lambda inner_hw: (_interpolated(cosines, inner_hw) * _ALPHA).log_softmax(dim=0), pixels, CrfConfig()
            )
        # The same as argmax, which takes five times as long on a CPU.
        labels = scores.max(dim=0).indices + (0 if background else 1)
    found: UInt8Array = labels.to(torch.uint8).cpu().numpy()
    return found


def _interpolated(scores: Tensor, size_hw: tuple[int, int]) -> Tensor:
    if scores.shape[1:] == size_hw:
        return scores
    return F.interpolate(scores[None], size=size_hw, mode="bilinear", align_corners=False)[0]
