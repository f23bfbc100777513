"""What stands in the files that hold COCO annotations, brought into the one form of an annotation file.

COCO *results* are a list of masks whose images stand in another file; SAM's automatic masks are a JSON file for each
image, which bears its name.
"""

import json
from pathlib import Path
from typing import Any

from maskdistill.data.errors import InputError, about
from maskdistill.data.file_kinds import MOST, other_kind

Content = dict[str, Any]
UNREADABLE = "files that cannot be read"
_GIVE = "; give a COCO annotation file, COCO results, or SAM's masks of an image, as other programs export them"


def read_content(path: Path, images: Path | None = None) -> Content:
    """The object with `images` and `annotations` of a file or folder.

    Args:
        path: An annotation file, a file of results, a file of SAM's masks of one image, or a folder of such files.
        images: An annotation file whose `images` say which images the ids of results stand for; None = the ids are
            the images' names.

    Raises:
        InputError: The file cannot be read, is no JSON, or is something else.
    """
    if path.is_dir():
        return _of_folder(path)
    content = read_json(path)
    if isinstance(content, list):
        return _of_list(content, path, images)
    if not isinstance(content, dict):
        found = type(content).__name__
        raise InputError(f"{path}: a COCO annotation file is an object with images and annotations, not {found}{_GIVE}")
    if "images" in content:
        return content
    if isinstance(content.get("image"), dict):
        return _of_image(content, path)
    masks: Any = content.get("annotations", content.get("results"))
    named = isinstance(masks, list) and any("image_id" in item for item in masks if isinstance(item, dict))
    if not isinstance(masks, list) or (named and images is None):
        raise InputError(f"{path}: field 'images' is missing{_GIVE}")
    return _of_list(masks, path, images)


def read_json(path: Path) -> Any:
    """What a JSON file holds, in any encoding of Unicode. Raises InputError with the reason."""
    try:
        content = path.read_bytes()
        return json.loads(content)
    except OSError as error:
        raise InputError(f"{path}: the file cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        found = other_kind(content[:MOST], "annotations")
        if found:
            raise InputError(f"{path}: {found}") from None
        empty = "" if content.strip() else "; the file is empty"
        raise InputError(f"{path}: not valid JSON ({error}){empty}; export it anew, in UTF-8") from error


def _of_list(items: list[Any], path: Path, images: Path | None) -> Content:
    """Results; or SAM's masks of one image, which name none."""
    masks = [item for item in items if isinstance(item, dict)]
    if not masks:
        raise InputError(f"{path}: a list without masks{_GIVE}")
    if not any("image_id" in item for item in masks):
        return _of_image({"annotations": items}, path)
    if images is not None:
        with about("the file of its images"):
            return {**read_content(images), "annotations": items}
    ids = dict.fromkeys(item["image_id"] for item in masks if isinstance(item.get("image_id"), int | str))
    return {"images": [{"id": one, "file_name": str(one)} for one in ids], "annotations": items}


def _of_image(content: Content, path: Path, name: str | None = None) -> Content:
    """Masks of the one image that the file is named after, or that stands in it."""
    name = name or path.stem
    image: Any = content.get("image") or {}
    masks = content.get("annotations")
    if not isinstance(masks, list):
        raise InputError(f"{path}: field 'annotations' must be a list of masks")
    entry = {"id": name, "file_name": image.get("file_name") or name}
    entry |= {name: image[name] for name in ("height", "width") if name in image}
    return {"images": [entry], "annotations": [_scored(mask, name) for mask in masks]}


def _scored(mask: Any, image_id: str) -> Any:
    if not isinstance(mask, dict):
        return mask
    score = mask.get("score", mask.get("predicted_iou"))
    return {**mask, "image_id": image_id, "score": score}


def _of_folder(folder: Path) -> Content:
    files = json_files(folder)
    if not files:
        raise InputError(f"{folder}: no .json files in this folder; SAM's masks are one JSON file for each image")
    joined: Content = {"images": [], "annotations": []}
    for path in files:
        try:
            content = read_json(path)
        except InputError as error:
            if len(files) == 1:
                raise
            joined.setdefault(UNREADABLE, []).append(str(error))
            continue
        if isinstance(content, list):
            content = {"annotations": content}
        if not isinstance(content, dict) or "images" in content:
            raise InputError(f"{path}: not the masks of one image; name a single COCO file itself, not its folder")
        one = _of_image(content, path, path.relative_to(folder).with_suffix("").as_posix())
        joined["images"] += one["images"]
        joined["annotations"] += one["annotations"]
    return joined


def json_files(folder: Path) -> list[Path]:
    """The JSON files below a folder, by name, hidden ones left out."""
    found = sorted(path for path in folder.rglob("*.json") if path.is_file())
    return [path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
