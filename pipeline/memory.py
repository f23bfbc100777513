"""How much memory this process has held at most."""

import resource
import sys
from contextlib import suppress
from pathlib import Path

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def reset_peak() -> None:
    """Begin to measure anew, where the system can; elsewhere `peak_bytes` is that of the process since its start."""
    with suppress(OSError):
        _RESET.write_text("5")


def peak_bytes() -> int:
    """Most bytes of memory that were held at once since then. Other processes of a stage do not count."""
    with suppress(OSError, IndexError, ValueError):
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) << 10
    unit = 1 if sys.platform == "darwin" else 1 << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
