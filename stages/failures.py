"""When unreadable images are too many to skip."""

from collections.abc import Mapping

from maskdistill.data.errors import InputError


def check_failures(failures: Mapping[str, str], n_images: int, max_failure_rate: float) -> None:
    """Raise InputError, with the reasons, where more than the allowed fraction of the images could not be read."""
    if len(failures) <= max_failure_rate * n_images and len(failures) < n_images:
        return
    reasons = "\n  ".join(list(failures.values())[:20])
    more = f"\n  and {len(failures) - 20} more" if len(failures) > 20 else ""
    raise InputError(
        f"{len(failures)} of {n_images} images cannot be read, more than max_failure_rate = {max_failure_rate:g} "
        f"allows; repair or remove them, or raise that limit:\n  {reasons}{more}"
    )
