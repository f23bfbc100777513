"""A configuration as YAML in which each setting is explained, by the docstring that stands below it in the code."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any

import yaml

from maskdistill.data.settings import Settings

_WIDTH = 110


def explained_yaml(config: Settings) -> str:
    """All settings with their values, and above each of them what it means, as a comment."""
    return "\n".join(_lines(config, "")) + "\n"


def _lines(section: Settings, indent: str) -> Iterator[str]:
    values = section.model_dump(mode="json")
    meanings = explanations(type(section))
    for name in type(section).model_fields:
        own = getattr(section, name)
        what = meanings.get(name) or (_first_line(own) if isinstance(own, Settings) else "")
        yield from (f"{indent}# {line}" for line in textwrap.wrap(what, _WIDTH - len(indent)))
        if isinstance(own, Settings) and type(own).model_fields:
            yield f"{indent}{name}:"
            yield from _lines(own, f"{indent}  ")
        else:
            yield from textwrap.indent(_yaml({name: values[name]}), indent).splitlines()


def _yaml(setting: dict[str, Any]) -> str:
    """A setting, a list in one line."""
    [(name, value)] = setting.items()
    if isinstance(value, list | dict):
        return f"{name}: {yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6).rstrip()}"
    text: str = yaml.safe_dump(setting, allow_unicode=True, width=10**6)
    return text.rstrip()


def _first_line(section: Settings) -> str:
    return (inspect.getdoc(type(section)) or "").partition("\n")[0]


@cache
def explanations(section: type[Settings]) -> dict[str, str]:
    """The docstring of each setting of a section, in one line, those that it inherits included."""
    found: dict[str, str] = {}
    for one in reversed(section.__mro__):
        if issubclass(one, Settings) and one is not Settings:
            found |= _docstrings(one)
    return found


def _docstrings(section: type[Settings]) -> dict[str, str]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(section)))
    except (OSError, TypeError, SyntaxError):  # made while the program runs, of classes that have a source
        return {}
    [body] = [node.body for node in tree.body if isinstance(node, ast.ClassDef)][:1] or [[]]
    return {
        before.target.id: " ".join(str(after.value.value).split())
        for before, after in pairwise(body)
        if isinstance(before, ast.AnnAssign)
        and isinstance(before.target, ast.Name)
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
    }
