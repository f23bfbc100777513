"""How long the command takes before it does anything: `--help`, `status`, and a run of which all is cached.

python benchmarks/start_up.py
python benchmarks/start_up.py --config demo --artifacts artifacts        after `maskdistill run -c demo`

Prints seconds of each, the median of some turns, and how many times as long as the interpreter by itself takes, which
is started in turn with it. The cached run is timed where the artifacts of a whole run are named.
"""

import argparse
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from pairs import hardware, in_turn
from rich.console import Console
from rich.table import Table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--config", default="demo")
    parser.add_argument("--artifacts", type=Path, help="folder with the finished artifacts of the configuration")
    options = parser.parse_args()
    table = Table("maskdistill", "seconds", "core-seconds", ": python -c pass", "target, s")
    with tempfile.TemporaryDirectory() as empty:
        configured = ["-c", options.config, "-s", f"artifacts={options.artifacts or empty}"]
        commands = {"--help": (["--help"], 0.5), "status": (["status", *configured], 1.0)}
        if options.artifacts:
            commands["run, cached"] = (["run", *configured], 3.0)
        for name, (arguments, target) in commands.items():
            command = partial(start, "-m", "maskdistill", *arguments)
            pair = in_turn(partial(start, "-c", "pass"), command, options.turns)
            cells = pair.second.wall, pair.second.cpu, pair.wall_ratio, target
            table.add_row(name, *(f"{cell:.2f}" for cell in cells))
    Console().print(table)
    print(hardware())


def start(*arguments: str) -> None:
    """Run the interpreter with these arguments to its end."""
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


if __name__ == "__main__":
    main()
