"""Long per-image work in parts: each part is written by one writer, appears whole, and is never computed twice."""

from collections.abc import Callable
from pathlib import Path

from maskdistill.data.atomic import atomic_path


def compute_parts(
    folder: Path,
    n_items: int,
    part_size: int,
    compute: Callable[[range, Path], None],
    on_skip: Callable[[int], None] = lambda n: None,
) -> list[Path]:
    """Compute the parts that `folder` does not hold yet.

    Args:
        folder: Where the parts lie, each named after the items it covers.
        n_items: How many items there are in all.
        part_size: Items per part; parts of another size are left alone and computed anew.
        compute: Called with the items of one part and the path it must write to.
        on_skip: Told the number of items of each part that was there already.

    Returns:
        The paths of all parts, in order.
    """
    paths = []
    for start in range(0, n_items, part_size):
        items = range(start, min(start + part_size, n_items))
        path = folder / f"{items.start:08d}-{items.stop:08d}"
        if path.exists():
            on_skip(len(items))
        else:
            with atomic_path(path) as temporary:
                compute(items, temporary)
        paths.append(path)
    return paths
