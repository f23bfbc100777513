"""Reading images that an earlier stage has read already: there, a failure means that the data changed."""

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.errors import MaskDistillError, UnreadableImage
from maskdistill.data.sources.image_source import Glance, ImageSource


def read_known(source: ImageSource, image_id: str, size_hw: tuple[int, int] | None = None) -> UInt8Array:
    """Pixels, uint8 (H, W, 3), of an image that a store lists; as `glance_known`."""
    return glance_known(source, image_id, size_hw, None).pixels


def glance_known(source: ImageSource, image_id: str, size_hw: tuple[int, int] | None, short_side: int | None) -> Glance:
    """An image that a store lists.

    Args:
        source: The images.
        image_id: Id as the store has it.
        size_hw: Size that the store recorded, px; None = not recorded.
        short_side: Where it is looked at with so long a short side, px, or less, a large image is read smaller; None =
            at its own size.

    Raises:
        MaskDistillError: The image is gone, cannot be decoded any more, or has another size now.
    """
    remedy = "it has changed since its mask was mined; run the mine stage again"
    try:
        glance = source.glance(source.index(image_id), short_side)
    except KeyError:
        raise MaskDistillError(f"image {image_id} is not in the image source any more: {remedy}") from None
    except UnreadableImage as error:
        raise MaskDistillError(f"image {image_id} cannot be read any more ({error}): {remedy}") from error
    if size_hw is not None and glance.size_hw != tuple(size_hw):
        now, then = (" x ".join(map(str, size)) for size in (glance.size_hw, size_hw))
        raise MaskDistillError(f"image {image_id} is {now} px and was {then} px: {remedy}")
    return glance
