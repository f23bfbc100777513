"""Random views of images: sizes, places, colours, blur."""

import pytest
import torch
from torch import Tensor

from maskdistill.stages.pretrain.colours import erase_colours, jitter_colours
from maskdistill.stages.pretrain.config import ViewsConfig
from maskdistill.stages.pretrain.views import blur, crop, multi_crop

VIEWS = ViewsConfig(global_size=32, local_size=16, n_local=3)


def make_images(n: int = 4, side: int = 40, seed: int = 0) -> Tensor:
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("n_local", [0, 3])
@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_multi_crop_counts_and_sizes(n_local: int, strength: float) -> None:
    large, small = multi_crop(make_images(), VIEWS.model_copy(update={"n_local": n_local}), strength)
    assert large.shape == (2, 4, 3, 32, 32)
    assert small.shape == (n_local, 4, 3, 16, 16)
    for views in (large, small):
        assert torch.isfinite(views).all()
        assert ((views >= 0) & (views <= 1)).all()
    assert not torch.equal(large[0], large[1])


def test_the_same_seed_gives_the_same_views() -> None:
    views = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        views.append(multi_crop(make_images(), VIEWS, 1.0)[0])
    assert torch.equal(views[0], views[1])
    assert not torch.equal(views[0], views[2])


def test_a_crop_of_everything_changes_nothing() -> None:
    images = make_images(n=64)
    torch.manual_seed(0)
    crops = crop(images, 40, (1.0, 1.0), rotation=180, strength=0)
    # The aspect still varies; where it came out near 1, the view is the image.
    errors = (crops - images).abs().mean(dim=(1, 2, 3))
    assert errors.min() < 0.02
    turned = crop(images, 40, (1.0, 1.0), rotation=180, strength=1)
    assert (turned - images).abs().mean(dim=(1, 2, 3)).median() > 0.1


def test_views_do_not_carry_colour_or_contrast() -> None:
    """Two images that differ in colour and contrast only become the same distribution of views."""
    pattern = make_images(1)[:, :1].repeat(200, 3, 1, 1)
    reddish, bluish = pattern.clone() * 0.9, 0.5 + pattern * 0.4
    reddish[:, 1:] *= 0.2
    bluish[:, :2] *= 0.5
    torch.manual_seed(0)
    statistics = []
    for images in (reddish, bluish):
        views = erase_colours(images, 1.0)
        statistics.append(torch.cat([views.mean((2, 3)), views.std((2, 3))], dim=1).mean(dim=0))
    torch.testing.assert_close(statistics[0], statistics[1], rtol=0, atol=0.04)
    assert (reddish.mean((0, 2, 3)) - bluish.mean((0, 2, 3))).abs().max() > 0.2


def test_jitter_keeps_most_of_an_image() -> None:
    images = make_images(64) * 0.5 + 0.25
    torch.testing.assert_close(jitter_colours(images, 0.0), images)
    torch.manual_seed(0)
    changed = jitter_colours(images, 1.0)
    change = (changed - images).abs().mean(dim=(1, 2, 3))
    assert 0.02 < change.median() < 0.15
    assert ((changed >= 0) & (changed <= 1)).all()
    is_grey = (changed - changed.mean(dim=1, keepdim=True)).abs().amax(dim=(1, 2, 3)) < 1e-5
    assert 3 <= is_grey.sum() <= 30  # a fifth of them


def test_blur_takes_only_what_is_chosen() -> None:
    dot = torch.zeros(2, 3, 9, 9)
    dot[:, :, 4, 4] = 1
    blurred = blur(dot, torch.tensor([0.5, 0.5]), torch.tensor([True, False]))
    assert torch.equal(blurred[1], dot[1])
    torch.testing.assert_close(blurred[0].sum(dim=(1, 2)), torch.ones(3))
    weights = torch.exp(-(torch.arange(-2.0, 3) ** 2) / 0.5)
    torch.testing.assert_close(blurred[0, 0, 4, 4], (weights[2] / weights.sum()) ** 2)
    assert torch.equal(blur(dot, torch.ones(2), torch.zeros(2, dtype=torch.bool)), dot)
