"""The report of runs whose stages are drawn by hand: whole, partly finished, without ground truth, with nasty names."""

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.data.stores.labels import LabelStore, write_labels
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder
from maskdistill.pipeline.apps import cli
from maskdistill.pipeline.apps.report.build import build_report, overview_sections, write_report
from maskdistill.pipeline.apps.report.markdown import section_to_markdown
from maskdistill.pipeline.artifacts import MANIFEST
from maskdistill.pipeline.dag import StageSpec
from maskdistill.pipeline.launch import run_stages
from maskdistill.pipeline.plan import Plan
from maskdistill.stages.contract import StageInputs, StageOutputs
from maskdistill.stages.progress import Progress

MakePlan = Callable[..., Plan]
K = 3
HEADINGS = (
    "What each stage buys",
    "The funnel of masks",
    "Classes",
    "Confidence",
    "Training",
    "Clusters",
    "Settings",
    "Provenance",
)
NASTY = "<script>alert('1')</script> & \"x\" | `y`"


def truth_of(source: ImageSource, index: int) -> np.ndarray:
    """The object of a blob image, drawn from how the test's images are made."""
    x1, y1, x2, y2 = source.box_xyxy(index)  # type: ignore[attr-defined]
    mask = np.zeros(source.read(index).shape[:2], dtype=bool)
    mask[y1:y2, x1:x2] = True
    return mask


def write_masks(source: ImageSource, path: Path, per_image: int) -> int:
    """The object of each image, and copies of it that are shifted downwards, each with a lower score."""
    builder = MaskStoreBuilder()
    for index, image_id in enumerate(source.ids):
        masks = np.stack([np.roll(truth_of(source, index), 7 * shift, axis=0) for shift in range(per_image)])
        scores = 1.0 if per_image == 1 else np.linspace(0.95, 0.3, per_image)
        builder.add(image_id, masks, np.broadcast_to(scores, per_image), [index % 2] * per_image)
    builder.build().save(path)
    return len(source.ids) * per_image


def write_clusters(masks: MaskStore, path: Path) -> None:
    cluster = (masks.image % 2).astype(np.int32)
    distance = np.linspace(1, 0, len(masks), dtype=np.float32)
    embedding = np.zeros((len(masks), 2), np.float32)
    ClusterStore(embedding, cluster, distance, np.zeros((K, 2)), np.ones(2)).save(path)


def write_losses(path: Path) -> None:
    lines = [{"iteration": i + 1, "lr": 0.1, "loss": 3 / (i + 1), "loss_mask": 1 / (i + 1)} for i in range(30)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture
def drawn_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the stages that compute by ones that draw; filter is the real one."""
    real = StageSpec.function

    def run(name: str, inputs: StageInputs, workdir: Path) -> StageOutputs:
        if name == "mine":
            items = write_masks(inputs.source, workdir / "masks.zarr", 1)
        elif name == "cluster":
            write_clusters(MaskStore.open(inputs.artifacts["mine"] / "masks.zarr"), workdir / "clusters.zarr")
            items = len(inputs.source.ids)
        elif name == "distill":
            write_losses(workdir / "training.jsonl")
            items = write_masks(inputs.source, workdir / "candidates.zarr", 3)
        else:
            write_losses(workdir / "training.jsonl")
            labels = LabelStore.open(inputs.artifacts["filter"] / "labels.zarr")
            items = len(labels)
            write_labels(workdir / "predictions.zarr", [(labels.image_ids[i], labels.read(i)) for i in range(items)])
        return StageOutputs(items=items, unit="things", failures={"broken": NASTY} if name == "mine" else {})

    def function(spec: StageSpec) -> Callable[..., StageOutputs]:
        if spec.name == "filter":
            return real(spec)

        def stage(config: Any, inputs: StageInputs, workdir: Path, progress: Progress) -> StageOutputs:
            return run(spec.name, inputs, workdir)

        return stage

    monkeypatch.setattr(StageSpec, "function", function)


@pytest.fixture
def use_source(monkeypatch: pytest.MonkeyPatch, make_source: Callable[..., ImageSource]) -> Callable[..., ImageSource]:
    """Let every plan read blob images, changed as the test asks."""

    def use(**changes: Any) -> ImageSource:
        source = make_source()
        for name, value in changes.items():
            setattr(source, name, value)
        monkeypatch.setattr("maskdistill.pipeline.plan.open_source", lambda config: source)
        return source

    return use


@pytest.fixture
def report_of(
    make_plan: MakePlan, drawn_stages: None, quiet: Console, tmp_path: Path
) -> Callable[..., tuple[str, str, Plan]]:
    """Run some of the stages and give the page, the Markdown and the plan."""

    def make(*overrides: str, stages: int = 5) -> tuple[str, str, Plan]:
        plan = make_plan(f"cluster.k={K}", *overrides)
        run_stages(plan, plan.specs[:stages], quiet)
        page, markdown = tmp_path / "page.html", tmp_path / "page.md"
        write_report(build_report(plan, quiet), page, markdown)
        return page.read_text(encoding="utf-8"), markdown.read_text(encoding="utf-8"), plan

    return make


Report = Callable[..., tuple[str, str, Plan]]
UseSource = Callable[..., ImageSource]


class Tags(HTMLParser):
    """Collects the tags of a page with their attributes, and checks that they are closed in order."""

    VOID = ("meta", "img", "link", "br")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def check_page(page: str) -> Tags:
    """What holds of every page: whole, alone, readable without eyes, and free of nan."""
    parsed = Tags(page)
    assert parsed.open == []
    assert not {"script", "link", "iframe"}.intersection(tag for tag, _ in parsed.tags)
    for tag, attributes in parsed.tags:
        for name in ("src", "href"):
            if name in attributes:
                assert str(attributes[name]).startswith(("data:image/", "#")), (tag, attributes)
        if tag == "img":
            assert attributes["alt"]
        if tag == "svg":
            assert attributes["role"] == "img"
            assert attributes["aria-label"]
        if tag == "th":
            assert attributes["scope"] in ("col", "row")
    assert "http://" not in page
    assert "https://" not in page
    assert "url(" not in page
    text = re.sub(r"data:image/[^\"]*", "", page)
    assert not re.search(r"\bnan\b|\binf\b", text, re.IGNORECASE)
    return parsed


def test_a_finished_run_has_every_section(report_of: Report, use_source: UseSource) -> None:
    use_source()
    page, markdown, plan = report_of()
    parsed = check_page(page)
    for heading in (*HEADINGS, "Best and worst images"):
        assert heading in page
        assert f"## {heading}" in markdown
    # One image is best and one is worst, six pictures each; two clusters of three masks, the third one is empty.
    pictures = [attributes for tag, attributes in parsed.tags if tag == "img"]
    assert len(pictures) == 2 * 1 * 6 + 6
    assert "Not finished" not in page
    for spec in plan.specs:
        assert plan.stages[spec.name].key in page
        assert plan.stages[spec.name].key in markdown


def test_steps_funnel_and_confusion_hold_the_figures(report_of: Report, use_source: UseSource) -> None:
    use_source()
    _, markdown, _ = report_of()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in markdown.splitlines() if "|" in line]
    by_name = {row[0]: row for row in rows}
    # The masks are the objects themselves, so all is right but the rows of pixels that the truth ignores.
    assert by_name["initial masks with their clusters"][1:3] == ["1.000", "–"]
    assert by_name["+ final model"][1:3] == ["1.000", "+0.000"]
    assert by_name["mined masks"][1:4] == ["6", "6", "1.00"]
    assert by_name["candidates of the detector"][1:4] == ["6", "18", "3.00"]
    assert by_name["candidates of the detector"][5] == "0.625"
    assert by_name["filter.threshold"][1:] == ["0.9", "0.9"]
    assert by_name["cluster.k"][1:] == ["3", "20"]


def test_names_are_escaped(report_of: Report, use_source: UseSource) -> None:
    ids = tuple(f"{NASTY}{i}" for i in range(6))
    use_source(ids=ids, class_names=("background", NASTY, "green"))
    page, markdown, _ = report_of()
    check_page(page)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "<script" not in markdown
    assert "\\| \\`y\\`" in markdown


def test_without_ground_truth_the_report_says_so(report_of: Report, use_source: UseSource) -> None:
    nothing: dict[str, Any] = {
        "class_names": None,
        "read_labels": lambda index: None,
        "read_boxes": lambda index: None,
        "labels_fingerprint": lambda: None,
    }
    use_source(**nothing)
    page, _, _ = report_of()
    parsed = check_page(page)
    assert "The data has no ground truth" in page
    assert "none of them is best or worst" in page
    assert len([1 for tag, _ in parsed.tags if tag == "img"]) == 2 * 5 + 6
    assert all(heading in page for heading in HEADINGS)


@pytest.mark.parametrize("stages", range(5))
def test_a_partly_finished_run_names_what_is_missing_and_the_command(
    report_of: Report, use_source: UseSource, stages: int
) -> None:
    use_source()
    page, _, plan = report_of(stages=stages)
    check_page(page)
    named = {name for names in re.findall(r"Not finished: ([a-z, ]+)\.", page) for name in names.split(", ")}
    assert named == {spec.name for spec in plan.specs[stages:]}
    assert f"-s cluster.k={K} --to segment</code>" in page


def test_a_run_without_a_detector(report_of: Report, use_source: UseSource) -> None:
    use_source()
    page, _, plan = report_of("filter.masks=initial", stages=4)
    check_page(page)
    assert plan.manifest("distill") is None
    assert "This configuration trains no detector" in page
    assert "Not finished" not in page


def test_finished_runs_that_differ_in_one_setting_are_compared(
    report_of: Report, use_source: UseSource, make_plan: MakePlan, quiet: Console
) -> None:
    use_source()
    _, markdown, _ = report_of()
    assert "maskdistill ablate -c" in markdown
    for override in ("filter.masks=initial", "filter.threshold=0.2", "filter.threshold=0.5"):
        plan = make_plan(f"cluster.k={K}", override)
        run_stages(plan, plan.specs, quiet)
    two_changes = make_plan(f"cluster.k={K}", "filter.threshold=0.4", "filter.max_per_image=1")
    run_stages(two_changes, two_changes.specs, quiet)
    _, markdown, _ = report_of()
    assert "maskdistill ablate -c" not in markdown
    first_cells = [line.split("|")[1].strip() for line in markdown.splitlines() if line.startswith("|")]
    start = first_cells.index("filter.masks")
    assert first_cells[start : start + 4] == ["filter.masks", "---", "initial", "confident"]
    start = first_cells.index("filter.threshold")
    assert first_cells[start : start + 5] == ["filter.threshold", "---", "0.2", "0.5", "0.9"]


def test_a_section_is_markdown_for_prefect(report_of: Report, use_source: UseSource, quiet: Console) -> None:
    use_source()
    _, _, plan = report_of()
    sections = {section.anchor: section_to_markdown(section) for section in overview_sections(plan, quiet)}
    assert list(sections) == ["steps", "funnel", "classes"]
    assert "| mined masks |" in sections["funnel"]
    assert "| + final model |" in sections["steps"]


def test_the_command_writes_page_and_markdown(
    drawn_stages: None,
    use_source: UseSource,
    config_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    use_source()
    page, markdown = tmp_path / "new" / "page.html", tmp_path / "page.md"
    arguments = ["maskdistill", "report", "-c", str(config_file), "--out", str(page), "--markdown", str(markdown)]
    monkeypatch.setattr("sys.argv", arguments)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert not caught.value.code
    assert capsys.readouterr().out.split() == [str(page), str(markdown)]
    check_page(page.read_text(encoding="utf-8"))
    assert not list(tmp_path.rglob(f"*/{MANIFEST}"))
