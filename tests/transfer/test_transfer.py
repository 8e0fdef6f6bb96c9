"""Layers that stay, layers that learn."""

from __future__ import annotations

import copy

import pytest
import torch

from ambigan.core.data_spec import DataSpec
from ambigan.core.errors import ConfigError
from ambigan.networks.convolutional import ConvSettings, make_conv_discriminator, make_conv_encoder
from ambigan.networks.families import make_generator
from ambigan.networks.permutation_invariant import MLPSettings
from ambigan.networks.permutation_invariant import make_mlp_encoder as make_dense_encoder
from ambigan.transfer import TransferSettings, split_chain, train_rest
from ambigan.transfer.tasks import task_settings
from ambigan.transfer.training import Labelled

SPEC = DataSpec("images", (1, 8, 8), bounded=True)
SMALL = ConvSettings(width=4, encoder="six_layer", init_std=0.2)
QUICK = TransferSettings(epochs=3, batch_size=32, learning_rate=1e-2)


def encoder():
    torch.manual_seed(0)
    network = make_conv_encoder(SPEC, SMALL, 5)
    network(torch.rand(64, 1, 8, 8) * 2 - 1)  # running statistics
    return network.eval()


def halves(num: int, seed: int) -> Labelled:
    """Images that are bright above or below: flips change nothing."""
    noise = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 2, (num,), generator=noise)
    values = torch.randint(0, 120, (num, 1, 8, 8), generator=noise)
    for place in range(num):
        half = slice(0, 4) if labels[place] else slice(4, 8)
        values[place, :, half] += 60
    return Labelled(values.to(torch.uint8), labels)


@pytest.mark.parametrize("num_frozen", [0, 1, 3, 6])
@torch.no_grad()
def test_frozen_layers_give_what_the_network_gave(num_frozen: int) -> None:
    network, x = encoder(), torch.rand(7, 1, 8, 8) * 2 - 1
    expected = x
    for name in network.hidden_names[:num_frozen]:
        expected = network.get_submodule(name)(expected)
    chain = split_chain(network, num_frozen, 3)
    torch.testing.assert_close(chain.through_frozen(x), expected, rtol=1e-5, atol=1e-5)
    assert chain(x).shape == (7, 3)


@torch.no_grad()
def test_dense_networks_are_cut_as_well() -> None:
    torch.manual_seed(0)
    network = make_dense_encoder(SPEC, MLPSettings(hidden=(16, 12), unit_input=True), 5).eval()
    x = torch.rand(7, 1, 8, 8) * 2 - 1
    hidden = network.hidden1((x.flatten(1) + 1) / 2)
    chain = split_chain(network, 1, 3)
    torch.testing.assert_close(chain.through_frozen(x), hidden, rtol=1e-5, atol=1e-5)
    assert chain.classifier.in_features == 12


def test_what_is_frozen_stays_and_the_rest_learns() -> None:
    network = encoder()
    before = copy.deepcopy(network.state_dict())
    chain = split_chain(network, 2, 2)
    frozen = copy.deepcopy(chain.frozen.state_dict())
    scores = train_rest(chain, halves(256, 0), halves(200, 1), QUICK)
    assert scores["accuracy"] > 90
    assert scores["train_accuracy"] > 80
    assert all(torch.equal(frozen[name], v) for name, v in chain.frozen.state_dict().items())
    assert all(torch.equal(before[name], v) for name, v in network.state_dict().items())


def test_a_measurement_is_a_function_of_its_settings() -> None:
    def measure(seed: int) -> dict[str, float]:
        settings = TransferSettings(epochs=1, batch_size=32, seed=seed)
        return train_rest(split_chain(encoder(), 1, 2), halves(100, 0), halves(90, 1), settings)

    torch.manual_seed(1)
    first = measure(0)
    torch.manual_seed(2)
    assert measure(0) == first
    assert measure(3) != first


@torch.no_grad()
def test_fresh_layers_begin_with_mean_0_and_deviation_1() -> None:
    x = torch.rand(256, 1, 8, 8) * 2 - 1
    chain = split_chain(encoder(), 1, 2)
    chain.draw(x, 0)
    h = (chain.through_frozen(x) - chain.shift) * chain.scale
    torch.testing.assert_close(h.std((0, 2, 3)), torch.ones(h.shape[1]), atol=1e-3, rtol=0)
    out = chain.fresh[0].convolution(h)
    torch.testing.assert_close(out.mean((0, 2, 3)), torch.zeros(out.shape[1]), atol=1e-4, rtol=0)
    torch.testing.assert_close(out.std((0, 2, 3)), torch.ones(out.shape[1]), atol=1e-3, rtol=0)
    assert not chain.classifier.weight.any()


def test_the_size_of_what_frozen_layers_give_does_not_matter() -> None:
    scores = []
    for size in (1.0, 1000.0):
        network = encoder()
        with torch.no_grad():
            for parameter in network.conv1.convolution.parameters():
                parameter.mul_(size)
        chain = split_chain(network, 1, 2)
        scores.append(train_rest(chain, halves(256, 0), halves(200, 1), QUICK)["accuracy"])
    assert scores[0] == pytest.approx(scores[1], abs=1)


@torch.no_grad()
def test_a_layer_is_drawn_alike_wherever_the_cut_is() -> None:
    x = torch.rand(64, 1, 8, 8) * 2 - 1
    one, two = (split_chain(encoder(), num, 2) for num in (0, 3))
    one.draw(x, 0)
    two.draw(x, 0)
    kernels = [chain.fresh[place].convolution.weight[0] for chain, place in ((one, 5), (two, 2))]
    angle = torch.cosine_similarity(kernels[0].flatten(), kernels[1].flatten(), dim=0)
    assert float(angle) == pytest.approx(1, abs=1e-5)


def test_networks_that_cannot_be_cut_are_refused() -> None:
    with pytest.raises(ConfigError, match="sees latents beside the data"):
        split_chain(make_conv_discriminator(SPEC, SMALL, 4), 1, 2)
    with pytest.raises(ConfigError, match="DeconvNet is no chain"):
        split_chain(make_generator(SPEC, SMALL, 4), 1, 2)


@pytest.mark.parametrize("num_frozen", [0, 2, 6])
@torch.no_grad()
def test_fully_connected_layers_begin_with_mean_0_and_deviation_1(num_frozen: int) -> None:
    x = torch.rand(256, 1, 8, 8) * 2 - 1
    chain = split_chain(encoder(), num_frozen, 3, width=32, pooled=2, dropout=0.5).eval()
    chain.draw(x, 0)
    seen: list[torch.Tensor] = []
    head = chain.classifier
    for layer in (head.fc6, head.fc7):
        layer.register_forward_hook(lambda _m, _inputs, out: seen.append(out.flatten(1)))
    assert not chain(x).any()
    for out in seen:
        torch.testing.assert_close(out.mean(0), torch.zeros(32), atol=1e-4, rtol=0)
        torch.testing.assert_close(out.std(0), torch.ones(32), atol=1e-3, rtol=0)


def test_fully_connected_layers_learn_and_a_measurement_repeats_itself() -> None:
    def measure() -> dict[str, float]:
        chain = split_chain(encoder(), 2, 2, width=32)
        return train_rest(chain, halves(256, 0), halves(200, 1), QUICK)

    first = measure()
    torch.manual_seed(5)
    assert measure() == first
    assert first["accuracy"] > 90


def test_fully_connected_layers_stand_on_dense_networks_too() -> None:
    network = make_dense_encoder(SPEC, MLPSettings(hidden=(16, 12), unit_input=True), 5).eval()
    chain = split_chain(network, 1, 3, width=8)
    chain.draw(torch.rand(64, 1, 8, 8) * 2 - 1, 0)
    assert chain(torch.rand(7, 1, 8, 8)).shape == (7, 3)


def test_fully_connected_layers_see_maps_of_any_proportions() -> None:
    torch.manual_seed(0)
    wide = DataSpec("images", (1, 8, 64), bounded=True)
    network = make_conv_encoder(wide, SMALL, 4).eval()
    chain = split_chain(network, 1, 3, width=8)
    x = torch.rand(64, 1, 8, 64) * 2 - 1
    chain.draw(x, 0)
    assert chain(x[:7]).shape == (7, 3)


def test_settings_are_checked() -> None:
    assert task_settings("frozen", epochs=2) == TransferSettings(epochs=2)
    with pytest.raises(ConfigError, match="epochs cannot be 0"):
        task_settings("frozen", epochs=0)
    with pytest.raises(ConfigError, match="batch_size cannot be 0"):
        task_settings("frozen", batch_size=0)
