"""What a run came to, as one hash per stage and file: to show that a change of the code changes no number.

    python tests/content_hashes.py ARTIFACTS > before.txt       one line for each: stage, file, hash
    python tests/content_hashes.py ARTIFACTS --against before.txt

Hashed is the content, not the bytes: the values of zarr arrays, of tensors and of JSON, without keys, times and
settings. Two runs agree where they computed on the same kind of CPU with the same number of threads, best one:

    OMP_NUM_THREADS=1 maskdistill run -c demo --no-prefect -s artifacts=ARTIFACTS
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from safetensors.torch import load_file

NOT_COMPARED = {"seconds", "checksum"}
"""Entries of JSON that differ between two runs of one code, or are about the others."""
NO_CONTENT = {"manifest.json", "run.log"}
"""Files about the others, which differ as well."""


def content_hashes(artifacts: Path) -> list[str]:
    """Lines "stage file hash" of all finished artifacts and scores below a folder, sorted, each once."""
    lines = {f"{stage} {name} {digest}" for stage, name, digest in _hashes(artifacts)}
    return sorted(lines)


def _hashes(artifacts: Path) -> Iterator[tuple[str, str, str]]:
    for manifest in artifacts.glob("*/*/manifest.json"):
        folder, stage = manifest.parent, manifest.parents[1].name
        made = json.loads(manifest.read_text())
        yield stage, "made", _hash_json({name: made[name] for name in ("items", "unit", "metrics", "failures")})
        for path in _files(folder):
            yield stage, path.relative_to(folder).as_posix(), hash_content(path)
    for scores in artifacts.glob("evaluate/*/*.json"):
        yield "evaluate", scores.parent.name, hash_content(scores)


def _files(folder: Path) -> Iterator[Path]:
    """Stores and files in a folder and those below it, but for what a store is made of."""
    for path in sorted(folder.iterdir()):
        if path.suffix == ".zarr" or (path.is_file() and path.name not in NO_CONTENT and "tfevents" not in path.name):
            yield path
        elif path.is_dir():
            yield from _files(path)


def hash_content(path: Path) -> str:
    """Hash of a store, a weights file, JSON, JSON lines, or of the bytes of any other file."""
    if path.suffix == ".zarr":
        return _hash_group(zarr.open_group(path, mode="r"))
    if path.suffix == ".safetensors":
        tensors = load_file(path)
        return _hash(*(part for name in sorted(tensors) for part in (name, tensors[name].numpy().tobytes())))
    if path.suffix == ".json":
        return _hash_json(json.loads(path.read_text()))
    if path.suffix == ".jsonl":
        return _hash_json([json.loads(line) for line in path.read_text().splitlines()])
    return _hash(path.read_bytes())


def _hash_group(group: zarr.Group) -> str:
    parts: list[bytes | str] = []
    for name, array in sorted(group.arrays()):
        values = np.asarray(array[...])
        parts += [name, str(values.dtype), str(values.shape), values.tobytes()]
    for name, inner in sorted(group.groups()):
        parts += [name, _hash_group(inner)]
    return _hash(*parts)


def _hash_json(value: Any) -> str:
    return _hash(json.dumps(_compared(value), sort_keys=True))


def _compared(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _compared(inner) for name, inner in value.items() if name not in NOT_COMPARED}
    return [_compared(inner) for inner in value] if isinstance(value, list) else value


def _hash(*parts: bytes | str) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else part.encode())
        digest.update(b"\0")
    return digest.hexdigest()[:16]


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Hashes of what the stages of a run made.")
    parser.add_argument("artifacts", type=Path)
    parser.add_argument("--against", type=Path, help="What this printed of another run.")
    arguments = parser.parse_args()
    lines = content_hashes(arguments.artifacts)
    if arguments.against is None:
        print("\n".join(lines))
        return
    before = arguments.against.read_text().splitlines()
    differ = sorted({*lines} ^ {*before})
    print("\n".join(f"{'-' if line in before else '+'} {line}" for line in differ) or f"{len(lines)} hashes, the same")
    sys.exit(bool(differ))


if __name__ == "__main__":
    main()
