"""Settings of the method `linkage`."""

from maskdistill.stages.correspond.methods.settings import PatchSettings


class LinkageConfig(PatchSettings):
    """Average linkage of the tokens as they are: what K-means is compared with where a background fills most images."""
