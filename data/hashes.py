"""Hashes of files and folders: SHA-256, in hexadecimal digits."""

import hashlib
from collections.abc import Iterable
from pathlib import Path


def hash_text(text: str) -> str:
    """Of a text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def hash_file(path: Path) -> str:
    """Of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_tree(path: Path) -> str:
    """Of the content of a file, or of the names and contents of all files below a folder."""
    if not path.is_dir():
        return join_hashes([("", hash_file(path))])
    files = sorted(one for one in path.rglob("*") if one.is_file())
    return join_hashes((one.relative_to(path).as_posix(), hash_file(one)) for one in files)


def join_hashes(hashes: Iterable[tuple[str, str]]) -> str:
    """Of names and the hashes of their contents, in any order."""
    return hash_text("\0".join(f"{name}\0{digest}" for name, digest in sorted(hashes)))
