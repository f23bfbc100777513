"""What the documents say works: their examples run, their commands are ones, their links lead somewhere."""

import ast
import os
import shlex
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from shutil import copy, copytree

import pytest
import typer

from helpers.markdown import Block, apply, blocks, commands, links
from helpers.paths import ROOT
from maskdistill.pipeline.apps.cli import app
from maskdistill.pipeline.config import field_names

EXTENDING = ROOT / "docs" / "extending.md"
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("configs/**/*.yaml"))]
MOST_LINES = 60
ROOMS = ("data", "stages", "pipeline", "configs")


def sections() -> dict[str, list[Block]]:
    """The blocks of docs/extending.md by heading."""
    found: dict[str, list[Block]] = defaultdict(list)
    for block in blocks(EXTENDING):
        found[block.section].append(block)
    return found


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of this one that may be changed; `installed/maskdistill` beside it gives its packages their names."""
    folder, installed = tmp_path / "checkout", tmp_path / "installed" / "maskdistill"
    copytree(ROOT / "maskdistill", installed)
    for name in ROOMS:
        copytree(ROOT / name, folder / name)
        (installed / name).symlink_to(folder / name)
    copytree(ROOT / "tests", folder / "tests")
    copy(ROOT / "pyproject.toml", folder)
    return folder


@pytest.mark.parametrize("section", sections())
def test_examples_of_extending_run(section: str, checkout: Path) -> None:
    """Every file of a section is put into place; then its commands run."""
    environment = {**os.environ, "PYTHONPATH": str(checkout.parent / "installed")}
    commands_run = 0
    for block in sections()[section]:
        if block.language == "sh":
            line = [sys.executable, "-m", *shlex.split(block.code), "-q", "-m", "not slow", "-p", "no:cacheprovider"]
            result = subprocess.run(line, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
            assert result.returncode == 0, result.stdout + result.stderr
            commands_run += 1
        else:
            assert len(block.lines) < MOST_LINES
            apply(block, checkout)
    assert commands_run


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_commands_are_understood(document: Path) -> None:
    """Parsed, not run: commands and options exist, and so do the settings that `-s` changes."""
    group = typer.main.get_command(app)
    known = set(field_names())
    for command in commands(document):
        words = shlex.split(command.replace("[", "").replace("]", "").replace(" ...", ""))[1:]
        parser = group
        while hasattr(parser, "commands"):
            assert words, command
            assert words[0] in parser.commands, command
            parser = parser.commands[words.pop(0)]
        context = parser.make_context(None, words)
        for override in context.params.get("overrides") or ():
            name = override.partition("=")[0]
            assert ".".join(name.split(".")[:2]) in known, f"{command}: there is no setting {name}"


@pytest.mark.parametrize("document", [path for path in DOCUMENTS if path.suffix == ".md"], ids=name_of)
def test_links_lead_to_files(document: Path) -> None:
    for target in links(document):
        assert (document.parent / target).exists(), f"{target} is not there"


@pytest.mark.parametrize("document", [path for path in DOCUMENTS if path.suffix == ".md"], ids=name_of)
def test_python_in_documents_imports_what_exists(document: Path) -> None:
    for block in blocks(document):
        if block.language == "python" and document != EXTENDING:
            tree = ast.parse(block.code)
            imports: list[ast.stmt] = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
            exec(compile(ast.Module(imports, []), str(document), "exec"), {})
