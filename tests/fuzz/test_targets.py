"""A few thousand inputs for each reader, and every finding of the longer runs of `make fuzz`."""

import random

import pytest
from fuzz.targets import TARGETS, mutated, seeds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PER_SEED = {"store": 20, "weights": 60}
"""Fewer where each takes long."""


@pytest.mark.parametrize("name", TARGETS)
def test_inputs_that_were_findings_are_borne(name: str) -> None:
    for content in (b"", *seeds(name)):
        TARGETS[name](content)


@pytest.mark.parametrize("name", TARGETS)
def test_changed_inputs_are_read_or_refused(name: str) -> None:
    rng = random.Random(0)
    for seed in seeds(name) or [b"\0" * 40]:
        for _ in range(PER_SEED.get(name, 200)):
            TARGETS[name](mutated(seed, rng))


@pytest.mark.parametrize("name", ["coco_file", "segmentation", "rle", "override", "yaml_file", "settings"])
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=100).map(lambda text: text.encode(errors="ignore"))))
def test_any_input_is_read_or_refused(name: str, content: bytes) -> None:
    TARGETS[name](content)
