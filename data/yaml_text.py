"""YAML as people write it into configurations: one meaning for each text, and an error that names the line.

Values keep their text (`data/typed.py`). A key that occurs twice, nesting without end and aliases that grow into
millions of values are refused before anything is made of them. Dates and times of day are texts.
"""

import re
import reprlib
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from maskdistill.data.errors import InputError
from maskdistill.data.typed import TypedDict, TypedList, TypedScalar

_DEEPEST = 50
_MOST_VALUES = 100_000
_OTHER_BASE = re.compile(r"[-+]?(0[0-9_]+|[0-9][0-9_]*(:[0-9]+)+(\.[0-9_]*)?)")
"""Numbers that YAML 1.1 takes for octal (010 is 8) or for times (1:30 is 90)."""
_AS_TEXT = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value")


class _Loader(yaml.SafeLoader):
    """Reads mappings, lists and scalars with their texts.

    Attributes:
        where: What is read, for messages and for the values.
        lines: Whether places have a line.
    """

    where = ""
    lines = True

    def place(self, node: Node) -> str:
        """Where a value stands."""
        return f"{self.where}, line {node.start_mark.line + 1}" if self.lines else self.where

    def typed_scalar(self, node: ScalarNode) -> Any:
        if node.style is not None:
            return node.value
        if node.tag in _AS_TEXT:
            return TypedScalar.of(node.value, node.value, self.place(node))
        kind = node.tag.rpartition(":")[2]
        if kind in ("int", "float") and _OTHER_BASE.fullmatch(node.value):
            why = f"{node.value!r} is a number in another base, or a time; write it with the digits that you mean"
            return TypedScalar.of(node.value, None, self.place(node), why)
        try:
            value = _PLAIN[node.tag](self, node) if node.tag in _PLAIN else node.value
        except (ValueError, KeyError, OverflowError):
            return TypedScalar.of(node.value, None, self.place(node), f"{reprlib.repr(node.value)} is no {kind}")
        return TypedScalar.of(node.value, value, self.place(node))

    def typed_list(self, node: SequenceNode) -> Any:
        items = TypedList(self.construct_object(child, deep=True) for child in node.value)
        items.text, items.where = "", self.place(node)
        return items

    def typed_dict(self, node: MappingNode) -> Any:
        self.check_keys(node)
        self.flatten_mapping(node)  # what `<<` brings in comes first, so that own keys change it
        found = TypedDict((key.value, self.construct_object(child, deep=True)) for key, child in node.value)
        found.text, found.where = "", self.place(node)
        return found

    def check_keys(self, node: MappingNode) -> None:
        """Raise InputError where a key is no name, or occurs twice."""
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, ScalarNode):
                raise InputError(f"{self.place(key)}: a key is a name, not a list or mapping")
            if key.value in lines:
                first = f" (first in line {lines[key.value]})" if self.lines else ""
                raise InputError(f"{self.place(key)}: the key {key.value!r} occurs twice{first}; keep one of them")
            lines[key.value] = key.start_mark.line + 1


_PLAIN = {
    f"tag:yaml.org,2002:{name}": getattr(yaml.SafeLoader, f"construct_yaml_{name}")
    for name in ("int", "float", "bool", "null")
}
_Loader.add_constructor("tag:yaml.org,2002:seq", _Loader.typed_list)
_Loader.add_constructor("tag:yaml.org,2002:map", _Loader.typed_dict)
for _tag in (*_PLAIN, *_AS_TEXT, "tag:yaml.org,2002:str"):
    _Loader.add_constructor(_tag, _Loader.typed_scalar)


def read_yaml(text: str, where: str, *, lines: bool = True) -> Any:
    """What a text holds: mappings, lists, and scalars that know their text.

    Args:
        text: The YAML.
        where: What it stands in, for messages.
        lines: Whether messages name the line.

    Raises:
        InputError: It is no YAML, or none that is meant well; the text names place and reason in one line.
    """
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        line = f", line {text.count(chr(10), 0, error.position) + 1}" if lines else ""
        raise InputError(
            f"{where}{line}: not YAML (the character {chr(error.character)!r} may not stand in it)"
        ) from None
    loader.where, loader.lines = where, lines
    try:
        _check_depth(text, loader)
        node = loader.get_single_node()
        if node is None:
            return None
        _count_values(node, {}, loader)
        return loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark and lines else ""
        raise InputError(f"{where}{line}: not YAML ({error.problem or error.context})") from None
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{where}: not YAML ({' '.join(str(error).split())})") from None
    finally:
        loader.dispose()


def _check_depth(text: str, loader: _Loader) -> None:
    """Events come one after the other, however deep they are nested; nodes are made by recursion."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            line = f", line {event.start_mark.line + 1}" if loader.lines and event.start_mark else ""
            raise InputError(f"{loader.where}{line}: nested more than {_DEEPEST} deep, which no setting is")


def _count_values(node: Node, counts: dict[int, int], loader: _Loader) -> int:
    """How many values a node stands for, aliases resolved; raises InputError where they are too many."""
    if id(node) in counts:
        if not counts[id(node)]:
            raise InputError(f"{loader.place(node)}: an alias that holds itself")
        return counts[id(node)]
    counts[id(node)] = 0
    children: list[Node] = []
    if isinstance(node, SequenceNode):
        children = node.value
    elif isinstance(node, MappingNode):
        children = [child for pair in node.value for child in pair]
    total = 1 + sum(_count_values(child, counts, loader) for child in children)
    if total > _MOST_VALUES:
        raise InputError(f"{loader.place(node)}: its aliases stand for more than {_MOST_VALUES} values")
    counts[id(node)] = total
    return total
