"""The method `linkage`: the tokens are the codes."""

from maskdistill.stages.correspond.methods.method import PatchMethod


class LinkageMethod(PatchMethod):
    """Nothing is trained; the stage fits the centres."""
