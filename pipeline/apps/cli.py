"""The command `maskdistill`.

Exit codes: 0 well, 1 failure, 2 bad usage or configuration, 3 missing upstream artifact.
"""

import errno
import sys
import warnings
from typing import Any

import typer
from rich.console import Console

from maskdistill.data.errors import InputError, MaskDistillError
from maskdistill.pipeline.apps.commands import (
    ablate,
    artifacts,
    compare,
    config,
    evaluate,
    export,
    inspect,
    predict,
    report,
    run,
    view,
)

app = typer.Typer(
    name="maskdistill",
    help="Images in, a segmentation model out: unsupervised semantic segmentation by mask distillation.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    run.run,
    run.stage,
    run.runs,
    artifacts.status,
    predict.predict,
    inspect.inspect,
    inspect.diff,
    export.export,
    inspect.gallery,
    evaluate.evaluate,
    view.view,
    report.report,
    ablate.ablate,
    compare.compare,
    artifacts.verify,
    artifacts.gc,
):
    app.command()(command)
app.add_typer(config.app, name="config")


def main() -> None:
    """Entry point: errors and warnings meant for the user are printed as they are; errors give the exit code."""
    warnings.showwarning = _show_warning
    try:
        app()
    except MaskDistillError as error:
        Console(stderr=True).print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            raise
        where = f"{error.filename}: " if error.filename else ""
        Console(stderr=True).print(f"{where}{error.strerror}; write elsewhere, or make room", style="red", markup=False)
        sys.exit(InputError.exit_code)


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
    Console(stderr=True).print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)
