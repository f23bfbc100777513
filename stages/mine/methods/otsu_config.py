"""Settings of mining by Otsu's threshold."""

from typing import Literal

from maskdistill.stages.mine.methods.settings import MinerSettings


class OtsuConfig(MinerSettings):
    """One mask per image by a threshold (Otsu, 1979), without any network."""

    on: Literal["colour", "edges"] = "colour"
    """What the threshold is set on: how far a pixel's colour is from that of the image's frame, or how many edges lie
    around it."""
