"""The kinds of array that flow between the rooms."""

import numpy as np
from numpy.typing import NDArray

UInt8Array = NDArray[np.uint8]
FloatArray = NDArray[np.float32]

IGNORE = 255
"""Label value of pixels that count nowhere."""
