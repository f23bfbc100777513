"""The command `maskdistill`.

Exit codes: 0 well, 1 failure, 2 bad usage or configuration, 3 missing upstream artifact.
"""

import os
import sys
import traceback
import warnings
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from maskdistill.data.errors import InputError, MaskDistillError
from maskdistill.data.text import printable_lines
from maskdistill.pipeline.apps.commands.table import CommandGroup
from maskdistill.pipeline.storage import remedy_of
from maskdistill.stages.training import torchrun

DEBUG = "MASKDISTILL_DEBUG"
"""Set in the environment, errors come with where they came up, as with `--debug`."""
app = typer.Typer(
    name="maskdistill",
    cls=CommandGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # a tenth of the time of --help

        print(f"maskdistill {version('maskdistill')}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show where in the program an error came up.")] = False,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Images in, a segmentation model out: unsupervised semantic segmentation by mask distillation."""
    if debug:
        os.environ[DEBUG] = "1"


def main() -> None:
    """Entry point: errors and warnings meant for the user are printed as they are; errors give the exit code.

    Ordinary trouble with files, memory and the disk is one line; what nobody thought of shows where it came up.
    """
    warnings.showwarning = _show_warning
    try:
        _run()
    except MaskDistillError as error:
        _fail(str(error), error.exit_code)
    except OSError as error:
        remedy = remedy_of(error)
        where = f"{error.filename}: " if error.filename else ""
        what = f"{where}{error.strerror or error}"
        _fail(f"{what}; {remedy}" if remedy else what, InputError.exit_code if remedy else 1)
    except MemoryError:
        _fail("there is not enough memory; lower execution.batch_size, execution.workers or the size of images", 1)


def _run() -> None:
    """The command; or, in a process of torchrun that is not the first, its trainings."""
    if torchrun.number():
        torchrun.follow()
        return
    try:
        app()
    finally:
        torchrun.dismiss()


def _fail(text: str, code: int) -> NoReturn:
    if os.environ.get(DEBUG):
        traceback.print_exc()
    Console(stderr=True).print(printable_lines(text), style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: Any = None,
    line: str | None = None,
) -> None:
    for_user = issubclass(category, UserWarning)
    text = str(message) if for_user else warnings.formatwarning(message, category, filename, lineno, line)
    Console(stderr=True).print(printable_lines(text), style="yellow", markup=False, highlight=False, soft_wrap=True)
