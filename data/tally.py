"""What is left out, or read in another way than it stands there: how many things, why, and the first names."""

from collections.abc import Mapping
from typing import Any

from maskdistill.data.text import printable

_SHOWN = 3
_LONG = 40
"""Characters of a name from which on one is enough."""


class Tally:
    """Counts by reason, each with the names of the first things it was about."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._names: dict[str, list[str]] = {}
        self._more: set[str] = set()

    def add(self, reason: str, name: str, count: int = 1) -> None:
        """Count things for a reason, under the name of one of them."""
        self._counts[reason] = self._counts.get(reason, 0) + count
        names, name = self._names.setdefault(reason, []), printable(name)
        if name in names:
            return
        if len(names) < (1 if names and len(names[0]) > _LONG else _SHOWN):
            names.append(name)
        else:
            self._more.add(reason)

    def merge(self, other: "Tally") -> None:
        """Add what another one has counted."""
        for reason, count in other._counts.items():
            self._counts[reason] = self._counts.get(reason, 0) + count
            self._names.setdefault(reason, [])
            for name in other._names[reason]:
                self.add(reason, name, 0)
        self._more |= other._more

    def __bool__(self) -> bool:
        """Whether anything was counted."""
        return bool(self._counts)

    @property
    def total(self) -> int:
        """How many things in all."""
        return sum(self._counts.values())

    def counts(self) -> dict[str, int]:
        """How many by reason, for a manifest."""
        return dict(self._counts)

    def to_json(self) -> dict[str, Any]:
        """All of it, for another process."""
        return {reason: [count, self._names[reason], reason in self._more] for reason, count in self._counts.items()}

    @classmethod
    def of_json(cls, content: Mapping[str, Any]) -> "Tally":
        """What `to_json` gave."""
        tally = cls()
        for reason, (count, names, more) in content.items():
            tally._counts[reason], tally._names[reason] = count, list(names)
            if more:
                tally._more.add(reason)
        return tally

    def __str__(self) -> str:
        """`4 crowd regions (a.jpg, b.jpg, c.jpg, ...), 1 empty (d.jpg)`."""
        parts = []
        for reason, count in self._counts.items():
            names = [*self._names[reason], *(["..."] if reason in self._more else [])]
            parts.append(f"{count} {reason}" + (f" ({', '.join(names)})" if names else ""))
        return ", ".join(parts)
