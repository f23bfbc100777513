"""The two views of SlotCon: what they share, and that the same px lie at the same place once aligned."""

import pytest
import torch
from torch import Tensor

from maskdistill.stages.imitate.methods.slot_views import (
    cut,
    draw_crops,
    draw_two_views,
    intersection,
    mirrored,
    overlap_boxes,
)
from maskdistill.stages.imitate.methods.slots import aligned


def crop(*numbers: float) -> Tensor:
    return torch.tensor([numbers], dtype=torch.float32)


def test_boxes_of_two_crops_by_hand() -> None:
    first, second = overlap_boxes(crop(10, 20, 100, 80), crop(50, 60, 120, 100))
    torch.testing.assert_close(first, crop(0.5, 0.4, 1, 1))
    torch.testing.assert_close(second, crop(0, 0, 0.4, 0.5))
    torch.testing.assert_close(mirrored(first, torch.tensor([True])), crop(0, 0.4, 0.5, 1))
    torch.testing.assert_close(mirrored(first, torch.tensor([False])), first)


def test_crops_lie_in_the_image_and_overlap() -> None:
    torch.manual_seed(0)
    first, second = draw_crops(500, (0.08, 1.0), torch.zeros(()))
    for crops in (first, second):
        assert bool((crops[:, :2] >= 0).all() and (crops[:, :2] + crops[:, 2:] <= 1 + 1e-6).all())
        area, ratio = crops[:, 2:].prod(dim=1), crops[:, 3] / crops[:, 2]
        assert bool((area >= 0.08 - 1e-6).all() and area.min() < 0.1 and area.max() > 0.8)
        assert bool((ratio >= 0.75 - 1e-5).all() and (ratio <= 4 / 3 + 1e-5).all())
    assert bool((intersection(first, second) >= 0.01 * second[:, 2:].prod(dim=1) - 1e-6).all())


def test_a_crop_is_cut_where_it_lies() -> None:
    rows = torch.linspace(0, 1, 16).view(1, 1, 16, 1).expand(1, 3, 16, 16)
    image = torch.cat([rows[:, :1], rows[:, :1].transpose(2, 3), rows[:, :1]], dim=1)
    torch.testing.assert_close(cut(image, crop(0, 0, 1, 1), torch.tensor([False])), image)
    torch.testing.assert_close(cut(image, crop(0, 0, 1, 1), torch.tensor([True])), image.flip(-1))
    part = cut(image, crop(0.5, 0.25, 0.5, 0.5), torch.tensor([False]))
    # Rows from 8 to 16, columns from 4 to 12, their middles 11.5 and 7.5.
    assert part[0, 0].mean().item() == pytest.approx(11.5 / 15, abs=0.01)
    assert part[0, 1].mean().item() == pytest.approx(7.5 / 15, abs=0.01)


def test_what_both_views_see_lies_at_the_same_place_once_aligned() -> None:
    torch.manual_seed(0)
    place = torch.linspace(0, 1, 64)
    image = torch.stack(torch.meshgrid(place, place, indexing="ij"))[None].repeat(8, 1, 1, 1)
    image = torch.cat([image, image[:, :1]], dim=1)
    first, second = draw_crops(8, (0.3, 1.0), image)
    seen: list[Tensor] = []
    for crops, boxes in zip((first, second), overlap_boxes(first, second), strict=True):
        flipped = (torch.arange(8) + len(seen)) % 2 > 0
        seen.append(aligned(cut(image, crops, flipped), mirrored(boxes, flipped), flipped))
    assert (seen[0] - seen[1]).abs().mean() < 0.005


def test_views_are_images_of_the_same_size() -> None:
    torch.manual_seed(0)
    images = torch.rand(4, 3, 32, 32)
    for view in draw_two_views(images, (0.08, 1.0)):
        assert view.pixels.shape == images.shape and view.boxes.shape == (4, 4) and view.flipped.dtype == torch.bool
        assert bool((view.pixels >= -1e-5).all() and (view.pixels <= 1 + 1e-5).all())
