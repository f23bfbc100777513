"""Pasted masks are those of torchvision."""

import pytest
import torch
from torchvision.models.detection.roi_heads import paste_masks_in_image

from maskdistill.stages.distill.detectors.paste import paste

SIZE_HW = (40, 60)


@pytest.mark.parametrize("seed", range(5))
def test_as_torchvision_pastes_them(seed: int) -> None:
    """Boxes inside of the image, across its border, of no extent, and of all of it."""
    generator = torch.Generator().manual_seed(seed)
    corners = torch.rand((20, 2), generator=generator) * torch.tensor([60.0, 40.0])
    extents = torch.rand((20, 2), generator=generator) * 30
    boxes = torch.cat([corners, corners + extents], dim=1)
    boxes[0], boxes[1] = torch.tensor([-5.0, -5.0, 20.0, 50.0]), torch.tensor([7.0, 7.0, 7.0, 7.0])
    boxes[2] = torch.tensor([0.0, 0.0, 60.0, 40.0])
    masks = torch.rand((20, 1, 28, 28), generator=generator)
    expected = paste_masks_in_image(masks, boxes, SIZE_HW)[:, 0] >= 0.5
    assert torch.equal(paste(masks, boxes, SIZE_HW, 0.5), expected)


def test_of_no_masks() -> None:
    assert paste(torch.zeros(0, 1, 28, 28), torch.zeros(0, 4), SIZE_HW, 0.5).shape == (0, *SIZE_HW)
