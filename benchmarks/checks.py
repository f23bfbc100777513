"""What the checks of a run cost, beside the time that its stages took.

python benchmarks/checks.py ARTIFACTS        after a run with `-s artifacts=ARTIFACTS`, for example of the demo
"""

import argparse
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from pairs import seconds_of

from maskdistill.data.atomic import write_through
from maskdistill.data.hashes import hash_tree
from maskdistill.pipeline.integrity import check_sound
from maskdistill.pipeline.manifest import read_manifest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artifacts", type=Path)
    source = parser.parse_args().artifacts
    with tempfile.TemporaryDirectory() as name:
        # Copied, as writing through costs something only where files are new.
        artifacts = Path(shutil.copytree(source, Path(name, "artifacts")))
        folders = {folder: found for folder in artifacts.glob("*/*") if (found := read_manifest(folder))}
        total = sum(manifest.seconds for manifest in folders.values())
        n_bytes = sum(manifest.size() for manifest in folders.values())
        print(f"{len(folders)} artifacts, {n_bytes / 1e6:.0f} MB, made in {total:.0f} s")
        costs = {
            "writing through to the disk": seconds_of(lambda: for_each(folders, write_through)).wall,
            "sealing": seconds_of(lambda: for_each(folders, hash_tree)).wall,
            "checking before use": seconds_of(
                lambda: for_each(folders, lambda folder: check_sound(folder, folders[folder], "make it anew"))
            ).wall,
        }
        for what, cost in costs.items():
            print(f"{what}: {cost:.2f} s, {100 * cost / total:.2f} % of that")
        print(json.dumps({"percent": round(100 * sum(costs.values()) / total, 2)}))


def for_each(folders: Iterable[Path], action: Callable[[Path], object]) -> None:
    for folder in folders:
        action(folder)


if __name__ == "__main__":
    main()
