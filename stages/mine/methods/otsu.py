"""The mining method `otsu`: a threshold on colour or on edges, which any better method has to beat."""

from collections.abc import Iterable, Iterator

from maskdistill.stages.mine.methods.miner import Miner, Photo, Proposals
from maskdistill.stages.mine.methods.otsu_masks import otsu_on_colour, otsu_on_edges
from maskdistill.stages.registry import MINING

_RULES = {"colour": otsu_on_colour, "edges": otsu_on_edges}


class OtsuMiner(Miner):
    """One mask per image, without any network."""

    def mine(self, photos: Iterable[Photo]) -> Iterator[tuple[int, Proposals]]:
        """The mask of each image."""
        mask_of = _RULES[MINING.settings(self.config).on]
        for photo in photos:
            yield photo.index, Proposals.of_masks(mask_of(photo.pixels)[None])
