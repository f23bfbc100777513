"""What every source of image files shares: reading, the two splits, and fingerprints of files."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.config import SourceConfig
from maskdistill.data.errors import InputError, UnreadableImage
from maskdistill.data.paths import is_there
from maskdistill.data.sources.file_states import file_state, hash_states
from maskdistill.data.sources.frames import Frame, Header, SizeHw, likely_frame
from maskdistill.data.sources.image_source import Glance, ImageSource, own_size
from maskdistill.data.sources.recent import Recent
from maskdistill.data.sources.stretch import Stretch
from maskdistill.data.sources.suffixes import DEEP
from maskdistill.data.text import decode_text, printable

if TYPE_CHECKING:
    from maskdistill.data.sources.decode import Picture

_SHOWN = 3
_MISSING = "missing"
_ENTRY = 512
"""Bytes that an image takes which is known not to be read smaller."""


class FileSource(ImageSource):
    """Images that are files, each split sorted by id."""

    def __init__(self, config: SourceConfig, train: Mapping[str, Path], val: Mapping[str, Path], origin: Path) -> None:
        """Join the splits.

        Args:
            config: How images are read, and how many may be missing.
            train: File of each training image by id.
            val: File of each validation image by id.
            origin: What listed the images, for messages.

        Raises:
            InputError: There are no training images, an id is in both splits, or too many files are missing.
        """
        if not train:
            raise InputError(f"data.root: {origin}: there are no training images here; check data.root and data.kind")
        shared = sorted(train.keys() & val.keys())
        if shared:
            raise InputError(f"{origin}: {len(shared)} images are in both splits: {_first(shared)}")
        files = {**dict(sorted(train.items())), **dict(sorted(val.items()))}
        _check_names(files, origin)
        self.notes: tuple[str, ...] = _check_missing(files, origin, config.max_failure_rate)
        self.ids = tuple(files)
        self.n_train = len(train)
        self._files = tuple(files.values())
        self._config = config
        self.stretch, self._stretch = config.stretch, Stretch.parse(config.stretch)
        self._remarks: dict[int, tuple[str, ...]] = {}
        self._noted: set[tuple[str, int]] = set()
        self._recent: Recent[int | tuple[int, int], Glance | None] = Recent(_n_bytes)

    def read(self, index: int) -> UInt8Array:
        """Pixels as uint8 (H, W, 3) RGB. Raises UnreadableImage with the file and the reason."""
        whole = self._recent.get(index, lambda key: self._decode(index))
        assert whole is not None
        return whole.pixels.copy()

    def glance(self, index: int, short_side: int | None) -> Glance:
        """An image for a look at a short side of so many px, or less: JPEG is decoded smaller where that suffices."""
        smaller = None
        if short_side is not None:
            smaller = self._recent.get((index, short_side), lambda key: self._decode_smaller(index, short_side))
        if smaller is None:
            return own_size(self.read(index))
        return Glance(smaller.pixels.copy(), smaller.size_hw)

    def _decode(self, index: int) -> Glance:
        # PIL takes a fifth of a second to import, and a command that finds all work done reads no image.
        from maskdistill.data.sources.decode import read_picture

        return own_size(self._remarked(index, read_picture(self._files[index], self._config.max_pixels, self._stretch)))

    def _decode_smaller(self, index: int, short_side: int) -> Glance | None:
        from maskdistill.data.sources.decode import read_smaller

        found = read_smaller(self._files[index], self._config.max_pixels, self._stretch, short_side)
        return found and Glance(self._remarked(index, found[0]), found[1])

    def _remarked(self, index: int, picture: "Picture") -> UInt8Array:
        if picture.remarks:
            self._remarks[index] = picture.remarks
        return picture.pixels

    def remarks(self, index: int) -> tuple[str, ...]:
        """What was done to an image that has been read."""
        return self._remarks.get(index, ())

    def header(self, index: int) -> Header:
        """Size and orientation of an image's file, without decoding it. Raises UnreadableImage."""
        from maskdistill.data.sources.decode import read_header

        return read_header(self._files[index])

    def file(self, index: int) -> Path:
        """The file of an image."""
        return self._files[index]

    def states(self) -> Mapping[str, str]:
        """Size and modification time of each image's file, or the hash of its bytes, by id; read once."""
        return self._states

    @cached_property
    def _states(self) -> dict[str, str]:
        mode = self._config.fingerprint
        return {name: file_state(path, mode) or _MISSING for name, path in zip(self.ids, self._files, strict=True)}

    def fingerprint(self) -> str:
        """Hash of ids, splits, file states and of how pixels are read; where the files lie does not enter."""
        splits = ("train" if i < self.n_train else "val" for i in range(len(self)))
        named = {f"{split}\0{name}": state for split, (name, state) in zip(splits, self._states.items(), strict=True)}
        header = f"images max_pixels={self._config.max_pixels}"
        if self._config.stretch != "auto" or any(path.suffix.lower() in DEEP for path in self._files):
            header += f" stretch={self._config.stretch}"
        return hash_states(named, header)

    @abstractmethod
    def label_files(self) -> dict[str, Path]:
        """Every file that ground truth is read from, by a name that does not depend on `root`."""

    def labels_fingerprint(self) -> str | None:
        """Hash of the files of the ground truth, of the class names and the frame; None where there is none."""
        files = self.label_files()
        if not files:
            return None
        named: dict[str, str] = {}
        for name, path in files.items():
            state = file_state(path, self._config.fingerprint)
            if state is None:
                raise InputError(f"{path}: the file cannot be read any more")
            named[name] = state
        setting = self._config.annotation_frame
        frame = "" if setting == "auto" else f" frame={setting} "
        return hash_states(named, f"labels {frame}" + "\0".join(self.class_names or ()))

    def _like_the_image(self, index: int, labels: UInt8Array, path: Path) -> UInt8Array:
        """A label map of the pixels as they were stored or displayed, as displayed.

        Raises:
            InputError: It is that of an image of another size.
        """
        from maskdistill.data.sources.label_maps import like_the_image

        try:
            header = self.header(index)
        except UnreadableImage:  # nothing can be compared with it
            return labels
        height, width = labels.shape
        otherwise = self._frame_otherwise(index, header, (height, width))
        return like_the_image(labels, path, header, self._config.annotation_frame, otherwise)

    @cached_property
    def _otherwise(self) -> Frame:
        """The frame of turned photos whose annotations do not tell theirs by their size: that of most which do."""
        return likely_frame(self._annotated_sizes())

    def _annotated_sizes(self) -> Iterator[tuple[Header, SizeHw | None]]:
        """Of each image with ground truth, what its file says, and the size that its ground truth is for."""
        yield from ()

    def _frame_otherwise(self, index: int, header: Header, size_hw: SizeHw | None) -> Frame:
        """The frame for an image whose size does not tell; where it is needed, it is noted."""
        if not header.turned or self._config.annotation_frame != "auto" or header.told_by(size_hw):
            return "displayed"
        self._note_truth(
            f"labels taken as drawn on the pixels as they are {self._otherwise}, which their size does not tell "
            "(data.annotation_frame)",
            index,
        )
        return self._otherwise

    def _note_truth(self, remark: str, index: int, count: int = 1) -> None:
        """Count a remark on the ground truth of an image, once."""
        if (remark, index) not in self._noted:
            self._noted.add((remark, index))
            self.truth_remarks.add(remark, self.ids[index], count)

    def _headers(self, indices: Iterable[int]) -> Iterator[tuple[int, Header]]:
        for index in indices:
            try:
                yield index, self.header(index)
            except UnreadableImage:
                continue


def require_folder(path: Path, field: str) -> None:
    """Raise InputError, naming the configuration field, unless `path` is a folder."""
    if not path.is_dir():
        raise InputError(f"{field}: there is no folder {path}; set it with -s {field}=DIR")


def read_lines(path: Path, field: str) -> list[str]:
    """Lines of a text file in UTF-8 or UTF-16, stripped, empty ones left out.

    Raises:
        InputError: It cannot be read; the text names `field`.
    """
    try:
        lines = decode_text(path.read_bytes()).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{field}: the list {path} cannot be read ({error}); save it as UTF-8") from error
    return [line.strip() for line in lines if line.strip()]


def _n_bytes(image: Glance | None) -> int:
    return _ENTRY + (image.pixels.nbytes if image else 0)


def _check_names(names: Iterable[str], origin: Path) -> None:
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise InputError(f"{origin}: the file name {name!r} is not valid UTF-8; rename the file") from error


def _check_missing(files: Mapping[str, Path], origin: Path, max_failure_rate: float) -> tuple[str, ...]:
    """A note on files that are missing; they are unreadable images. Raises InputError where they are too many."""
    missing = [str(path) for path in files.values() if not is_there(path)]
    if not missing:
        return ()
    found = f"{origin}: {len(missing)} of {len(files)} images are missing: {_first(missing)}"
    if len(missing) > max_failure_rate * len(files) or len(missing) == len(files):
        raise InputError(f"{found}; repair what names them, or raise data.max_failure_rate ({max_failure_rate:g})")
    return (found,)


def _first(names: list[str]) -> str:
    return ", ".join(map(printable, names[:_SHOWN])) + (", ..." if len(names) > _SHOWN else "")
