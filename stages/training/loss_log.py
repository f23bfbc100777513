"""The metrics of a training as JSON lines, without gaps or repetitions after a resume."""

import json
from collections.abc import Mapping
from pathlib import Path

from maskdistill.data import seals
from maskdistill.data.atomic import atomic_path
from maskdistill.data.hashes import hash_file, hash_text


def _lines_up_to(path: Path, iteration: int) -> list[str]:
    """The whole lines of `path` that belong to the first `iteration` steps."""
    kept = []
    for line in path.read_text(errors="replace").splitlines(keepends=True) if path.exists() else []:
        # A killed run may leave half a line; everything from there on is computed again.
        if not line.endswith("\n") or not _is_up_to(line, iteration):
            break
        kept.append(line)
    return kept


def _is_up_to(line: str, iteration: int) -> bool:
    try:
        return int(json.loads(line)["iteration"]) <= iteration
    except (ValueError, KeyError, TypeError):  # damaged
        return False


def hash_log(path: Path, iteration: int | None = None) -> str:
    """Hash of the lines of the first `iteration` steps, None = of all, to tell later whether they are still those."""
    if iteration is None:
        return hash_file(path) if path.exists() else hash_text("")
    return hash_text("".join(_lines_up_to(path, iteration)))


class LossLog:
    """Appends one line per iteration to a file that is first cut back to `iterations_done`."""

    def __init__(self, path: Path, iterations_done: int) -> None:
        kept = _lines_up_to(path, iterations_done)
        with atomic_path(path, grows=True) as temporary:
            temporary.write_text("".join(kept))
        self._path, self._file = path, path.open("a")

    def write(self, iteration: int, metrics: Mapping[str, float]) -> None:
        """Add the line of the step that was the `iteration`-th, counted from 1."""
        self._file.write(json.dumps({"iteration": iteration, **metrics}) + "\n")

    def flush(self) -> None:
        """Hand all lines to the file system."""
        self._file.flush()

    def close(self) -> None:
        """Close the file; what it holds then is sealed, as it is what the metrics are taken from."""
        self._file.close()
        seals.seal(self._path, self._path)


def final_losses(path: Path, last: int = 50) -> dict[str, float]:
    """Mean of each metric that all of the last iterations of a log have, the learning rate left out; {} of none."""
    lines = [json.loads(line) for line in path.read_text().splitlines()[-last:]]
    # Some metrics come up later, or now and then only.
    names = [name for name in lines[0] if all(name in line for line in lines)] if lines else []
    return {name: sum(line[name] for line in lines) / len(lines) for name in names if name not in ("iteration", "lr")}
