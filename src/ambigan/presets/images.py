"""Presets with convolutional networks: DCGAN, BiGAN on ImageNet, and what two cores can train."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..data.settings import DataSettings
from ..engine.config import RunConfig, TrainSettings
from ..game import OptimizerSettings
from ..methods.autoencoder import AutoencoderSettings
from ..methods.bigan import BiGANSettings
from ..methods.gan import GANSettings
from ..methods.latent_regressor import LatentRegressorSettings
from ..networks.convolutional import ConvSettings
from .preset import Preset

CONSTANT = OptimizerSettings(weight_decay=0, final_learning_rate=None)
_CIFAR10 = DataSettings(source="cifar10")

DCGAN_NETWORK = ConvSettings(width=128, norm_epsilon=1e-8, bias=False)

IMAGENET_NETWORK = ConvSettings(
    width=64,
    encoder="alexnet",
    encoder_width=96,
    generator_output="squash",
    encoder_output="squash",
    generator_skips_latent=True,
    norm_gain_std=0,
    norm_epsilon=1e-8,
    bias=False,
    latent_at_logit=False,
    zero_init_logit=True,
)
IMAGENET_DATA = DataSettings(source="imagenet", size=(72, 72), crop=(64, 64), flip=True)
IMAGENET_112_DATA = replace(IMAGENET_DATA, size=(128, 128), crop=(112, 112))
IMAGENET_OPTIMIZER = OptimizerSettings(decay_biases=True)
IMAGENET_TRAIN = TrainSettings(epochs=100, statistics_batches=1000)


def gan_dcgan() -> RunConfig:
    """DCGAN at 64x64, as its authors' code has it (L2 of 1e-5, used there for faces)."""
    settings = GANSettings(
        latent_dim=100,
        simultaneous=False,
        network=DCGAN_NETWORK,
        optimizer=replace(CONSTANT, weight_decay=1e-5, decay_biases=True, decay_gains=True),
    )
    data = DataSettings(source="imagenet", size=(64, 64))
    return RunConfig("gan", "dcgan", settings, data, TrainSettings())


def gan_dcgan_features() -> RunConfig:
    """The net of DCGAN's features (section 5.1): 32x32, a D of six layers, z of 256 dimensions.

    G is the usual one; that of the authors' ImageNet script has six 3x3 layers as D has.
    """
    settings = GANSettings(
        latent_dim=256,
        simultaneous=False,
        network=replace(DCGAN_NETWORK, discriminator="six_layer"),
        optimizer=CONSTANT,
    )
    data = DataSettings(source="imagenet", size=(32, 32))
    return RunConfig("gan", "dcgan_features", settings, data, TrainSettings(epochs=30))


def gan_dcgan_svhn() -> RunConfig:
    """DCGAN on SVHN (section 5.2): D of 64, 128, 256 channels; its training was not published."""
    settings = GANSettings(
        latent_dim=100,
        prior="normal",
        simultaneous=False,
        network=replace(DCGAN_NETWORK, width=64),
        optimizer=replace(CONSTANT, learning_rate=5e-4),
    )
    train = TrainSettings(epochs=200, batch_size=64, statistics_batches=100)
    return RunConfig("gan", "dcgan_svhn", settings, DataSettings(source="svhn"), train)


def gan_images() -> RunConfig:
    """A narrow DCGAN, with the six-layer D of its features, for small pictures on two cores."""
    settings = GANSettings(
        latent_dim=100,
        simultaneous=False,
        network=ConvSettings(width=32, discriminator="six_layer"),
        optimizer=CONSTANT,
    )
    return RunConfig("gan", "images", settings, _CIFAR10, _TRAIN)


def gan_images_modern() -> RunConfig:
    """The same with spectral norm, hinge, R1 and differentiable augmentation."""
    settings = GANSettings(
        latent_dim=100,
        prior="normal",
        objective="hinge",
        simultaneous=False,
        gradient_penalty=0.1,
        augment=True,
        network=ConvSettings(width=32, discriminator="six_layer", discriminator_norm="spectral"),
        optimizer=CONSTANT,
    )
    return RunConfig("gan", "images_modern", settings, _CIFAR10, _TRAIN)


def gan_imagenet() -> RunConfig:
    """The `D` row of BiGAN's Table 3: the features of a D that is an AlexNet, as E is there."""
    settings = GANSettings(
        latent_dim=200,
        term_weight=0.5,
        network=replace(IMAGENET_NETWORK, discriminator="alexnet", discriminator_width=96),
        optimizer=IMAGENET_OPTIMIZER,
    )
    return RunConfig("gan", "imagenet", settings, IMAGENET_DATA, IMAGENET_TRAIN)


def bigan_imagenet() -> RunConfig:
    """BiGAN on ImageNet, as its authors' code trains it: short side 72, crops of 64, flips.

    The images are stored as squares of 72, the middle of the long side; there, crops reach further.
    """
    return RunConfig("bigan", "imagenet", _IMAGENET_BIGAN, IMAGENET_DATA, IMAGENET_TRAIN)


def bigan_imagenet_112() -> RunConfig:
    """The generalised BiGAN: E sees crops of 112 of a short side of 128, G and D work at 64."""
    network = replace(IMAGENET_NETWORK, image_size=(64, 64))
    settings = replace(_IMAGENET_BIGAN, network=network)
    return RunConfig("bigan", "imagenet_112", settings, IMAGENET_112_DATA, IMAGENET_TRAIN)


def bigan_images() -> RunConfig:
    """A narrow BiGAN for small pictures on two cores."""
    settings = BiGANSettings(**_SMALL, term_weight=0.5)
    return RunConfig("bigan", "images", settings, _CIFAR10, _TRAIN)


def bigan_images_modern() -> RunConfig:
    """The same with a cycle term, so that reconstructions keep what they are of."""
    settings = BiGANSettings(**_SMALL, term_weight=0.5, cycle_weight=0.005)
    return RunConfig("bigan", "images_modern", settings, _CIFAR10, _TRAIN)


def latent_regressor_imagenet() -> RunConfig:
    """The `LR` row of BiGAN's Table 3, E beside the GAN; with a joint weight of 0.25, `JLR`.

    In the authors' JLR, E descends G's loss, in which its own weighs 0.25: against it weight decay
    counts four times as much as here.
    """
    settings = LatentRegressorSettings(
        latent_dim=200,
        regress="during",
        term_weight=0.5,
        zero_init_encoder=True,
        network=IMAGENET_NETWORK,
        optimizer=IMAGENET_OPTIMIZER,
    )
    return RunConfig("latent_regressor", "imagenet", settings, IMAGENET_DATA, IMAGENET_TRAIN)


def latent_regressor_images() -> RunConfig:
    """A narrow joint latent regressor for small pictures on two cores."""
    settings = LatentRegressorSettings(**_SMALL, regress="during", joint_weight=0.25)
    return RunConfig("latent_regressor", "images", settings, _CIFAR10, _TRAIN)


def autoencoder_imagenet() -> RunConfig:
    """The `AE (l2)` row of BiGAN's Table 3."""
    settings = AutoencoderSettings(
        latent_dim=200, network=IMAGENET_NETWORK, optimizer=IMAGENET_OPTIMIZER
    )
    return RunConfig("autoencoder", "imagenet", settings, IMAGENET_DATA, IMAGENET_TRAIN)


def autoencoder_images() -> RunConfig:
    """A narrow autoencoder for small pictures on two cores."""
    settings = AutoencoderSettings(**_SMALL)
    return RunConfig("autoencoder", "images", settings, _CIFAR10, _TRAIN)


_IMAGENET_BIGAN = BiGANSettings(
    latent_dim=200, term_weight=0.5, network=IMAGENET_NETWORK, optimizer=IMAGENET_OPTIMIZER
)
_SMALL: dict[str, Any] = {
    "latent_dim": 100,
    "network": replace(
        IMAGENET_NETWORK,
        width=32,
        encoder="six_layer",
        encoder_width=None,
        latent_init="same",
        norm_gain_std=0.02,
        bias=True,
    ),
    "optimizer": CONSTANT,
}
_TRAIN = TrainSettings(epochs=25, batch_size=64, precision="auto", statistics_batches=100)
_DCGAN = "DCGAN, arXiv 1511.06434"
_BIGAN = "BiGAN, arXiv 1605.09782"

IMAGE_PRESETS: dict[str, dict[str, Preset]] = {
    "gan": {
        "dcgan": Preset(gan_dcgan, "not reproduced", "-", "-", f"{_DCGAN}, authors' code"),
        "dcgan_features": Preset(
            gan_dcgan_features, "not reproduced", "-", "-", f"{_DCGAN}, section 5.1"
        ),
        "dcgan_svhn": Preset(gan_dcgan_svhn, "not reproduced", "-", "-", f"{_DCGAN}, section 5.2"),
        "imagenet": Preset(gan_imagenet, "not reproduced", "-", "-", f"{_BIGAN}, Table 3, D"),
        "images": Preset(
            gan_images,
            "CIFAR-10: L2-SVM on convs@4 of D 72.6 (untrained 61.5, pixels 40.9)",
            "17 min of one core",
            "1 thread of 2 shared CPU cores, bf16",
            "ours, after DCGAN",
        ),
        "images_modern": Preset(
            gan_images_modern,
            "CIFAR-10: L2-SVM on convs@4 of D 70.9 (untrained 64.3, pixels 40.9)",
            "27 min of one core",
            "1 thread of 2 shared CPU cores, bf16",
            "ours",
        ),
    },
    "bigan": {
        "imagenet": Preset(bigan_imagenet, "not reproduced", "-", "-", f"{_BIGAN}, authors' code"),
        "imagenet_112": Preset(
            bigan_imagenet_112, "not reproduced", "-", "-", f"{_BIGAN}, section 3.5, authors' code"
        ),
        "images": Preset(
            bigan_images,
            "CIFAR-10: L2-SVM on convs@4 of E 70.5 (untrained 60.1, pixels 40.9)",
            "28 min of one core",
            "1 thread of 2 shared CPU cores, bf16",
            "ours, after BiGAN",
        ),
        "images_modern": Preset(bigan_images_modern, "not measured yet", "-", "-", "ours"),
    },
    "latent_regressor": {
        "imagenet": Preset(
            latent_regressor_imagenet, "not reproduced", "-", "-", f"{_BIGAN}, Table 3, LR"
        ),
        "images": Preset(latent_regressor_images, "not measured yet", "-", "-", "ours"),
    },
    "autoencoder": {
        "imagenet": Preset(
            autoencoder_imagenet, "not reproduced", "-", "-", f"{_BIGAN}, Table 3, AE"
        ),
        "images": Preset(autoencoder_images, "not measured yet", "-", "-", "ours"),
    },
}
