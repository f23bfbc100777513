"""The image files that a COCO annotation file lists, wherever below their folder they lie."""

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from maskdistill.data.coco.annotations import AnnotationFile
from maskdistill.data.coco.entries import CocoId
from maskdistill.data.errors import InputError
from maskdistill.data.paths import check_relative, is_there
from maskdistill.data.sources.files import read_lines, require_folder
from maskdistill.data.sources.image_names import match_images
from maskdistill.data.sources.listing import list_images
from maskdistill.data.tally import Tally


@dataclass(frozen=True)
class FoundFiles:
    """The images of a file.

    Attributes:
        files: File of each image by its id, `<images folder>/<name>`; one that is missing is among them.
        coco_ids: The ids of an image in the file; several where it is listed more than once.
        notes: What was left out, or found in another way than as it stands there.
    """

    files: dict[str, Path] = field(default_factory=dict)
    coco_ids: dict[str, list[CocoId]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, image_id: str, path: Path, coco_id: CocoId) -> None:
        """Take an image in."""
        self.files[image_id] = path
        self.coco_ids.setdefault(image_id, []).append(coco_id)


def find_files(root: Path, folder: str, annotations: AnnotationFile, kept: Collection[CocoId] | None) -> FoundFiles:
    """The files of the images that an annotation file lists.

    A name that is not there as it stands is looked for among the images below the folder, as `match_images` does: it
    may have another folder before it, or another spelling.

    Args:
        root: Folder of the data set.
        folder: Folder of the images, below it.
        annotations: The file.
        kept: Ids of the images that are wanted; None = all.

    Raises:
        InputError: There is no such folder, or it does not lie below the root.
    """
    check_relative(folder, "data.images_train or data.images_val")
    require_folder(root / folder, "data.root")
    found, elsewhere = FoundFiles(), dict[CocoId, str]()
    for coco_id, image in annotations.images.items():
        if kept is not None and coco_id not in kept:
            continue
        path = _as_it_stands(root / folder, image.file_name)
        if path is not None and is_there(path):
            found.add(f"{folder}/{image.file_name}", path, coco_id)
        else:
            elsewhere[coco_id] = image.file_name
    bad = Tally()
    bad.merge(annotations.bad_entries)
    if elsewhere:
        _search(root / folder, folder, elsewhere, found, bad)
    if bad.total:
        found.notes.append(f"{annotations.path}: left out {bad}")
    return found


def _search(base: Path, folder: str, names: dict[CocoId, str], found: FoundFiles, bad: Tally) -> None:
    """Find images among the files below their folder; those that are not there are missing."""
    files = {path.relative_to(base).as_posix(): path for path in list_images(base).images if is_there(path)}
    free = [name for name in files if f"{folder}/{name}" not in found.files]
    matches = match_images(names, free)
    matched = {coco_id: free[i] for i, keys in matches.found.items() for coco_id in keys}
    for coco_id, name in names.items():
        path = _as_it_stands(base, name)
        if coco_id in matched:
            found.add(f"{folder}/{matched[coco_id]}", files[matched[coco_id]], coco_id)
        elif path is not None:
            found.add(f"{folder}/{name}", path, coco_id)
        else:
            bad.add("images whose names are no plain paths below their folder", name)
    if matched:
        example = next(iter(matched))
        found.notes.append(
            f"{base}: {len(matched)} images found under other names than in the annotation file, such as "
            f"{matched[example]} for {names[example]}"
        )


def _as_it_stands(base: Path, name: str) -> Path | None:
    """The path of a name; None where it is none below the folder."""
    try:
        return base / check_relative(name, "")
    except InputError:
        return None


def read_subset(root: Path, subset: str, annotations: AnnotationFile) -> set[CocoId]:
    """COCO's ids of the images that a list names, each by file name or by id."""
    listing = root / subset if (root / subset).is_file() else Path(subset)
    if not listing.is_file():
        raise InputError(
            f"data.subset_train: {subset} is neither below {root} nor a path; COCO ships no such list: that of COCO20k "
            "comes with the papers on object discovery that use it"
        )
    by_name = {image.file_name.rsplit("/", 1)[-1]: coco_id for coco_id, image in annotations.images.items()}
    stems = {PurePosixPath(name).stem: coco_id for name, coco_id in by_name.items()}
    ids = {**stems, **by_name, **{str(coco_id): coco_id for coco_id in annotations.images}}
    # Lists of subsets often repeat the folder, so only the last part of a name is compared; a bare number is an id.
    lines = [line.rsplit("/", 1)[-1] for line in read_lines(listing, "data.subset_train")]
    found = {line: ids.get(str(int(line)) if line.isdecimal() and line not in ids else line) for line in lines}
    unknown = [line for line, coco_id in found.items() if coco_id is None]
    if unknown:
        raise InputError(
            f"data.subset_train: {listing}: {len(unknown)} of its images are not in {annotations.path}: {unknown[0]}, "
            "...; correct the list"
        )
    return {coco_id for coco_id in found.values() if coco_id is not None}
