"""The method `kmeans`: the tokens are the codes."""

from maskdistill.stages.correspond.methods.method import PatchMethod


class KMeansMethod(PatchMethod):
    """Nothing is trained; the stage fits the centres."""
