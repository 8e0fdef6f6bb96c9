"""Presets of BigBiGAN: ImageNet as far as it is known, folders at 64 pixels, and two cores."""

from __future__ import annotations

from dataclasses import replace

from ..data.settings import DataSettings
from ..engine.config import RunConfig, TrainSettings
from ..methods.bigbigan import BIGBIGAN_ADAM, BigBiGANSettings
from ..networks.large import LargeSettings
from .preset import Preset

_BATCH = 2048
IMAGENET_IMAGES = 1_281_167
STEPS = 500_000
TURNS = 3
"""Two of D and one of G and E, each on images of its own."""

IMAGENET = DataSettings(source="imagenet", size=(288, 288), crop=(256, 256), flip=True)
_LONG = TrainSettings(
    epochs=round(STEPS * TURNS * _BATCH / IMAGENET_IMAGES),
    batch_size=_BATCH,
    precision="auto",
    ema_decay=0.9999,
    statistics_batches=100,
    checkpoint_every=5000,
)
AT_128 = LargeSettings(image_size=(128, 128))

QUICK = replace(BIGBIGAN_ADAM, betas=(0.5, 0.999), learning_rate=2e-4)
_SHORT = TrainSettings(epochs=25, batch_size=64, precision="auto", statistics_batches=100)


def bigbigan_paper() -> RunConfig:
    """ImageNet: G and D at 128, a ResNet-50 at 256 that learns ten times as fast as G.

    What is confirmed of it: three scores, hinge, E at 256 over pictures of 128, z of 120 numbers,
    batches of 2048. From memory: widths and depths of heads, H and J, learning rates, two steps
    of D, 500,000 steps, the average's 0.9999. Ours: how images are cropped.
    """
    settings = BigBiGANSettings(encoder_rate_multiplier=10, network=AT_128)
    return RunConfig("bigbigan", "paper", settings, IMAGENET, _LONG)


def bigbigan_revnet() -> RunConfig:
    """The same with the paper's best encoder, a RevNet-50 four times as wide."""
    network = replace(AT_128, encoder="revnet50", encoder_width=4.0)
    settings = BigBiGANSettings(encoder_rate_multiplier=10, network=network)
    return RunConfig("bigbigan", "revnet", settings, IMAGENET, _LONG)


def bigbigan_folder() -> RunConfig:
    """A folder of photographs at 64x64, on one GPU."""
    network = LargeSettings(
        width=32, attention=32, head_width=1024, mlp_width=1024, encoder_width=0.5
    )
    optimizer = replace(BIGBIGAN_ADAM, learning_rate=1e-4)
    settings = BigBiGANSettings(
        network=network,
        discriminator_optimizer=replace(BIGBIGAN_ADAM, learning_rate=4e-4),
        generator_optimizer=optimizer,
        discriminator_steps=1,
    )
    data = DataSettings(source="imagenet", size=(64, 64), flip=True)
    train = TrainSettings(epochs=200, batch_size=256, precision="auto", statistics_batches=100)
    return RunConfig("bigbigan", "folder", settings, data, train)


def bigbigan_images() -> RunConfig:
    """Narrow networks, for small pictures on two cores.

    Channels double from block to block, since BigGAN's for 32x32 leave F few features; means over
    all places of so few do not tell what is where, so that J and E's head are given 4x4 of them;
    H and J go without spectral norm, as in `small`. E's weights begin as small as BiGAN's, or so
    few updates hardly move them; D learns twice as fast as G and E.
    """
    network = replace(
        _NARROW.network,
        growth="doubling",
        encoder_width=0.25,
        encoder_init_std=0.02,
        head_places=4,
        joint_places=4,
        mlp_spectral_norm=False,
    )
    faster = replace(QUICK, learning_rate=4e-4)
    settings = replace(_NARROW, network=network, discriminator_optimizer=faster)
    return RunConfig("bigbigan", "images", settings, DataSettings(source="cifar10"), _SHORT)


def bigbigan_small() -> RunConfig:
    """For a few thousand small images; E learns ten times as fast as G, or it hardly does.

    H and J go without spectral norm, under which so few updates leave J blind to latents.
    """
    network = replace(
        _NARROW.network,
        width=16,
        encoder_width=0.25,
        encoder_depths=(1, 1, 1),
        mlp_spectral_norm=False,
    )
    quicker = replace(QUICK, learning_rate=3e-4)
    settings = replace(
        _NARROW,
        latent_dim=32,
        encoder_rate_multiplier=10,
        network=network,
        discriminator_optimizer=quicker,
        generator_optimizer=quicker,
    )
    train = TrainSettings(epochs=100, batch_size=64, statistics_batches=10)
    return RunConfig("bigbigan", "small", settings, DataSettings(source="digits"), train)


_NARROW = BigBiGANSettings(
    latent_dim=100,
    discriminator_steps=1,
    network=LargeSettings(
        width=8,
        attention=16,
        encoder_width=0.125,
        encoder_depths=(2, 2, 2),
        head_width=256,
        head_depth=2,
        mlp_width=256,
        mlp_depth=4,
    ),
    discriminator_optimizer=QUICK,
    generator_optimizer=QUICK,
)
_SOURCE = "BigBiGAN, arXiv 1907.02544"

BIGBIGAN_PRESETS: dict[str, dict[str, Preset]] = {
    "bigbigan": {
        "paper": Preset(bigbigan_paper, "not reproduced", "-", "-", f"{_SOURCE}, in part memory"),
        "revnet": Preset(bigbigan_revnet, "not reproduced", "-", "-", f"{_SOURCE}, in part memory"),
        "folder": Preset(bigbigan_folder, "not measured", "-", "-", "ours"),
        "images": Preset(
            bigbigan_images,
            "20,000 of CIFAR-10, 20 epochs: linear probe on pool of E 52.3 (untrained 40.2)",
            "57 min of two cores",
            "2 threads of 2 shared CPU cores",
            "ours",
        ),
        "small": Preset(
            bigbigan_small,
            "digits: linear probe on pool of E 99.7 (untrained 92.9, pixels 99.3)",
            "7 min of one core",
            "1 thread of 2 shared CPU cores",
            "ours",
        ),
    },
}
