"""Scores some rows at a time are those of the whole image."""

import pytest
import torch

from maskdistill.stages.segment.bands import BandedScores
from maskdistill.stages.segment.inference import combine_views

SIZES = [((7, 9), (60, 300)), ((40, 30), (400, 240)), ((50, 400), (50, 400)), ((90, 20), (40, 401))]


@pytest.mark.parametrize("n_views", [1, 3])
@pytest.mark.parametrize(("grid_hw", "size_hw"), SIZES)
def test_bands_are_rows_of_the_whole(n_views: int, grid_hw: tuple[int, int], size_hw: tuple[int, int]) -> None:
    torch.manual_seed(0)
    views = [4 * torch.randn(21, grid_hw[0] + view, grid_hw[1]) for view in range(n_views)]
    bands = list(BandedScores(views, size_hw, whole_bytes=0, band_bytes=2**18))
    assert len(bands) > 1 and all(band.shape[1] == rows.stop - rows.start for rows, band in bands)
    whole = combine_views(views, size_hw)
    found = torch.cat([band for _, band in bands], dim=1)
    torch.testing.assert_close(found, whole, atol=1e-5, rtol=1e-5)
    # Where two classes are equal but for the last bit, a processor that adds in another order may choose the other.
    assert (found.argmax(dim=0) != whole.argmax(dim=0)).float().mean() < 1e-4


def test_small_scores_come_at_once_and_are_worked_out_once() -> None:
    views = [torch.randn(3, 4, 5), torch.randn(3, 8, 10)]
    bands = BandedScores(views, (32, 40))
    ((rows, band),) = bands
    assert rows == slice(0, 32) and torch.equal(band, combine_views(views, (32, 40)))
    assert next(iter(bands))[1] is band
