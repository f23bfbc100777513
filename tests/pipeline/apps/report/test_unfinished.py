"""The report of runs that are not finished, or that leave a stage out."""

import re
from collections.abc import Callable

import pytest

from helpers.drawn_stages import K
from helpers.html_page import check_page
from maskdistill.pipeline.plan import Plan

Report = Callable[..., tuple[str, str, Plan]]


@pytest.mark.parametrize("stages", range(5))
def test_a_partly_finished_run_names_what_is_missing_and_the_command(
    report_of: Report, labelled: None, stages: int
) -> None:
    page, _, plan = report_of(stages=stages)
    check_page(page)
    named = {name for names in re.findall(r"Not finished: ([a-z, ]+)\.", page) for name in names.split(", ")}
    assert named == {spec.name for spec in plan.specs[stages:]}
    assert f"-s cluster.k={K} --to segment</code>" in page


def test_a_run_without_a_detector(report_of: Report, labelled: None) -> None:
    page, _, plan = report_of("filter.masks=initial", stages=4)
    check_page(page)
    assert plan.manifest("distill") is None
    assert "This configuration trains no detector" in page
    assert "Not finished" not in page
