"""The order and the random numbers of training samples."""

import torch

from maskdistill.stages.training.samples import Sample, SampleStream


def load(item: int) -> Sample:
    return f"image{item}", torch.full((4,), item / 5) + torch.rand(4)


def test_every_epoch_visits_every_item_once() -> None:
    stream = SampleStream(5, load, seed=1)
    epochs = [[stream[n][0] for n in range(start, start + 5)] for start in (0, 5)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == [f"image{i}" for i in range(5)]
    assert epochs[0] != epochs[1]
    assert epochs[0] != [SampleStream(5, load, seed=2)[n][0] for n in range(5)]


def test_a_sample_depends_on_seed_and_number_alone() -> None:
    stream = SampleStream(5, load, seed=1)
    assert torch.equal(stream[3][1], stream[3][1])
    numbers: dict[str, list[torch.Tensor]] = {image_id: [] for image_id, _ in (stream[n] for n in range(5))}
    for n in range(10):
        numbers[stream[n][0]].append(stream[n][1])
    assert not any(torch.equal(first, second) for first, second in numbers.values())


def test_reading_samples_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    SampleStream(5, load, seed=1)[0]
    assert torch.equal(before, torch.get_rng_state())
