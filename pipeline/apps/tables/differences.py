"""Prints what sets two artifacts apart."""

from typing import Any

from rich.console import Console
from rich.table import Table

Difference = dict[str, Any]


def print_diff(found: Difference, console: Console) -> None:
    """Print what `diff_artifacts` found."""
    console.print(f"[bold]{found['stage']}[/bold]  a = {found['a']}  b = {found['b']}", highlight=False)
    changes = Table("made from", "a", "b")
    for change in found["changes"]:
        changes.add_row(change["name"], *(_shown(change[side]) for side in ("a", "b")))
    console.print(changes if found["changes"] else "made from the same settings and inputs")
    table = Table(show_header=False)
    for section, rows in (("masks", _mask_rows), ("clusters", _cluster_rows), ("labels", _label_rows)):
        if section in found:
            for name, value in rows(found[section]):
                table.add_row(name, value)
            table.add_section()
    if table.rows:
        console.print(table, highlight=False)


def _mask_rows(masks: Difference) -> list[tuple[str, str]]:
    mean_iou = "-" if masks["mean_iou"] is None else f"{masks['mean_iou']:.3f}"
    rows = [
        ("images", _images(masks["images"])),
        ("masks", f"{masks['a']:,} in a, {masks['b']:,} in b"),
        ("matched (IoU >= 0.5)", f"{masks['matched']:,}, {masks['identical']:,} of them pixel by pixel"),
        ("lost, added", f"{masks['lost']:,}, {masks['added']:,}"),
        ("mean IoU of the matched", mean_iou),
    ]
    examples = ", ".join(f"{entry['image']} ({entry['lost_and_added']})" for entry in masks["most_changed"][:5])
    return [*rows, ("most lost and added", examples)] if examples else rows


def _cluster_rows(clusters: Difference) -> list[tuple[str, str]]:
    total = clusters["compared"]
    return [
        ("cluster changed", _share(clusters["changed"], total)),
        ("cluster changed, best renaming", _share(clusters["changed_renamed"], total)),
    ]


def _label_rows(labels: Difference) -> list[tuple[str, str]]:
    if labels["agreement"] is None:
        return [("label maps", _images(labels["images"]))]
    return [
        ("label maps", _images(labels["images"])),
        ("pixels of the same label", f"{labels['agreement']:.2%}"),
        ("pixels of the same label, best renaming", f"{labels['agreement_renamed']:.2%}"),
    ]


def _images(images: dict[str, int]) -> str:
    parts = [f"{images['both']:,} in both", f"{images['only_a']:,} only in a", f"{images['only_b']:,} only in b"]
    return ", ".join([*parts, f"{images['resized']:,} of another size"])


def _share(count: int, total: int) -> str:
    return f"{count:,} of {total:,} matched masks ({count / max(1, total):.1%})"


def _shown(value: Any) -> str:
    """Hashes are cut short: they are there to be told apart only."""
    text = str(value)
    return f"{text[:19]}..." if text.startswith("sha256:") or len(text) == 64 else text
