"""Reports of runs whose stages draw instead of computing."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from rich.console import Console

from helpers.drawn_stages import K
from maskdistill.pipeline.apps.report.build import build_report, write_report
from maskdistill.pipeline.launch import run_stages
from maskdistill.pipeline.plan import Plan


class Written(NamedTuple):
    """A report in both forms, and the run that it is about."""

    page: str
    markdown: str
    plan: Plan


@pytest.fixture
def report_of(
    make_plan: Callable[..., Plan], calls: list[str], quiet: Console, tmp_path: Path
) -> Callable[..., Written]:
    """Run some of the stages and write the report."""

    def make(*overrides: str, stages: int = 5, names: dict[int, str] | None = None) -> Written:
        plan = make_plan(f"cluster.k={K}", *overrides)
        run_stages(plan, plan.specs[:stages], quiet)
        if names:
            plan.edits_file.parent.mkdir(exist_ok=True)
            plan.edits_file.write_text(yaml.safe_dump({"clusters": {"names": names}}))
            plan = plan.varied()
        page, markdown = tmp_path / "page.html", tmp_path / "page.md"
        write_report(build_report(plan, quiet), page, markdown)
        return Written(page.read_text(encoding="utf-8"), markdown.read_text(encoding="utf-8"), plan)

    return make
