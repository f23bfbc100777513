"""Seals: what is known of the files of an unfinished artifact, so that none that was damaged since is built upon.

A stage that was killed goes on from the parts, stores, weights and checkpoints that it left. While its folder is
unfinished, it has a folder `.seals` in it, and `atomic_path` leaves a small file there for each thing that it puts
in place: its name and the hash of its content. The next run compares, and removes what does not agree.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from maskdistill.data.hashes import hash_text, hash_tree, join_hashes

SEALS = ".seals"
_DEPTH = 4
"""How many folders above a sealed thing its artifact may be."""


def begin(folder: Path) -> None:
    """Let what is put in place in a folder, or in one below it, be sealed from now on."""
    (folder / SEALS).mkdir(parents=True, exist_ok=True)


def seal(path: Path, content: Path) -> None:
    """Write down what is about to stand at `path`, where that is in the folder of an unfinished artifact.

    What stands there now stays valid beside it, as a run may be killed before the new content is in place.
    """
    if (folder := _unfinished(path)) is not None:
        known = _read(file)[1][-1:] if (file := _seal_of(folder, path)).exists() else []
        _write(file, path.relative_to(folder).as_posix(), [*known, hash_tree(content)])


def move(path: Path, target: Path) -> None:
    """Rename a sealed file, and its seal with it."""
    folder = _unfinished(path)
    if folder is not None and (file := _seal_of(folder, path)).exists():
        known = _read(new)[1][-1:] if (new := _seal_of(folder, target)).exists() else []
        _write(new, target.relative_to(folder).as_posix(), [*known, *_read(file)[1]])
    path.replace(target)


def damaged(folder: Path) -> list[Path]:
    """What is in an unfinished artifact and not as it was written, or cannot be told; seals of what is gone go too."""
    found = []
    for file in sorted((folder / SEALS).glob("*.json")):
        name, digests = _read(file)
        path = folder / name if name else _sealed_by(folder, file)
        if path is None or not path.exists():
            file.unlink()
        elif not name or hash_tree(path) not in digests:
            found.append(path)
    return found


def missing(folder: Path) -> list[Path]:
    """What has a seal in an unfinished artifact and is not there: it was removed, by the stage or by mischance."""
    names = [_read(file)[0] for file in sorted((folder / SEALS).glob("*.json"))]
    return [folder / name for name in names if name and not (folder / name).exists()]


def unseal(path: Path) -> None:
    """Forget what a thing has to be like."""
    if (folder := _unfinished(path)) is not None:
        _seal_of(folder, path).unlink(missing_ok=True)


def altered(folder: Path, hashes: Mapping[str, str]) -> list[str]:
    """Names of the sealed things of a folder that its files, with these hashes by name, do not agree with."""
    found = []
    for file in sorted((folder / SEALS).glob("*.json")):
        name, digests = _read(file)
        own = {path: digest for path, digest in hashes.items() if path == name or path.startswith(f"{name}/")}
        if own and join_hashes((path[len(name) :].lstrip("/"), digest) for path, digest in own.items()) not in digests:
            found.append(name)
    return found


def _unfinished(path: Path) -> Path | None:
    """The folder of the unfinished artifact that a path is in; None in a part that is not whole, and elsewhere."""
    for folder in list(path.parents)[:_DEPTH]:
        if (folder / SEALS).is_dir():
            return folder
        if folder.name.endswith(".tmp"):
            return None
    return None


def _seal_of(folder: Path, path: Path) -> Path:
    name = path.relative_to(folder).as_posix()
    return folder / SEALS / f"{hash_text(name)[:16]}.json"


def _sealed_by(folder: Path, file: Path) -> Path | None:
    """What a seal that cannot be read belongs to."""
    return next((path for path in sorted(folder.rglob("*")) if _seal_of(folder, path) == file), None)


def _read(file: Path) -> tuple[str, list[str]]:
    """Name and hashes; an empty name where the seal itself is damaged."""
    try:
        content = json.loads(file.read_text())
        name, digests = str(content["name"]), [str(digest) for digest in content["sha256"]]
    except (OSError, ValueError, KeyError, TypeError):
        return "", []
    whole = file.stem == hash_text(name)[:16]
    return (name, digests) if whole else ("", [])


def _write(file: Path, name: str, digests: list[str]) -> None:
    temporary = file.with_suffix(".tmp")
    temporary.write_text(json.dumps({"name": name, "sha256": digests}))
    temporary.replace(file)
