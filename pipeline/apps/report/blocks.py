"""What a report is made of: sections of tables, charts, pictures and notes, in plain data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from maskdistill.pipeline.apps.tables.table import Table

Legend = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Chart:
    """A plot. `svg` is trusted markup; `summary` says in words what it shows; `legend` is (CSS colour, name)."""

    title: str
    svg: str
    summary: str
    legend: Legend = ()


@dataclass(frozen=True)
class Charts:
    """Charts side by side; a `wide` one scrolls on its own where the page is narrow."""

    kind: ClassVar[str] = "charts"
    charts: Sequence[Chart]
    wide: bool = False


@dataclass(frozen=True)
class Picture:
    """An image: its data URI, its size in px, and what it shows in words."""

    uri: str
    width: int
    height: int
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class Card:
    """Pictures under a title."""

    title: str
    pictures: Sequence[Picture]
    note: str = ""
    swatch: str | None = None


@dataclass(frozen=True)
class Cards:
    """Cards one below the other, or where `small` side by side; `legend` is (CSS colour, name)."""

    kind: ClassVar[str] = "cards"
    title: str
    cards: Sequence[Card]
    small: bool = False
    legend: Legend = ()


@dataclass(frozen=True)
class Note:
    """A line of text, and the command that it names."""

    kind: ClassVar[str] = "note"
    text: str
    command: str = ""


Block = Table | Charts | Cards | Note


@dataclass(frozen=True)
class Section:
    """A part of the report. `anchor` is its place in the page, `lead` a sentence on how to read it."""

    anchor: str
    title: str
    lead: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Tile:
    """One number at the top of the report."""

    label: str
    value: str
    detail: str = ""


@dataclass(frozen=True)
class Report:
    """A whole report."""

    title: str
    subtitle: str
    tiles: Sequence[Tile]
    sections: Sequence[Section]
