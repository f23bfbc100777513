"""Rates and decays in the course of a training, against numbers worked out by hand or by torch."""

import json

import numpy as np
import pytest

from helpers.paths import GOLDEN
from maskdistill.stages.training.recipe import Recipe, ScheduleName
from maskdistill.stages.training.schedules import (
    Step,
    average_decay,
    cosine,
    learning_rate,
    ramp,
    warmed_up,
    weight_decay,
)


@pytest.mark.parametrize(
    ("schedule", "lowest", "expected"),
    [
        ("constant", 0.0, [1, 1, 1, 1, 1, 1, 1, 1]),
        ("step", 0.0, [1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01]),
        ("cosine", 0.0, [1, 0.9619398, 0.8535534, 0.6913417, 0.5, 0.3086583, 0.1464466, 0.0380602]),
        ("cosine", 0.5, [1, 0.9809699, 0.9267767, 0.8456709, 0.75, 0.6543291, 0.5732233, 0.5190301]),
        # torch.optim.lr_scheduler.PolynomialLR(total_iters=8, power=0.9)
        ("poly", 0.0, [1.0, 0.8867624, 0.7718895, 0.6550765, 0.5358867, 0.4136453, 0.2871746, 0.1538931]),
        ("poly", 0.5, [1.0, 0.9433812, 0.8859448, 0.8275383, 0.7679434, 0.7068227, 0.6435873, 0.5769466]),
    ],
)
def test_learning_rate(schedule: ScheduleName, lowest: float, expected: list[float]) -> None:
    for warmup, factors in ((0, 1.0), (4, np.minimum(1, np.arange(1, 9) / 4))):
        recipe = Recipe(
            8, 1, lr=2.0, schedule=schedule, step_at=(0.5, 0.75), lowest_lr=lowest, warmup_iterations=warmup
        )
        rates = [learning_rate(recipe, iteration) for iteration in range(8)]
        np.testing.assert_allclose(rates, 2 * np.array(expected) * factors, rtol=1e-6)


def test_a_rate_that_rises_and_then_falls_is_that_of_slotcon() -> None:
    expected = json.loads((GOLDEN / "slotcon.json").read_text())["lr_schedule"]["lr_by_iteration"]
    recipe = Recipe(50, 1, lr=2.0, schedule="warmup_cosine", warmup_iterations=10, lowest_lr=1e-6 / 2)
    rates = [learning_rate(recipe, iteration) for iteration in range(51)]
    np.testing.assert_allclose(rates, expected, atol=1e-8)


def test_the_momentum_of_slotcons_teacher_is_a_cosine() -> None:
    case = json.loads((GOLDEN / "slotcon.json").read_text())["teacher_momentum"]
    for point in case["points"]:
        assert cosine(point["k"] / case["K"], case["m0"], 1.0) == pytest.approx(point["m"], abs=1e-9)
    assert [cosine(share, 0.99, 1.0) for share in (0, 0.5, 1)] == pytest.approx([0.99, 0.995, 1])


def test_weight_decay_stays_or_moves_to_its_last_value() -> None:
    assert {weight_decay(Recipe(8, 1, lr=1.0, weight_decay=0.3), share) for share in (0.0, 0.4, 1.0)} == {0.3}
    moving = Recipe(8, 1, lr=1.0, weight_decay=0.04, last_weight_decay=0.4)
    assert [weight_decay(moving, share) for share in (0.0, 0.5, 1.0)] == pytest.approx([0.04, 0.22, 0.4])


def test_shares_of_a_step() -> None:
    first, last = Step(0, 4), Step(3, 4)
    assert (first.share, first.next_share, last.share, last.next_share) == (0.0, 0.25, 0.75, 1.0)


@pytest.mark.parametrize(("share", "expected"), [(0, 0), (0.2, 0), (0.3, 0.5), (0.4, 1), (1, 1)])
def test_ramp(share: float, expected: float) -> None:
    assert ramp(share, (0.2, 0.4)) == pytest.approx(expected)


def test_ramp_without_width_is_a_step() -> None:
    assert (ramp(0.19, (0.2, 0.2)), ramp(0.2, (0.2, 0.2)), ramp(0.0, (0.0, 0.0))) == (0, 1, 1)


def test_cosine() -> None:
    values = [cosine(share, 1.0, 0.02) for share in (0, 0.5, 1, 2)]
    assert values == pytest.approx([1.0, 0.51, 0.02, 0.02])


def test_warm_up() -> None:
    assert [warmed_up(step, 4) for step in (0, 1, 3, 9)] == [0.25, 0.5, 1, 1]
    assert warmed_up(0, 0) == 1


def test_average_decay() -> None:
    assert average_decay(0, 0.0, 0.98, 0.998) == pytest.approx(0.1)  # forgets the first weights
    assert average_decay(10_000, 0.0, 0.98, 0.998) == pytest.approx(0.98)
    assert average_decay(10_000, 0.5, 0.98, 0.998) == pytest.approx(0.99)
    assert average_decay(10_000, 1.0, 0.98, 0.998) == pytest.approx(0.998)
