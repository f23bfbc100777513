"""Libraries that only some users need."""

import json
import sys
from pathlib import Path

import pytest

from maskdistill.data.errors import InputError
from maskdistill.data.optional import import_optional


def test_a_library_that_is_there_is_imported() -> None:
    assert import_optional("json", "anything", "nothing") is json


@pytest.mark.parametrize("module", ["no_such_library", "no_such_library.inner"])
def test_one_that_is_not_is_named_with_its_remedy(module: str) -> None:
    with pytest.raises(InputError, match=r"a table needs no_such_library, which is not installed: pip install it"):
        import_optional(module, "a table", "pip install it")


def test_a_library_that_lacks_something_itself_says_so_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "half_installed.py").write_text("import what_it_needs\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(ModuleNotFoundError, match="what_it_needs"):
        import_optional("half_installed", "a table", "pip install it")
