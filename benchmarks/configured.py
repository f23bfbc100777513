"""The options -c and -s of benchmarks that measure what a configuration asks for."""

import argparse
from pathlib import Path

from maskdistill.pipeline.config import Config, ConfigSource


def add_configuration(parser: argparse.ArgumentParser) -> None:
    """Let a benchmark take files or names of experiments, and settings, as `maskdistill run` does."""
    parser.add_argument("-c", dest="configs", action="append", type=Path, required=True)
    parser.add_argument("-s", dest="settings", action="append", default=[])


def configuration(arguments: argparse.Namespace) -> Config:
    """What they say. Raises InputError."""
    return ConfigSource(tuple(arguments.configs), tuple(arguments.settings)).load()
