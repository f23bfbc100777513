"""The errors of this project: each names what is wrong, where, and the remedy, and carries its exit code."""

from collections.abc import Iterator
from contextlib import contextmanager


class MaskDistillError(Exception):
    """A failure that the user can read; its text is all that the command line prints."""

    exit_code = 1


class InputError(MaskDistillError, ValueError):
    """Configuration, command or data that cannot be used as given."""

    exit_code = 2


@contextmanager
def about(setting: str) -> Iterator[None]:
    """Let each InputError that is raised in the block begin with the setting that it is about."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{setting}: {error}") from error


class MissingArtifact(MaskDistillError, FileNotFoundError):
    """An upstream artifact that has not been made yet; the text holds the command that makes it."""

    exit_code = 3


class CorruptArtifact(MaskDistillError):
    """A store on disk that does not hold what its manifest or its own header says."""


class Stopped(MaskDistillError):
    """The user wants it to end here; what it has made stays."""

    exit_code = 130


class UnreadableImage(MaskDistillError, OSError):
    """One image that cannot be decoded: recorded with its reason and skipped, never fatal by itself."""
