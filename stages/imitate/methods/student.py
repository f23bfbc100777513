"""A ResNet with two linear heads that predict the tokens of a Vision Transformer."""

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from maskdistill.stages.imitate.methods.teacher import Targets
from maskdistill.stages.networks.resnet import RGB_MEAN, RGB_STD, ResNetName, build_resnet


class Student(nn.Module):
    """ResNet whose last stage predicts the class token and whose third stage, at half the stride, the patch tokens.

    Args:
        name: Depth of the ResNet.
        dim: Dimension D of the tokens.
    """

    def __init__(self, name: ResNetName, dim: int) -> None:
        super().__init__()
        self.trunk: Any = build_resnet(name, None)
        width = self.trunk.inplanes
        self.class_head = nn.Linear(width, dim)
        self.patch_head = nn.Conv2d(width // 2, dim, kernel_size=1)

    def forward(self, images: Tensor) -> Targets:
        """Predicted class tokens (B, D) and patch tokens (B, D, h, w), of images float (B, 3, S, S) in 0-1."""
        mean, std = (images.new_tensor(values).view(3, 1, 1) for values in (RGB_MEAN, RGB_STD))
        net = self.trunk
        x = net.maxpool(net.relu(net.bn1(net.conv1((images - mean) / std))))
        third = net.layer3(net.layer2(net.layer1(x)))
        last = net.layer4(third)
        return self.class_head(last.mean(dim=(2, 3))).float(), self.patch_head(third).float()

    def losses(self, images: Tensor, targets: Targets) -> dict[str, Tensor]:
        """Mean squared error of both predictions; 1 for a prediction of zeros."""
        classes, patches = self(images)
        full = F.interpolate(patches, size=targets[1].shape[2:], mode="bilinear", align_corners=False)
        return {"class_token": F.mse_loss(classes, targets[0]), "patch_tokens": F.mse_loss(full, targets[1])}
