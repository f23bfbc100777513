"""Windows, scales and mirror images at prediction, on a tiny model of random weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from helpers.sources import BlobSource
from maskdistill.data.arrays import UInt8Array
from maskdistill.data.stores.labels import LabelStore
from maskdistill.stages.segment.config import SegmentConfig
from maskdistill.stages.segment.inference import combine_views, view_scores, views_of, window_scores, window_starts
from maskdistill.stages.segment.model import Segmenter
from maskdistill.stages.segment.predict import predict_part, to_labels

PLAIN = SegmentConfig(backbone="resnet18", output_stride=16, precision="fp32")


def with_settings(**settings: object) -> SegmentConfig:
    return SegmentConfig.model_validate({**PLAIN.model_dump(), **settings})


@pytest.fixture(scope="module")
def model() -> Segmenter:
    torch.manual_seed(0)
    return Segmenter(PLAIN, 3, None).eval().requires_grad_(False)


@pytest.fixture
def pixels() -> UInt8Array:
    return np.random.default_rng(0).integers(0, 256, (70, 96, 3), dtype=np.uint8)


def scores_of(model: Segmenter, pixels: UInt8Array, config: SegmentConfig) -> Tensor:
    """Scores of one image at its own size."""
    views = [view[None] for view in views_of(pixels, config)]
    return combine_views(
        [scores[0] for scores in view_scores(model, views, config)], (pixels.shape[0], pixels.shape[1])
    )


@pytest.mark.parametrize("settings", [{"window": 96}, {"window": 1000, "stride": 7}, {"inference_scales": (1.0,)}])
def test_settings_that_ask_for_nothing_change_nothing(
    model: Segmenter, pixels: UInt8Array, settings: dict[str, object]
) -> None:
    whole = model.full_logits(torch.from_numpy(pixels).permute(2, 0, 1)[None], (70, 96))[0]
    assert torch.equal(scores_of(model, pixels, with_settings(**settings)), whole)


def test_mirrored_image_gives_mirrored_scores(model: Segmenter, pixels: UInt8Array) -> None:
    config = with_settings(inference_flip=True, inference_scales=(0.75, 1.25))
    there, back = (scores_of(model, image, config) for image in (pixels, pixels[:, ::-1].copy()))
    torch.testing.assert_close(back.flip(-1), there, atol=1e-4, rtol=1e-4)
    plain = [scores_of(model, image, PLAIN) for image in (pixels, pixels[:, ::-1].copy())]
    assert (plain[1].flip(-1) - plain[0]).abs().max() > 1e-3


def test_probabilities_of_scales_are_averaged(model: Segmenter, pixels: UInt8Array) -> None:
    both = scores_of(model, pixels, with_settings(inference_scales=(1.0, 0.5))).softmax(dim=0)
    single = [scores_of(model, pixels, with_settings(inference_scales=(scale,))).softmax(dim=0) for scale in (1.0, 0.5)]
    torch.testing.assert_close(both, (single[0] + single[1]) / 2)


@pytest.mark.parametrize("at_once", [1, 3, 9])
def test_windows_are_predicted_and_averaged(model: Segmenter, pixels: UInt8Array, at_once: int) -> None:
    """Two by two windows of 64 px over 70 x 96: tops at 0 and 6, lefts at 0 and 32."""
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    found = window_scores(model, image, with_settings(window=64, stride=32), at_once).softmax(dim=1)[0]
    total, count = torch.zeros(3, 70, 96), torch.zeros(70, 96)
    for top in (0, 6):
        for left in (0, 32):
            inside = image[:, :, top : top + 64, left : left + 64]
            total[:, top : top + 64, left : left + 64] += model.full_logits(inside, (64, 64)).softmax(dim=1)[0]
            count[top : top + 64, left : left + 64] += 1
    torch.testing.assert_close(found, total / count)


def test_windows_of_several_images_do_not_mix(model: Segmenter, pixels: UInt8Array) -> None:
    images = torch.from_numpy(np.stack([pixels, pixels[::-1], 255 - pixels])).permute(0, 3, 1, 2)
    config = with_settings(window=64, stride=32)
    alone = torch.cat([window_scores(model, image[None], config) for image in images])
    torch.testing.assert_close(window_scores(model, images, config, at_once=3), alone, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("side", "window", "stride", "expected"),
    [
        (10, 10, 5, [0]),
        (6, 10, 5, [0]),
        (20, 10, 5, [0, 5, 10]),
        (21, 10, 5, [0, 5, 10, 11]),
        (25, 10, 10, [0, 10, 15]),
    ],
)
def test_windows_cover_the_side(side: int, window: int, stride: int, expected: list[int]) -> None:
    assert window_starts(side, window, stride) == expected


def test_crf_works_on_a_smaller_copy_of_large_images() -> None:
    """The result has the image's own size, and follows its colours where the scores know half of the object only."""
    pixels = np.full((60, 200, 3), 20, dtype=np.uint8)
    pixels[10:50, 40:160] = 220
    scores = torch.zeros(2, 60, 200)
    scores[1] = -1.0
    scores[1, 10:50, 60:160] = 1.0
    config = PLAIN.model_copy(update={"crf": PLAIN.crf.model_copy(update={"max_side": 100})})
    labels = to_labels([scores], pixels, config, with_crf=True)
    assert labels.shape == (60, 200)
    assert ((labels == 1) == (pixels[..., 0] > 100)).mean() > 0.98
    assert to_labels([scores], pixels, PLAIN, with_crf=False).mean() == pytest.approx(100 * 40 / 12000)


class Unsure(Segmenter):
    """Knows bright pixels, and errs in every other column."""

    def forward(self, images: Tensor) -> Tensor:
        errs = torch.arange(images.shape[3]) % 2 * -4.0
        return torch.stack([torch.zeros(images[:, 0].shape), images.float().mean(dim=1) / 40 - 2 + errs], dim=1)


@pytest.mark.parametrize("asked", [False, True])
def test_predictions_pass_through_the_crf_where_the_run_asked_for_it(asked: bool, tmp_path: Path) -> None:
    config = PLAIN.model_copy(update={"crf": PLAIN.crf.model_copy(update={"predictions": asked})})
    source, unsure = BlobSource(2, 2), Unsure(PLAIN, 2, None).eval()
    predict_part(unsure, source, source.ids, config, 1, torch.device("cpu"), lambda n: None, tmp_path / "labels.zarr")
    found = LabelStore.open(tmp_path / "labels.zarr").read(1)
    pixels = source.read(1)
    expected = [
        to_labels(list(unsure(torch.from_numpy(pixels).permute(2, 0, 1)[None])), pixels, config, with_crf=with_crf)
        for with_crf in (asked, not asked)
    ]
    assert (np.array_equal(found, expected[0]), np.array_equal(found, expected[1])) == (True, False)
