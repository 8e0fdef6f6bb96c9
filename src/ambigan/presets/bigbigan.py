"""Presets of BigBiGAN: ImageNet as far as it is known, folders at 64 pixels, and two cores."""

from __future__ import annotations

from dataclasses import replace

from ..data.settings import DataSettings
from ..engine.config import TrainSettings
from ..methods.bigbigan import BIGBIGAN_ADAM, BigBiGANSettings
from ..methods.gan import GANSettings
from ..networks.large import BigGANSettings, LargeSettings
from .preset import Preset

_BATCH = 2048
_IMAGENET_IMAGES = 1_281_167
_STEPS = 500_000
_TURNS = 3
"""Two of D and one of G and E, each on images of its own."""

_IMAGENET = DataSettings(source="imagenet", size=(288, 288), crop=(256, 256), flip=True)
_LONG = TrainSettings(
    epochs=round(_STEPS * _TURNS * _BATCH / _IMAGENET_IMAGES),
    batch_size=_BATCH,
    precision="auto",
    ema_decay=0.9999,
    statistics_batches=100,
    checkpoint_every=5000,
)
_AT_128 = LargeSettings(image_size=(128, 128))

_QUICK = replace(BIGBIGAN_ADAM, betas=(0.5, 0.999), learning_rate=2e-4)
_QUICKER = replace(_QUICK, learning_rate=3e-4)
_SHORT = TrainSettings(epochs=25, batch_size=64, precision="auto", statistics_batches=100)
_NARROW_NETWORK = LargeSettings(
    width=8,
    attention=16,
    encoder_depths=(2, 2, 2),
    encoder_width=0.25,
    head_width=256,
    head_depth=2,
    mlp_width=256,
    mlp_depth=4,
    mlp_spectral_norm=False,
)
_SOURCE = "BigBiGAN, arXiv 1907.02544, in part memory"

BIGBIGAN_PRESETS = (
    # ImageNet: G and D at 128, a ResNet-50 at 256 that learns ten times as fast as G. Confirmed by
    # sources that were read: three scores, hinge, E at 256 over pictures of 128, z of 120 numbers,
    # batches of 2048. From memory: widths and depths of heads, H and J, learning rates, two steps
    # of D, 500,000 steps, the average's 0.9999. Ours: how images are cropped.
    Preset(
        "bigbigan",
        "paper",
        BigBiGANSettings(encoder_rate_multiplier=10, network=_AT_128),
        _IMAGENET,
        _LONG,
        source=_SOURCE,
    ),
    # The same with the paper's best encoder, a RevNet-50 four times as wide.
    Preset(
        "bigbigan",
        "revnet",
        BigBiGANSettings(
            encoder_rate_multiplier=10,
            network=replace(_AT_128, encoder="revnet50", encoder_width=4.0),
        ),
        _IMAGENET,
        _LONG,
        source=_SOURCE,
    ),
    # A folder of photographs at 64x64, on one GPU.
    Preset(
        "bigbigan",
        "folder",
        BigBiGANSettings(
            network=LargeSettings(
                width=32, attention=32, head_width=1024, mlp_width=1024, encoder_width=0.5
            ),
            discriminator_optimizer=replace(BIGBIGAN_ADAM, learning_rate=4e-4),
            generator_optimizer=replace(BIGBIGAN_ADAM, learning_rate=1e-4),
            discriminator_steps=1,
        ),
        DataSettings(source="imagenet", size=(64, 64), flip=True),
        TrainSettings(epochs=200, batch_size=256, precision="auto", statistics_batches=100),
        score="not measured",
    ),
    # Narrow networks, for small pictures on two cores. Channels double from block to block, since
    # BigGAN's for 32x32 leave F few features; means over all places of so few do not tell what is
    # where, so J and E's head are given 4x4 of them; H and J go without spectral norm, as in
    # `small`. E's weights start as small as BiGAN's, or so few updates hardly move them; D learns
    # twice as fast as G and E.
    Preset(
        "bigbigan",
        "images",
        BigBiGANSettings(
            latent_dim=100,
            discriminator_steps=1,
            network=replace(
                _NARROW_NETWORK,
                growth="doubling",
                encoder_init_std=0.02,
                head_places=4,
                joint_places=4,
            ),
            discriminator_optimizer=replace(_QUICK, learning_rate=4e-4),
            generator_optimizer=_QUICK,
        ),
        DataSettings(source="cifar10"),
        _SHORT,
        score="20,000 of CIFAR-10, 20 epochs: linear probe on pool of E 52.3 (untrained 40.2)",
        time="57 min of two cores",
        hardware="2 threads of 2 shared CPU cores",
    ),
    # The same networks and rates in a game without an encoder: BigGAN without labels.
    Preset(
        "gan",
        "biggan",
        GANSettings(
            latent_dim=100,
            prior="normal",
            objective="hinge",
            simultaneous=False,
            network=BigGANSettings(width=8, attention=16, growth="doubling"),
            optimizer=replace(_QUICK, learning_rate=4e-4),
            generator_rate_multiplier=0.5,
        ),
        DataSettings(source="cifar10"),
        _SHORT,
        source="ours, after BigGAN, arXiv 1809.11096",
        score="not measured yet",
    ),
    # A few thousand small images; E learns ten times as fast as G, or it hardly does. H and J go
    # without spectral norm, under which so few updates leave J blind to latents.
    Preset(
        "bigbigan",
        "small",
        BigBiGANSettings(
            latent_dim=32,
            discriminator_steps=1,
            encoder_rate_multiplier=10,
            network=replace(_NARROW_NETWORK, width=16, encoder_depths=(1, 1, 1)),
            discriminator_optimizer=_QUICKER,
            generator_optimizer=_QUICKER,
        ),
        DataSettings(source="digits"),
        TrainSettings(epochs=100, batch_size=64, statistics_batches=10),
        score="digits: linear probe on pool of E 99.7 (untrained 92.9, pixels 99.3)",
        time="7 min of one core",
        hardware="1 thread of 2 shared CPU cores",
    ),
)
