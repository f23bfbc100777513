"""Objects below a URL of fsspec: each written whole or not at all, and tried again where a network may answer again."""

import errno
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from maskdistill.data.atomic import atomic_path
from maskdistill.data.errors import InputError, MaskDistillError
from maskdistill.data.optional import import_optional
from maskdistill.pipeline.transient import is_transient

SETTING = "execution.store"
_INSTALL = "pip install 'maskdistill[s3]'"
_TRIES, _PAUSE_SECONDS = 3, 5.0
"""As often, and as far apart, as Prefect tries a stage."""
_OF_THIS_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NOT_EXCLUSIVE = (errno.EINVAL, errno.ENOSYS)
"""What services say to a condition that they do not know, or name in words of their own."""
_Result = TypeVar("_Result")
Moved = Callable[[int], None]
"""Told how many bytes of a file have been moved so far."""


@dataclass(frozen=True)
class Bucket:
    """Objects by name, with `/` between folders.

    Each method raises InputError where rights are missing and MaskDistillError where the service does not answer; both
    name the setting, the URL and the remedy.

    Attributes:
        url: What the user wrote.
        fs: The file system of fsspec that it is in.
        root: Where in it.
        pause: Seconds between two tries.
    """

    url: str
    fs: Any
    root: str
    pause: float = _PAUSE_SECONDS

    @classmethod
    def open(cls, url: str, pause: float = _PAUSE_SECONDS) -> "Bucket":
        """The objects below a URL.

        Raises:
            InputError: There is no such kind of URL, its package is missing, or nobody answers.
        """
        fsspec = import_optional("fsspec", f"{SETTING}: {url}", _INSTALL)
        try:
            fs, root = fsspec.core.url_to_fs(url)
        except ImportError as error:
            remedy = _INSTALL if url.startswith(("s3:", "s3a:")) else f"see {error}"
            raise InputError(f"{SETTING}: {url}: a package is missing: {remedy}") from error
        except (ValueError, TypeError, OSError) as error:
            raise InputError(f"{SETTING}: {url}: not a URL of fsspec ({error}); such as s3://bucket/folder") from error
        bucket = cls(url, fs, root.rstrip("/"), pause)
        try:
            bucket._read(".probe")
        except Exception as error:
            raise InputError(str(bucket._explained(error))) from None  # no cause: trying a stage again does not help
        return bucket

    def at(self, name: str) -> str:
        """The URL of an object, for messages."""
        return f"{self.url.rstrip('/')}/{name}"

    def read(self, name: str) -> bytes | None:
        """The content of an object; None where there is none."""
        return self._tried(lambda: self._read(name))

    def write(self, name: str, content: bytes) -> None:
        """Make an object, or put another content in its place."""

        def write() -> None:
            if self._is_local:
                with atomic_path(Path(self._path(name))) as temporary:
                    temporary.write_bytes(content)
            else:
                self.fs.pipe_file(self._path(name), content)

        self._tried(write)

    def create(self, name: str, content: bytes) -> bool:
        """Make an object unless there is one; gives whether it was made.

        Where the service cannot do that in one step, two callers at the same moment may both be told that they did.
        """

        def create() -> bool:
            try:
                if self._is_local:
                    path = Path(self._path(name))
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with path.open("xb") as file:
                        file.write(content)
                else:
                    self.fs.pipe_file(self._path(name), content, mode="create")
                return True
            except FileExistsError:
                return False
            except OSError as error:
                if error.errno not in _NOT_EXCLUSIVE:
                    raise
                if self._read(name) is None:
                    self.fs.pipe_file(self._path(name), content)
                    return True
                return False

        return self._tried(create)

    def delete(self, name: str) -> None:
        """Delete an object, or all in a folder, if it is there."""

        def delete() -> None:
            self.fs.invalidate_cache()
            if self.fs.exists(self._path(name)):
                self.fs.rm(self._path(name), recursive=True)

        self._tried(delete)

    def sizes(self, folder: str) -> dict[str, int]:
        """Bytes of all objects in a folder and those below it, by name within it; links are left out."""

        def found() -> dict[str, Any]:
            self.fs.invalidate_cache()
            try:
                return dict(self.fs.find(self._path(folder), detail=True))
            except FileNotFoundError:
                return {}

        start = len(self._path(folder)) + 1
        entries = self._tried(found).items()
        return {
            path[start:]: int(entry["size"])
            for path, entry in entries
            if entry["type"] == "file" and not entry.get("islink")
        }

    def put(self, file: Path, name: str, moved: Moved) -> None:
        """Copy a file there."""

        def put() -> None:
            if self._is_local:
                with atomic_path(Path(self._path(name))) as temporary:
                    shutil.copyfile(file, temporary)
            else:
                self.fs.put_file(str(file), self._path(name), callback=_told(moved))

        self._tried(put)
        moved(file.stat().st_size)

    def get(self, name: str, file: Path, moved: Moved) -> None:
        """Copy an object to a file; nothing where there is none."""

        def get() -> None:
            with suppress(FileNotFoundError):
                self.fs.get_file(self._path(name), str(file), callback=_told(moved))

        file.parent.mkdir(parents=True, exist_ok=True)
        self._tried(get)

    @property
    def _is_local(self) -> bool:
        """Whether objects are files here, which fsspec writes in place."""
        return bool(getattr(self.fs, "local_file", False))

    def _path(self, name: str) -> str:
        return f"{self.root}/{name}"

    def _read(self, name: str) -> bytes | None:
        try:
            return bytes(self.fs.cat_file(self._path(name)))
        except FileNotFoundError:
            return None

    def _tried(self, call: Callable[[], _Result]) -> _Result:
        tries = 0
        while True:
            try:
                return call()
            except Exception as error:
                if isinstance(error, OSError) and error.errno in _OF_THIS_DISK:
                    raise
                tries += 1
                if tries == _TRIES or not _may_help(error):
                    raise self._explained(error) from error
            time.sleep(self.pause)

    def _explained(self, error: Exception) -> MaskDistillError:
        where = f"{SETTING}: {self.url}"
        if isinstance(error, FileNotFoundError):
            return InputError(f"{where}: there is no such place ({error}); make the bucket, or name another one")
        if isinstance(error, PermissionError) or "Credentials" in type(error).__name__:
            return InputError(
                f"{where}: may not be read and written ({error}); give the right to, or other credentials"
            )
        return MaskDistillError(
            f"{where}: cannot be used ({error}); what was made is in the artifact folder, and the same command goes on "
            f"from there; -s {SETTING}=null does without"
        )


def _may_help(error: BaseException | None) -> bool:
    """Whether an error, or one that it came up with, is of a network; not all libraries say which caused which."""
    while error is not None:
        if is_transient(error) or (isinstance(error, ConnectionError | TimeoutError) and error.errno is None):
            return True
        error = error.__cause__ or error.__context__
    return False


def _told(moved: Moved) -> Any:
    callbacks = import_optional("fsspec.callbacks", SETTING, _INSTALL)
    return callbacks.Callback(hooks={"moved": lambda size, value, **more: moved(value)})
