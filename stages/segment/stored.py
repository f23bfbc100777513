"""Predicting from the stored tokens of a frozen ViT, so that no image passes through it twice."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.features import FeatureStore
from maskdistill.stages.features.read import stored_tokens
from maskdistill.stages.known_images import read_known
from maskdistill.stages.segment.config import SegmentConfig
from maskdistill.stages.segment.model import Segmenter
from maskdistill.stages.segment.predict import Scored
from maskdistill.stages.segment.trunks.vit import VitTrunk
from maskdistill.stages.training.precision import autocast


def score_stored(
    model: Segmenter,
    features: FeatureStore,
    source: ImageSource,
    image_ids: Sequence[str],
    config: SegmentConfig,
    device: torch.device,
) -> Iterator[Scored]:
    """Scores of some images as `score_images` gives them, but from stored tokens, and in order."""
    for image_id in image_ids:
        views = [False, True] if config.inference_flip else [False]
        with torch.inference_mode(), autocast(device, config.precision):
            scores = [_scores(model, features, image_id, device, mirrored=mirrored) for mirrored in views]
        yield Scored(image_id, read_known(source, image_id), scores)


def _scores(model: Segmenter, features: FeatureStore, image_id: str, device: torch.device, *, mirrored: bool) -> Tensor:
    """Scores (C, h, w) of an image, or of its mirror image turned back."""
    assert isinstance(model.backbone, VitTrunk)
    tokens = stored_tokens(features, features.index(image_id), device, mirrored=mirrored)
    found: Tensor = model.head(model.backbone.neck(tokens))[0]
    return found.flip(-1) if mirrored else found


def answers(features: FeatureStore, config: SegmentConfig) -> bool:
    """Whether the stored tokens are all that a prediction needs: of whole images, at one scale."""
    whole = config.window is None and tuple(config.inference_scales) == (1.0,)
    return whole and (features.mirrored or not config.inference_flip)
