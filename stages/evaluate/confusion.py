"""One confusion matrix over a whole split, fed image by image.

Shapes: T true classes, P predicted ids; rows are the truth, columns the prediction.
"""

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.arrays import IGNORE

IntArray = NDArray[np.int64]


class ConfusionMatrix:
    """Counts of pixels by true class and predicted id.

    Pixels of truth 255 count nowhere. A prediction of 255 counts as background, 0: a model cannot gain by abstaining.

    Attributes:
        matrix: int64 (T, P), px.
    """

    def __init__(self, n_true: int, n_predicted: int) -> None:
        self.matrix: IntArray = np.zeros((n_true, n_predicted), dtype=np.int64)

    def update(self, truth: NDArray[np.integer], prediction: NDArray[np.integer]) -> IntArray:
        """Count the pixels of one image.

        Args:
            truth: integers of any shape, 0 to T - 1 or 255.
            prediction: integers of the same shape, 0 to P - 1 or 255.

        Returns:
            int64 (T, P), the counts of this image alone.

        Raises:
            ValueError: The shapes differ, or a value is out of range.
        """
        if truth.shape != prediction.shape:
            raise ValueError(f"truth is {truth.shape}, prediction {prediction.shape}")
        counted = truth != IGNORE
        rows, columns = truth[counted].astype(np.int64), prediction[counted].astype(np.int64)
        columns[columns == IGNORE] = 0
        n_true, n_predicted = self.matrix.shape
        for name, values, n in (("truth", rows, n_true), ("prediction", columns, n_predicted)):
            if values.size and not (values.min() >= 0 and values.max() < n):
                raise ValueError(f"{name} holds {values.max()}, beyond the {n} ids that are expected")
        counts = np.bincount(rows * n_predicted + columns, minlength=n_true * n_predicted).reshape(n_true, n_predicted)
        self.matrix += counts
        return counts
