"""An estimate against what is known of the networks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from ambigan.core.errors import ConfigError
from ambigan.core.settings import override
from ambigan.data import Batches, open_dataset
from ambigan.engine.schedule import num_iterations
from ambigan.engine.train_state import TrainState
from ambigan.engine.trainer import Trainer
from ambigan.estimate.memory import allocated_bytes
from ambigan.estimate.simulated_process_group import simulated_process_group
from ambigan.estimate.training_cost import estimate_rows, estimate_training
from ambigan.training import make_method
from games import toy_config


def test_memory_is_that_of_the_tensors() -> None:
    config = toy_config("bigan-official", train__batch_size="50")
    found = estimate_training(config)
    learned = sum(found.num_parameters.values())
    assert found.num_parameters.keys() == {"discriminator", "generator", "encoder"}
    assert found.optimizer == 2 * 4 * learned
    assert found.gradients == 4 * learned
    assert found.parameters >= 4 * learned
    assert found.ema == found.parameters
    assert found.data == 1500 * 64
    assert found.num_images == num_iterations(config.train, 1500, 1) * 50


def test_alternating_players_need_the_gradients_of_one() -> None:
    together, apart = (
        estimate_training(toy_config("gan-official")),
        estimate_training(toy_config("gan-alternating")),
    )
    assert apart.gradients < together.gradients
    assert apart.gradients == 4 * max(apart.num_parameters.values())


def test_players_that_begin_later_are_planned_too() -> None:
    """E of a latent regressor moves in the second half, alone."""
    after, during = (toy_config(f"latent_regressor-{name}") for name in ("after", "joint"))
    found = estimate_training(after)
    learned = {name: 4 * count for name, count in found.num_parameters.items()}
    assert found.optimizer == pytest.approx(2 * sum(learned.values()), rel=0.01)
    game = learned["discriminator"] + learned["generator"]
    assert found.gradients == max(game, learned["encoder"])
    assert estimate_training(during).gradients == sum(learned.values())


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("variant", "num_processes", "network"),
    [
        ("bigbigan-small", 1, {"settings.network.encoder_width": "0.0625"}),
        ("bigbigan-small", 2, {"settings.network.encoder_width": "0.0625"}),
        ("structural-small", 1, {"settings.network.width": "16"}),
        ("gan-images", 1, {"settings.network.width": "16"}),
        ("bigan-official", 2, {"settings.network.hidden": "256,256"}),
    ],
)
def test_peak_memory_is_what_the_allocator_says(
    variant: str, num_processes: int, network: dict[str, str], one_thread: None
) -> None:
    """The estimate, played apart from the training it is of, against the allocator's peak there."""
    config = override(toy_config(variant), network)
    found, dataset = estimate_training(config, num_processes), open_dataset(config.data)
    with simulated_process_group(num_processes):
        method = make_method(config, dataset.spec).train()
        state = TrainState(method, config.train.ema_decay)
        play = Trainer(state, Batches(dataset.train, 0, torch.device("cpu")), config.train)
        play.run_iteration()
        most = allocated_bytes(play.run_iteration, torch.device("cpu"))
    standing = found.parameters + found.optimizer + found.ema
    assert found.memory == pytest.approx(standing + most, rel=0.15)
    assert found.step == pytest.approx(most, rel=0.15)


def test_several_processes_share_a_batch() -> None:
    config = toy_config("bigbigan-ablated")
    one, four = estimate_training(config), estimate_training(config, num_processes=4, link=1e9)
    assert four.num_images == one.num_images
    assert four.step < one.step
    assert four.parameters == one.parameters
    learned = {name: 4 * count for name, count in one.num_parameters.items()}
    turns = 2 * learned["discriminator"] + learned["generator"] + learned["encoder"]
    assert (one.sent, one.num_messages) == (0, 0)
    assert four.sent == pytest.approx(2 * turns * 3 // 4, rel=0.2)
    assert four.sent > 2 * turns * 3 // 4, "statistics of batches as well"
    assert "from each of 4 processes" in dict(estimate_rows(four))["traffic"]
    assert four.images_per_second > 0
    assert estimate_training(config, num_processes=100).step < four.step, "one image each"
    with pytest.raises(ConfigError, match="does not divide over 3 processes"):
        estimate_training(config, num_processes=3)
    for link in (0, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match=f"a link of {link} GB/s cannot be used"):
            estimate_training(config, num_processes=2, link=link)


def test_it_is_described_in_a_few_lines() -> None:
    lines = dict(estimate_rows(estimate_training(toy_config("autoencoder-images"))))
    assert lines.keys() == {"parameters", "memory", "data", "rate", "time"}
    assert "generator" in lines["parameters"]
