"""Settings of the method `kmeans`."""

from maskdistill.stages.correspond.methods.settings import PatchSettings


class KMeansConfig(PatchSettings):
    """K-means of the tokens as they are: what the other methods have to be better than."""
