"""The detector of regions on stored tokens: no image passes through the frozen ViT twice."""

from collections.abc import Sequence

import torch
from torch import nn

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.catalog import FEATURES
from maskdistill.data.stores.features import FeatureStore
from maskdistill.data.stores.labels import paint
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder
from maskdistill.stages.contract import StageInputs
from maskdistill.stages.distill.config import DistillConfig
from maskdistill.stages.distill.dataset import DetectionData
from maskdistill.stages.distill.detectors.regions import RegionDetector
from maskdistill.stages.distill.predict import encode
from maskdistill.stages.features.crops import TokenCrops
from maskdistill.stages.features.read import stored_tokens
from maskdistill.stages.parts import Advance
from maskdistill.stages.training.fit import SimpleFit
from maskdistill.stages.training.precision import autocast


def learn_from_stored(
    detector: RegionDetector, data: DetectionData, inputs: StageInputs
) -> tuple[TokenCrops, SimpleFit]:
    """Samples of stored tokens with the painted masks, and a fit of the layer alone; tells the detector their scale."""
    features, masks = FEATURES.open(inputs.artifacts), data.masks
    detector.tokens.standard.set(torch.from_numpy(features.mean), torch.from_numpy(features.std))

    def labels(item: int) -> UInt8Array:
        image = int(data.images[item])
        rows = masks.rows_of(image)
        height, width = masks.size_hw[rows.start].tolist()
        return paint(masks.decode_image(image), masks.cluster[rows.start : rows.stop] + 1, (height, width))

    ids = [masks.image_ids[image] for image in data.images]
    crops = TokenCrops(features, ids, labels, detector.own.crop, data.config.flip)
    layer: nn.Module = detector.layer
    return crops, SimpleFit(layer, detector.stored_losses)


def predict_stored(
    detector: RegionDetector,
    features: FeatureStore,
    image_ids: Sequence[str],
    config: DistillConfig,
    device: torch.device,
    advance: Advance,
) -> MaskStore:
    """The candidates of some images, by descending score in each; the detector is in eval mode."""
    builder = MaskStoreBuilder()
    for image_id in image_ids:
        index = features.index(image_id)
        both = config.flip_prediction and features.mirrored
        with torch.inference_mode(), autocast(device, config.precision):
            mirrored = stored_tokens(features, index, device, mirrored=True) if both else None
            tokens = stored_tokens(features, index, device)
            found = detector.of_tokens(tokens, features.size_hw[index].tolist(), mirrored)
        builder.add_rles(image_id, *encode(found))
        advance(1)
    return builder.build()
