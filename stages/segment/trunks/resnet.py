"""The segmenter's features from a dilated ResNet.

B images of H x W px, D channels, output stride s.
"""

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from maskdistill.stages.networks.resnet import N_STAGES, RGB_MEAN, RGB_STD, ResNetName, build_resnet, freeze_stages
from maskdistill.stages.segment.config import SegmentConfig

_STEM = ("conv1", "bn1", "relu", "maxpool")


class ResNetTrunk(nn.Module):
    """A ResNet with some of its strides traded for dilation.

    Args:
        name: Depth of the ResNet.
        config: Output stride, how many stages there are, and what is frozen.
        weights: Weights of the ResNet; None = from nothing.

    Attributes:
        width: D.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: ResNetName, config: SegmentConfig, weights: Path | None) -> None:
        super().__init__()
        resnet = build_resnet(name, weights, "segment.weights")
        dilate(resnet, config.output_stride)
        if config.weights is not None:
            freeze_stages(resnet, config.freeze_stages)
        self.width = int(resnet.inplanes) >> (N_STAGES - config.stages)
        self.layers = [*_STEM, *(f"layer{stage}" for stage in range(1, config.stages + 1))]
        for layer in self.layers:
            self.add_module(layer, getattr(resnet, layer))
        for buffer, values in {"mean": RGB_MEAN, "std": RGB_STD}.items():
            self.register_buffer(buffer, resnet.conv1.weight.new_tensor(values).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Features (B, D, H / s, W / s), rounded up, of images uint8 (B, 3, H, W) RGB."""
        x = (images.float() / 255 - self.mean) / self.std
        for layer in self.layers:
            x = self.get_submodule(layer)(x)
        return x


def dilate(resnet: Any, output_stride: int) -> None:
    """Trade the strides of the last stages for dilation, in place.

    Done here because torchvision's constructor refuses it for the blocks of a ResNet-18. As there, the block that
    loses its stride keeps the dilation of the stage before it.
    """
    dilation = 1
    for stage in (resnet.layer3, resnet.layer4):
        keeps_stride = stage is resnet.layer3 and output_stride == 16
        before = dilation
        dilation = dilation if keeps_stride else 2 * dilation
        for number, block in enumerate(stage):
            for conv in (module for module in block.modules() if isinstance(module, nn.Conv2d)):
                if not keeps_stride:
                    conv.stride = (1, 1)
                if conv.kernel_size == (3, 3):
                    rate = before if number == 0 else dilation
                    conv.dilation = conv.padding = (rate, rate)
