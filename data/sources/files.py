"""What every source of image files shares: reading, the two splits, and fingerprints of files."""

import hashlib
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.config import FingerprintMode, SourceConfig
from maskdistill.data.errors import InputError
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.sources.recent import Recent

_SHOWN = 3
_MISSING = "missing"


class FileSource(ImageSource):
    """Images that are files, each split sorted by id."""

    def __init__(self, config: SourceConfig, train: Mapping[str, Path], val: Mapping[str, Path], origin: Path) -> None:
        """Join the splits.

        Args:
            config: For `max_pixels` and `fingerprint`.
            train: File of each training image by id.
            val: File of each validation image by id.
            origin: What listed the images, for messages.

        Raises:
            InputError: There are no training images, an id is in both splits, or a file is missing.
        """
        if not train:
            raise InputError(f"{origin}: there are no training images here; check data.root and data.kind")
        shared = sorted(train.keys() & val.keys())
        if shared:
            raise InputError(f"{origin}: {len(shared)} images are in both splits: {_first(shared)}")
        files = {**dict(sorted(train.items())), **dict(sorted(val.items()))}
        _check_names(files, origin)
        missing = [str(path) for path in files.values() if not path.is_file()]
        if missing:
            raise InputError(f"{origin}: {len(missing)} of {len(files)} images are missing: {_first(missing)}")
        self.ids = tuple(files)
        self.n_train = len(train)
        self._files = tuple(files.values())
        self._max_pixels = config.max_pixels
        self._mode = config.fingerprint
        self._recent: Recent[UInt8Array] = Recent(_n_bytes)

    def read(self, index: int) -> UInt8Array:
        """Pixels as uint8 (H, W, 3) RGB. Raises UnreadableImage with the file and the reason."""
        return self._recent.get(index, self._decode).copy()

    def _decode(self, index: int) -> UInt8Array:
        # PIL takes a fifth of a second to import, and a command that finds all work done reads no image.
        from maskdistill.data.sources.decode import read_image

        return read_image(self._files[index], self._max_pixels)

    def file(self, index: int) -> Path:
        """The file of an image."""
        return self._files[index]

    def states(self) -> Mapping[str, str]:
        """Size and modification time of each image's file, or the hash of its bytes, by id; read once."""
        return self._states

    @cached_property
    def _states(self) -> dict[str, str]:
        return {
            image_id: file_state(path, self._mode) or _MISSING
            for image_id, path in zip(self.ids, self._files, strict=True)
        }

    def fingerprint(self) -> str:
        """Hash of ids, splits, file states and the size limit; where the files lie does not enter."""
        splits = ("train" if i < self.n_train else "val" for i in range(len(self)))
        named = {f"{split}\0{name}": state for split, (name, state) in zip(splits, self._states.items(), strict=True)}
        return hash_states(named, f"images max_pixels={self._max_pixels}")

    @abstractmethod
    def label_files(self) -> dict[str, Path]:
        """Every file that ground truth is read from, by a name that does not depend on `root`."""

    def labels_fingerprint(self) -> str | None:
        """Hash of the files of the ground truth and of the class names; None where there is none."""
        files = self.label_files()
        if not files:
            return None
        states = {name: file_state(path, self._mode) for name, path in files.items()}
        for name, state in states.items():
            if state is None:
                raise InputError(f"{files[name]}: the file cannot be read any more")
        named = {name: state for name, state in states.items() if state is not None}
        return hash_states(named, "labels " + "\0".join(self.class_names or ()))


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


def require_folder(path: Path, field: str) -> None:
    """Raise InputError, naming the configuration field, unless `path` is a folder."""
    if not path.is_dir():
        raise InputError(f"{field}: there is no folder {path}; set it with -s {field}=DIR")


def read_lines(path: Path, field: str) -> list[str]:
    """Lines of a text file, stripped, empty ones left out; names `field` in the InputError where it cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{field}: the list {path} cannot be read ({error})") from error
    return [line.strip() for line in lines if line.strip()]


def _n_bytes(pixels: UInt8Array) -> int:
    return pixels.nbytes


def _check_names(names: Iterable[str], origin: Path) -> None:
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise InputError(f"{origin}: the file name {name!r} is not valid UTF-8; rename the file") from error


def _first(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
