"""Settings from the command line, as `-s section.field=value`."""

from typing import Any

from maskdistill.data.errors import InputError
from maskdistill.data.typed import TypedDict, TypedList, TypedScalar, plain
from maskdistill.data.yaml_text import read_yaml


def parse_override(override: str) -> dict[str, Any]:
    """The tree of sections that holds the value. Raises InputError where it is no override."""
    name, equals, text = override.partition("=")
    if not equals or not name.strip():
        raise InputError(f"-s {override}: an override reads section.field=value, for example -s cluster.k=20")
    tree = _typed(text.strip(), f"-s {name.strip()}")
    for part in reversed(name.strip().split(".")):
        tree = {part: tree}
    return dict(tree)


def _typed(text: str, where: str) -> Any:
    """A value with its text, which counts where the setting is a text, whatever YAML makes of it."""
    try:
        value = read_yaml(text, where, lines=False)
    except InputError as error:
        return TypedScalar.of(text, None, where, str(error).removeprefix(f"{where}: "))
    if isinstance(value, TypedList | TypedDict):
        value.text = text
        return value
    if value is None or isinstance(value, TypedScalar):
        why = value.error if isinstance(value, TypedScalar) else None
        return TypedScalar.of(text, None if why else plain(value), where, why)
    # A block of text, as YAML has it behind these, takes more than one line.
    return TypedScalar.of(text, text, where) if text[:1] in ("|", ">") else value
