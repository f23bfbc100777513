"""The metrics of a training as JSON lines, without gaps or repetitions after a resume."""

import json
from collections.abc import Mapping
from pathlib import Path

from maskdistill.data.atomic import atomic_path


def _lines_up_to(path: Path, iteration: int) -> list[str]:
    """The whole lines of `path` that belong to the first `iteration` steps."""
    kept = []
    for line in path.read_text().splitlines(keepends=True) if path.exists() else []:
        # A killed run may leave half a line; everything from there on is computed again.
        if not line.endswith("\n") or json.loads(line)["iteration"] > iteration:
            break
        kept.append(line)
    return kept


class LossLog:
    """Appends one line per iteration to a file that is first cut back to `iterations_done`."""

    def __init__(self, path: Path, iterations_done: int) -> None:
        kept = _lines_up_to(path, iterations_done)
        with atomic_path(path) as temporary:
            temporary.write_text("".join(kept))
        self._file = path.open("a")

    def write(self, iteration: int, metrics: Mapping[str, float]) -> None:
        """Add the line of the step that was the `iteration`-th, counted from 1."""
        self._file.write(json.dumps({"iteration": iteration, **metrics}) + "\n")

    def flush(self) -> None:
        """Hand all lines to the file system."""
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def final_losses(path: Path, last: int = 50) -> dict[str, float]:
    """Mean of each metric that all of the last iterations of a log have, the learning rate left out; {} of none."""
    lines = [json.loads(line) for line in path.read_text().splitlines()[-last:]]
    # Some metrics come up later, or now and then only.
    names = [name for name in lines[0] if all(name in line for line in lines)] if lines else []
    return {name: sum(line[name] for line in lines) / len(lines) for name in names if name not in ("iteration", "lr")}
