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

_REMEDIES = {
    errno.ENOSPC: "write elsewhere, or make room",
    errno.EDQUOT: "write elsewhere, or make room",
    errno.EROFS: "write elsewhere",
    errno.EACCES: "allow it, or name another file or folder",
    errno.EPERM: "allow it, or name another file or folder",
    errno.ENAMETOOLONG: "name another file or folder",
    errno.ELOOP: "a link that leads to itself; name another file or folder",
    errno.ENOTDIR: "it lies below a file; name another file or folder",
    errno.EISDIR: "a folder stands where a file belongs; name another file",
}
"""What to do about an error of the file system that no part of the program has put into words."""

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
        remedy = _REMEDIES.get(error.errno or 0)
        if remedy is None:
            raise
        where = f"{error.filename}: " if error.filename else ""
        what = f"{where}{error.strerror}; {remedy}"
        Console(stderr=True).print(what, style="red", markup=False, highlight=False, soft_wrap=True)
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
