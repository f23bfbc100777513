"""The entries of a COCO annotation file: which fields are read, and what each may hold.

Programs differ in what they leave out and in how they write numbers. An entry needs its ids and its file name only;
null stands for a missing field. Whoever needs more of an entry says so itself.
"""

import reprlib
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import numpy as np
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StrictFloat,
    StrictInt,
    StrictStr,
    TypeAdapter,
    ValidationError,
)

from maskdistill.data.errors import InputError

MOST_PIXELS = np.iinfo(np.int32).max
_LARGEST_SCORE = float(str(np.finfo(np.float32).max))
"""As the largest float32 is written, which is more than it is."""


def whole(value: object) -> object:
    """96 for 96.0 and "96", as tables and some programs write whole numbers; other texts stay as they are."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 19:
        return int(value) if str(int(value)) == value else value
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _number(value: object) -> object:
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _side(value: object) -> object:
    """A height or width; 0, which some programs write where they do not know it, is none."""
    side = whole(value)
    return None if type(side) is int and side == 0 else side


def _text(value: object) -> object:
    return str(value) if type(value) is int else value


def _encodable(value: str) -> str:
    value.encode()  # JSON can hold halves of characters, which no file name can
    return value


Text = Annotated[StrictStr, BeforeValidator(_text), AfterValidator(_encodable)]
CocoId = Annotated[StrictInt | StrictStr, BeforeValidator(whole)]
Px = Annotated[StrictInt | None, BeforeValidator(_side)]
BoxXywh = tuple[StrictFloat, StrictFloat, StrictFloat, StrictFloat]
Score = Annotated[
    StrictFloat, BeforeValidator(_number), Field(ge=-_LARGEST_SCORE, le=_LARGEST_SCORE, allow_inf_nan=False)
]

_FILE_NAMES = ("file_name", "path", "coco_url")
"""Where an image's name stands, in the order of preference."""
_MUST_BE = {
    "id": "int or str",
    "file_name": "str of valid Unicode",
    "height": "int",
    "width": "int",
    "name": "str of valid Unicode",
    "image_id": "int or str",
    "category_id": "int or str",
    "segmentation": "list of polygons or dict with a run-length code",
    "bbox": "four numbers: x, y, width, height",
    "iscrowd": "0 or 1",
    "score": "a finite number",
}


@dataclass(frozen=True, slots=True)
class CocoImage:
    """One entry of `images`: its file name, and its height and width in px.

    `where` is its place in the file, for messages.
    """

    where: str
    id: CocoId
    file_name: Text
    height: Px = None
    width: Px = None

    @property
    def size_hw(self) -> tuple[int, int] | None:
        """Height and width, px; None where the file does not tell both."""
        return None if self.height is None or self.width is None else (self.height, self.width)


@dataclass(frozen=True, slots=True)
class CocoCategory:
    """One entry of `categories`."""

    where: str
    id: CocoId
    name: Text | None = None
    supercategory: Any = None


@dataclass(frozen=True, slots=True)
class CocoAnnotation:
    """One entry of `annotations`, its segmentation as the file has it: `segmentation.py` reads that."""

    where: str
    image_id: CocoId
    category_id: CocoId | None = None
    segmentation: list[Any] | dict[str, Any] | StrictStr | None = None
    bbox: BoxXywh | None = None
    """x, y, width, height in px."""
    iscrowd: bool | None = None
    score: Score | None = None


Entry = TypeVar("Entry", CocoImage, CocoCategory, CocoAnnotation)

_IMAGE = TypeAdapter(CocoImage)
_CATEGORY = TypeAdapter(CocoCategory)
_ANNOTATION = TypeAdapter(CocoAnnotation)


def read_image(item: object, where: str) -> CocoImage:
    """An entry of `images`. Raises InputError where a field is not in order."""
    if isinstance(item, dict) and item.get("file_name") is None:
        item = {**item, "file_name": next((item[name] for name in _FILE_NAMES if item.get(name)), None)}
    image = _read(_IMAGE, item, where)
    if image.size_hw is not None:
        check_size(image.size_hw, MOST_PIXELS, where)
    return image


def read_category(item: object, where: str) -> CocoCategory:
    """An entry of `categories`. Raises InputError where a field is not in order."""
    return _read(_CATEGORY, item, where)


def read_annotation(item: object, where: str) -> CocoAnnotation:
    """An entry of `annotations`. Raises InputError where a field is not in order."""
    return _read(_ANNOTATION, item, where)


def check_size(size_hw: tuple[int, int], most_pixels: int, where: str) -> None:
    """Raise InputError unless this can be the height and width of an image, px."""
    height, width = size_hw
    if height < 1 or width < 1 or height * width > most_pixels:
        raise InputError(f"{where}: {width} x {height} px is no size of an image (at most {most_pixels} px in all)")


def _read(kind: TypeAdapter[Entry], item: object, where: str) -> Entry:
    if not isinstance(item, dict):
        raise InputError(f"{where} must be an object")
    try:
        return kind.validate_python({**item, "where": where})
    except ValidationError as error:
        place = error.errors(include_url=False, include_context=False, include_input=False)[0]["loc"]
        if not place:
            raise InputError(f"{where}: the name of a field is not valid Unicode") from error
        raise _wrong(str(place[0]), item.get(place[0]), where) from error


def _wrong(name: str, value: object, where: str) -> InputError:
    found = "missing" if value is None else f"{type(value).__name__} {reprlib.repr(value)}"
    return InputError(f"{where}: field {name!r} is {found}, it must be {_MUST_BE[name]}")
