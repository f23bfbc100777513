"""File systems of fsspec that fail as networks do."""

from typing import Any

from fsspec.implementations.memory import MemoryFileSystem


class FlakyFiles(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """Objects in memory; the next changes and readings fail as told.

    Attributes:
        errors: What the next ones raise; None = nothing.
    """

    cachable = False

    def __init__(self, *errors: Exception | None) -> None:
        super().__init__()
        self.errors = list(errors)
        self.store: dict[str, Any] = {}
        self.pseudo_dirs = [""]
        self.written: list[str] = []

    def _fail(self) -> None:
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error

    def cat_file(self, path: str, *arguments: Any, **options: Any) -> bytes:
        """Its content."""
        self._fail()
        content: bytes = super().cat_file(path, *arguments, **options)
        return content

    def pipe_file(self, path: str, *arguments: Any, **options: Any) -> None:
        """Write it."""
        self._fail()
        self.written.append(path.rpartition("/")[2])
        super().pipe_file(path, *arguments, **options)

    def put_file(self, lpath: str, rpath: str, *arguments: Any, **options: Any) -> None:
        """Copy a file there."""
        self._fail()
        self.written.append(rpath.rpartition("/")[2])
        super().put_file(lpath, rpath, *arguments, **options)
