"""Shapes, initial weights and refusals of the convolutional networks."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ambigan.core.data_spec import DataSpec
from ambigan.core.errors import ConfigError
from ambigan.methods.bigan import BiGAN, BiGANSettings
from ambigan.methods.gan import GAN
from ambigan.networks.convnet import ConvNet
from ambigan.networks.convolutional import (
    AlexNetSettings,
    ConvSettings,
    conv_sample_spec,
    make_conv_discriminator,
    make_conv_encoder,
    make_conv_generator,
)
from ambigan.networks.families import NetworkSettings
from ambigan.presets import find_preset


def images(*shape: int) -> DataSpec:
    return DataSpec("images", shape, bounded=True)


def sides_of(network: torch.nn.Module, x: torch.Tensor, *others: torch.Tensor) -> list[tuple]:
    """Channels, height and width after each hidden layer."""
    seen = []
    for name in network.hidden_names:
        module = network.get_submodule(name)
        module.register_forward_hook(lambda _m, _i, h: seen.append(tuple(h.shape[1:])))
    network.eval()(x, *others)
    return seen


SMALL = st.builds(
    ConvSettings,
    width=st.integers(1, 3),
    discriminator=st.sampled_from(["dcgan", "six_layer", "alexnet"]),
    encoder=st.sampled_from(["dcgan", "six_layer", "alexnet"]),
    kernel=st.sampled_from([3, 5]),
)


@settings(deadline=None, max_examples=40)
@given(SMALL, st.integers(1, 4), st.integers(4, 37), st.integers(4, 37))
def test_any_size_and_channels_fit(network: ConvSettings, channels: int, height: int, width: int):
    spec = images(channels, height, width)
    x, z = torch.rand(2, *spec.shape), torch.rand(2, 5)
    assert make_conv_discriminator(spec, network, 5).eval()(x, z).shape == (2, 1)
    assert make_conv_encoder(spec, network, 5).eval()(x).shape == (2, 5)
    drawn = make_conv_generator(spec, network, 5).eval()(z, z)
    assert drawn.shape == x.shape
    assert drawn.abs().max() <= 1


def test_dcgan_at_64_is_the_published_one() -> None:
    network = ConvSettings(width=128)
    x, z = torch.zeros(1, 3, 64, 64), torch.zeros(1, 100)
    halves = [(128, 32, 32), (256, 16, 16), (512, 8, 8), (1024, 4, 4)]
    assert sides_of(make_conv_discriminator(images(3, 64, 64), network), x) == halves
    generator = make_conv_generator(images(3, 64, 64), network, 100)
    assert generator.project.shape == (1024, 4, 4)
    assert generator.project.norm.running_mean.shape == (1024 * 4 * 4,)
    assert sides_of(generator, z) == [(512, 8, 8), (256, 16, 16), (128, 32, 32)]


def test_the_six_layers_give_28672_features() -> None:
    """The dimensions that DCGAN's classifier of CIFAR-10 is known to have."""
    config = find_preset("gan", "dcgan_features")
    method = GAN(config.settings, images(3, 32, 32))
    x = torch.rand(2, 3, 32, 32)
    sides = sides_of(method.discriminator, x)
    assert [side[0] for side in sides] == [128, 128, 256, 256, 512, 512]
    assert [side[1] for side in sides] == [32, 16, 16, 8, 8, 4]
    assert method.default_layer == "discriminator.convs@4"
    assert method.features(x).shape == (2, 28_672)


def test_svhn_has_7168_features() -> None:
    method = GAN(find_preset("gan", "dcgan_svhn").settings, images(3, 32, 32))
    assert method.features(torch.rand(2, 3, 32, 32)).shape == (2, 7_168)


def test_pooled_features_are_the_largest_of_each_part() -> None:
    method = GAN(find_preset("gan", "dcgan_svhn").settings, images(3, 32, 32))
    x = torch.rand(3, 3, 32, 32)
    whole = method.features(x, "discriminator.conv1").view(3, 64, 16, 16)
    expected = whole.view(3, 64, 4, 4, 4, 4).amax((3, 5)).flatten(1)
    assert torch.equal(method.features(x, "discriminator.conv1@4"), expected)
    together = method.features(x, "discriminator.convs@4")
    assert torch.equal(together[:, : 64 * 16], expected)


@pytest.mark.parametrize(
    ("side", "expected"),
    [(112, [14, 7, 7, 7, 7]), (64, [16, 8, 8, 8, 8]), (32, [16, 8, 8, 8, 8])],
)
def test_alexnet_reaches_conv5_with_something_left(side: int, expected: list[int]) -> None:
    encoder = make_conv_encoder(
        images(3, side, side), ConvSettings(width=96, encoder="alexnet"), 10
    )
    sides = sides_of(encoder, torch.zeros(1, 3, side, side))
    assert [s[1] for s in sides] == expected
    assert [s[0] for s in sides] == [96, 256, 384, 384, 256]


@pytest.mark.parametrize(
    ("preset", "sides", "num_latent_weights"),
    [
        ("imagenet_official", [8, 4, 4, 4, 4], 819_200),
        ("imagenet_112_official", [14, 7, 7, 7, 7], 2_508_800),
        ("imagenet_paper", [6, 2, 2, 2, 2], 204_800),
        ("imagenet_112_paper", [12, 5, 5, 5, 5], 1_280_000),
    ],
)
def test_alexnet_of_bigan_has_the_sizes_of_its_code(
    preset: str, sides: list[int], num_latent_weights: int
) -> None:
    """The authors' `alexnet_group_padpool`, and `alexnet_group_bnc1`, which is as printed."""
    found = find_preset("bigan", preset)
    assert found.data.crop is not None
    spec = images(3, *found.data.crop)
    encoder = BiGAN(found.settings, spec).encoder
    assert isinstance(encoder, ConvNet)
    convolutions = [encoder.get_submodule(name).convolution for name in encoder.hidden_names]
    weights = [each.weight.numel() for each in convolutions]
    assert weights == [34_848, 307_200, 884_736, 663_552, 442_368]
    assert [each.groups for each in convolutions] == [1, 2, 1, 2, 2]
    assert encoder.output.linear.weight.numel() == num_latent_weights
    if preset == "imagenet_official":
        assert sum(weights) + num_latent_weights == 3_151_904
    assert [s[1] for s in sides_of(encoder, torch.zeros(1, *spec.shape))] == sides
    norms = [encoder.get_submodule(name).norm is not None for name in encoder.hidden_names]
    assert norms == [preset.endswith("paper"), True, True, True, True]


def test_alexnet_is_that_of_torchs_layers() -> None:
    """conv1 to conv5 of Krizhevsky et al. (2012) without LRN, written out by hand."""
    settings = ConvSettings(
        encoder="alexnet",
        encoder_width=12,
        alexnet=AlexNetSettings(kernel=11, stride=4, padded=False, groups=2),
        first_layer_norm=True,
    )
    torch.manual_seed(0)
    ours = make_conv_encoder(images(3, 80, 67), settings, 7).eval()
    activation = nn.LeakyReLU(0.2)
    layers: list[nn.Module] = []
    for stage, (num_in, num_out, kernel, stride, groups, pooled) in enumerate(
        [
            (3, 12, 11, 4, 1, True),
            (12, 32, 5, 1, 2, True),
            (32, 48, 3, 1, 1, False),
            (48, 48, 3, 1, 2, False),
            (48, 32, 3, 1, 2, False),
        ],
        start=1,
    ):
        padding = kernel // 2 if stage > 1 else 0
        convolution = nn.Conv2d(num_in, num_out, kernel, stride, padding, groups=groups, bias=False)
        norm = nn.BatchNorm2d(num_out, eps=1e-5)
        theirs = ours.get_submodule(f"conv{stage}")
        convolution.load_state_dict(theirs.convolution.state_dict())
        norm.load_state_dict(theirs.norm.state_dict(), strict=False)
        layers += [convolution, norm, activation, *([nn.MaxPool2d(3, 2)] if pooled else [])]
    output = nn.Linear(ours.output.linear.in_features, 7)
    output.load_state_dict(ours.output.linear.state_dict())
    written = nn.Sequential(*layers, nn.Flatten(), output).eval()
    x = torch.rand(2, 3, 80, 67) * 2 - 1
    torch.testing.assert_close(ours(x), written(x))


def test_an_alexnet_that_cannot_be_is_refused_in_one_line() -> None:
    bare = ConvSettings(encoder="alexnet", alexnet=AlexNetSettings(padded=False))
    with pytest.raises(ConfigError, match=r"images of 8x8 leave conv2 no pixels.*padded true"):
        make_conv_encoder(images(3, 8, 8), bare, 10)
    odd = replace(bare, encoder_width=5, alexnet=AlexNetSettings(groups=2))
    with pytest.raises(ConfigError, match="an alexnet of 5 channels cannot be divided into 2"):
        make_conv_encoder(images(3, 64, 64), odd, 10)
    with pytest.raises(ConfigError, match=r"alexnet\.kernel 4 is even; .* such as 5"):
        AlexNetSettings(kernel=4)


@pytest.mark.parametrize("first", [False, True])
def test_the_first_layers_of_d_and_e_have_batch_norm_if_asked_for(first: bool) -> None:
    network = ConvSettings(width=4, first_layer_norm=first)
    method = BiGAN(BiGANSettings(latent_dim=4, network=network), images(3, 32, 32))
    for part in (method.discriminator, method.encoder):
        assert isinstance(part, ConvNet)
        norms = [part.get_submodule(name).norm is not None for name in part.hidden_names]
        assert norms == [first, *[True] * (len(norms) - 1)]


def test_latents_enter_d_wider_by_the_area_of_the_kernel() -> None:
    torch.manual_seed(0)
    network = ConvSettings(width=64, kernel=5)
    d = make_conv_discriminator(images(3, 64, 64), network, 200)
    assert d.conv1.latent is None
    for name in d.hidden_names[1:]:
        assert d.get_submodule(name).latent.weight.std().item() == pytest.approx(0.5, rel=0.05)
        assert d.get_submodule(name).convolution.weight.std().item() == pytest.approx(
            0.02, rel=0.05
        )


def test_the_generalised_game_is_played_on_smaller_images() -> None:
    network = replace(find_preset("bigan", "imagenet_112_official").settings.network, width=4)
    method = BiGAN(BiGANSettings(latent_dim=6, network=network), images(3, 112, 112))
    x = torch.rand(2, 3, 112, 112) * 2 - 1
    assert method.resize_to_sample(x).shape == (2, 3, 64, 64)
    assert method.reconstruct(x).shape == method.resize_to_sample(x).shape
    assert method.sample_spec.shape == (3, 64, 64)
    flat = torch.full((1, 3, 112, 112), 0.25)
    torch.testing.assert_close(method.resize_to_sample(flat), torch.full((1, 3, 64, 64), 0.25))


@pytest.mark.parametrize(
    ("spec", "network", "words"),
    [
        (DataSpec("vectors", (9,), False), ConvSettings(), "but the data are vectors of 9"),
        (images(1, 3, 40), ConvSettings(), "4x4 or more; these are 3x40"),
        (images(1, 9, 9), ConvSettings(image_size=(16, 9)), "16,9 is larger than the data, 9x9"),
    ],
)
def test_what_does_not_fit_is_refused(spec: DataSpec, network: ConvSettings, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        conv_sample_spec(spec, network)


def test_an_even_kernel_is_refused() -> None:
    with pytest.raises(ConfigError, match="kernel 4 is even"):
        ConvSettings(kernel=4)


def test_spectral_norm_has_no_zero_to_start_at() -> None:
    with pytest.raises(ConfigError, match="no norm to divide by"):
        ConvSettings(zero_init_logit=True, discriminator_norm="spectral")


def test_layers_are_asked_for_by_name_and_side() -> None:
    method = BiGAN(find_preset("bigan", "images").settings, images(3, 32, 32))
    x = torch.rand(2, 3, 32, 32)
    for layer in method.feature_layers:
        assert method.features(x, layer).shape[0] == 2
    assert "encoder.convs@4" in method.feature_layers
    assert "encoder.output" in method.feature_layers
    assert "discriminator.output" not in method.feature_layers
    for layer, words in {
        "encoder.convs": "add it, as in encoder.convs@4",
        "encoder.conv1@": "@ must be followed by the side",
        "encoder.conv1@x": "@ must be followed by the side",
        "encoder.output@4": "no maps to pool",
        "encoder.conv2@99": r"conv2@99': its map is 16x16, .* at most @16",
        "encoder.convs@33": "the largest map is 32x32",
        "encoder.conv9@4": "Did you mean 'encoder.conv",
        "encodr.convs@4": "Did you mean 'encoder.convs'",
    }.items():
        with pytest.raises(ConfigError, match=words):
            method.features(x, layer)
    mlp = BiGAN(find_preset("bigan", "small").settings, images(1, 8, 8))
    with pytest.raises(ConfigError, match="has no maps to pool"):
        mlp.features(torch.rand(2, 1, 8, 8), "encoder.hidden1@4")


def test_the_kinds_of_networks_are_told_apart_in_a_file() -> None:
    from ambigan.engine.config import RunConfig

    config = find_preset("bigan", "images")
    again = RunConfig.from_json(config.to_json())
    assert again == config
    values = config.to_json()
    values["settings"]["network"]["kind"] = "cnn"
    with pytest.raises(ConfigError, match=r"network\.kind cannot be 'cnn': it is mlp or conv"):
        RunConfig.from_json(values)
    assert NetworkSettings.__args__[1] is ConvSettings


@pytest.mark.parametrize("encoder", ["dcgan", "six_layer", "alexnet"])
def test_an_encoder_alone_refuses_vectors(encoder: str) -> None:
    network = ConvSettings(encoder=encoder)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="is for images, but the data are vectors of 5 values"):
        make_conv_encoder(DataSpec("vectors", (5,), False), network, 3)
