"""What stands in the files that hold COCO annotations, brought into the one form of an annotation file.

COCO *results* are a list of masks whose images stand in another file; SAM's automatic masks are a JSON file for each
image, which bears its name.
"""

import json
from pathlib import Path
from typing import Any

from maskdistill.data.errors import InputError

Content = dict[str, Any]


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
        raise InputError(f"{path}: a COCO annotation file is an object with images and annotations, not a {found}")
    if "images" not in content and isinstance(content.get("image"), dict):
        return _of_image(content, path)
    return content


def read_json(path: Path) -> Any:
    """What a JSON file holds, in any encoding of Unicode. Raises InputError with the reason."""
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: the file cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON ({error})") from error


def _of_list(items: list[Any], path: Path, images: Path | None) -> Content:
    """Results; or SAM's masks of one image, which name none."""
    masks = [item for item in items if isinstance(item, dict)]
    if not masks:
        raise InputError(f"{path}: a list without masks; give a COCO annotation file or COCO results")
    if not any("image_id" in item for item in masks):
        return _of_image({"annotations": items}, path)
    if images is not None:
        return {**read_content(images), "annotations": items}
    ids = dict.fromkeys(item["image_id"] for item in masks if isinstance(item.get("image_id"), int | str))
    return {"images": [{"id": one, "file_name": str(one)} for one in ids], "annotations": items}


def _of_image(content: Content, path: Path) -> Content:
    """Masks of the one image that the file is named after, or that stands in it."""
    image: Any = content.get("image") or {}
    masks = content.get("annotations")
    if not isinstance(masks, list):
        raise InputError(f"{path}: field 'annotations' must be a list of masks")
    entry = {"id": path.stem, "file_name": image.get("file_name") or path.stem}
    entry |= {name: image[name] for name in ("height", "width") if name in image}
    return {"images": [entry], "annotations": [_scored(mask, path.stem) for mask in masks]}


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
        content = read_json(path)
        if isinstance(content, list):
            content = {"annotations": content}
        if not isinstance(content, dict) or "images" in content:
            raise InputError(f"{path}: not the masks of one image; name a single COCO file itself, not its folder")
        one = _of_image(content, path)
        joined["images"] += one["images"]
        joined["annotations"] += one["annotations"]
    return joined


def json_files(folder: Path) -> list[Path]:
    """The JSON files in a folder, by name, hidden ones left out."""
    return sorted(path for path in folder.glob("*.json") if not path.name.startswith(".") and path.is_file())
