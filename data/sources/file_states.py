"""What tells whether a file has changed: its size and time, or a hash of its bytes."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from maskdistill.data.config import FingerprintMode


def hash_states(states: Mapping[str, str], header: str) -> str:
    """Sha256 over a header, and names and states in order of the names."""
    digest = hashlib.sha256(header.encode())
    for name, state in sorted(states.items()):
        digest.update(f"\0{name}\0{state}".encode())
    return digest.hexdigest()


def file_state(path: Path, mode: FingerprintMode) -> str | None:
    """Size and modification time of a file ("stat", one system call) or a hash of its bytes ("content").

    None where there is no such file, or it cannot be read.
    """
    try:
        if mode == "content":
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        status = path.stat()
        return f"{status.st_size} {status.st_mtime_ns}"
    except OSError:
        return None
