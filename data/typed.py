"""Settings as they were typed: their text is kept beside what YAML makes of it, and the field decides which one counts.

A folder may be called 2024, on, 12:30 or `pics #1`, and a number may not be called true.
"""

import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

Location = tuple[str, ...]
Problem = tuple[Location, str]
_NUMBERS = (int, float)
_PARTS = (bool, tuple, list, dict, type(None))


class Typed:
    """What was typed for a setting, and where; a scalar, list or mapping besides.

    Attributes:
        text: The text.
        where: Its file and line, or its option.
    """

    text: str
    where: str


class TypedScalar(str, Typed):
    """A scalar without quotes.

    Attributes:
        value: What YAML makes of it.
        error: Why YAML can make nothing of it; else None.
    """

    value: Any
    error: str | None

    @classmethod
    def of(cls, text: str, value: Any, where: str, error: str | None = None) -> "TypedScalar":
        """A scalar of that text."""
        scalar = cls(text)
        scalar.text, scalar.value, scalar.where, scalar.error = text, value, where, error
        return scalar


class TypedList(list[Any], Typed):
    """A list."""


class TypedDict(dict[str, Any], Typed):
    """A mapping."""


def plain(value: Any) -> Any:
    """What YAML makes of a value, all the way down."""
    if isinstance(value, TypedScalar):
        return _value_of(value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    return value


def read_section(tree: Any, model: Any, location: Location, problems: list[Problem]) -> Any:
    """What was typed for a section, each value in the form that its field takes.

    Args:
        tree: The section.
        model: Its pydantic class.
        location: Names of the sections that it is in.
        problems: Gets place and reason of what cannot be read.
    """
    if not isinstance(tree, Mapping):
        return plain(tree)
    values: dict[str, Any] = {}
    for name, value in tree.items():
        field, at = model.model_fields.get(name), (*location, name)
        try:
            sections = [] if field is None else [kind for kind in _kinds(field.annotation) if _is_section(kind)]
            if sections and isinstance(value, Mapping):
                values[name] = read_section(value, _chosen(sections, value), at, problems)
            else:
                values[name] = plain(value) if field is None else read_as(value, field.annotation)
        except ValueError as error:
            problems.append((at, str(error)))
    return values


def _chosen(sections: list[Any], value: Mapping[str, Any]) -> Any:
    """Of several classes of a section, the one whose `kind` it names."""
    named = (one for one in sections if value.get("kind") in typing.get_args(one.model_fields["kind"].annotation))
    return sections[0] if len(sections) == 1 else next(named, sections[0])


def read_as(value: Any, annotation: Any) -> Any:
    """A value in the form that a field of that type takes.

    Raises:
        ValueError: YAML can make nothing of the text, or a number is true or false.
    """
    kinds = set(_kinds(annotation))
    texts = {kind for kind in kinds if kind not in (*_NUMBERS, *_PARTS, Any) and not _is_section(kind)}
    if isinstance(value, TypedScalar):
        value = _read_scalar(value, kinds, texts)
    elif isinstance(value, Typed) and texts and not kinds & {tuple, list, dict} and value.text:
        value = value.text
    elif isinstance(value, list):
        inner = next(iter(typing.get_args(_sequence(annotation))), Any)
        value = [read_as(item, inner) for item in value]
    if isinstance(value, bool) and kinds & set(_NUMBERS) and bool not in kinds:
        raise ValueError(f"must be a number, not {str(value).lower()}")
    if Path in kinds and isinstance(value, str | Path):
        if "\0" in str(value):
            raise ValueError("must be a path, and none holds a null character")
        return _in_home(Path(value))
    return value


def _read_scalar(value: TypedScalar, kinds: set[Any], texts: set[Any]) -> Any:
    if value.error is None and value.value is None and (type(None) in kinds or not value.text):
        return None
    number = isinstance(value.value, _NUMBERS) and not isinstance(value.value, bool)
    if not texts or (number and kinds & set(_NUMBERS)) or (bool in kinds and isinstance(value.value, bool)):
        return _value_of(value)
    return value.text


def _value_of(value: TypedScalar) -> Any:
    if value.error is not None:
        raise ValueError(f"the value is not readable: {value.error}")
    return value.value


def _kinds(annotation: Any) -> list[Any]:
    """The types of a union, without what is said besides; `str` for names that are to be chosen from."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _kinds(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return [kind for part in typing.get_args(annotation) for kind in _kinds(part)]
    if origin is Literal:
        return [type(one) for one in typing.get_args(annotation)]
    return [origin or annotation]


def _sequence(annotation: Any) -> Any:
    """The tuple or list of a union."""
    parts = typing.get_args(annotation) if typing.get_origin(annotation) in (typing.Union, types.UnionType) else ()
    return next((part for part in parts if typing.get_origin(part) in (tuple, list)), annotation)


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and hasattr(kind, "model_fields")


def _in_home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:  # of nobody here
        return path
