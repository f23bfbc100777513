"""Otsu's threshold."""

import numpy as np
import pytest

from maskdistill.stages.otsu import otsu_threshold


def test_it_lies_between_two_groups() -> None:
    values = np.concatenate([np.full(30, 0.2), np.full(10, 0.8)])
    assert 0.2 < otsu_threshold(values) < 0.8


@pytest.mark.parametrize("values", [np.full(5, 3.0), np.array([1.0, 1.0 + 1e-15]), np.array([1e9, 1e9 + 1e-6])])
def test_values_that_hardly_differ_are_one_group(values: np.ndarray) -> None:
    assert (values > otsu_threshold(values)).all()
