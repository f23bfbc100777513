"""Reading images that an earlier stage has read already: there, a failure means that the data changed."""

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.errors import MaskDistillError, UnreadableImage
from maskdistill.data.sources.image_source import ImageSource


def read_known(source: ImageSource, image_id: str, size_hw: tuple[int, int] | None = None) -> UInt8Array:
    """Pixels, uint8 (H, W, 3), of an image that a store lists.

    Args:
        source: The images.
        image_id: Id as the store has it.
        size_hw: Size that the store recorded, px; None = not recorded.

    Raises:
        MaskDistillError: The image is gone, cannot be decoded any more, or has another size now.
    """
    remedy = "it has changed since its mask was mined; run the mine stage again"
    try:
        pixels = source.read(source.index(image_id))
    except KeyError:
        raise MaskDistillError(f"image {image_id} is not in the image source any more: {remedy}") from None
    except UnreadableImage as error:
        raise MaskDistillError(f"image {image_id} cannot be read any more ({error}): {remedy}") from error
    if size_hw is not None and pixels.shape[:2] != tuple(size_hw):
        now, then = (" x ".join(map(str, size)) for size in (pixels.shape[:2], size_hw))
        raise MaskDistillError(f"image {image_id} is {now} px and was {then} px: {remedy}")
    return pixels
