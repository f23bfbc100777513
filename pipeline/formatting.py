"""Numbers as people read them."""

from datetime import UTC, datetime


def format_seconds(seconds: float) -> str:
    """A duration: 4.2 s, 3 min 20 s, 5 h 02 min, 3 d 4 h."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02d} min"
    return f"{hours // 24} d {hours % 24} h"


def format_bytes(size: float) -> str:
    """A size in powers of 1024."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def format_age(since: str) -> str:
    """Time since an ISO 8601 moment."""
    return f"{format_seconds((datetime.now(UTC) - datetime.fromisoformat(since)).total_seconds())} ago"
