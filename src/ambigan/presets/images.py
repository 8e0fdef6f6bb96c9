"""Presets with convolutional networks: DCGAN, BiGAN on ImageNet, and what two cores can train."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from ..data.settings import DataSettings
from ..engine.config import TrainSettings
from ..game import OptimizerSettings
from ..methods.autoencoder import AutoencoderSettings
from ..methods.bigan import BiGANSettings
from ..methods.gan import GANSettings
from ..methods.latent_regressor import LatentRegressorSettings
from ..networks.ali import ALISettings
from ..networks.convolutional import AlexNetSettings, ConvSettings
from .preset import Preset

_CONSTANT = OptimizerSettings(weight_decay=0, final_learning_rate=None)
_DCGAN_NETWORK = ConvSettings(width=128, norm_epsilon=1e-8, bias=False)
_DCGAN_GAME = GANSettings(
    latent_dim=100, simultaneous=False, network=_DCGAN_NETWORK, optimizer=_CONSTANT
)

# BiGAN on ImageNet as printed (section 4.3, appendix C.2): D and G are DCGAN's, E is AlexNet, whose
# borders are not padded, with batch norm after every convolution.
_PAPER_NETWORK = ConvSettings(
    width=128,
    encoder="alexnet",
    encoder_width=96,
    alexnet=AlexNetSettings(kernel=11, stride=4, padded=False, groups=2),
    first_layer_norm=True,
)
# The same as its authors' code trains it.
_OFFICIAL_NETWORK = ConvSettings(
    width=64,
    encoder="alexnet",
    encoder_width=96,
    alexnet=AlexNetSettings(kernel=11, stride=4, groups=2),
    generator_output="squash",
    encoder_output="squash",
    generator_skips_latent=True,
    norm_gain_std=0,
    norm_epsilon=1e-8,
    bias=False,
    latent_at_logit=False,
    zero_init_logit=True,
)
_PAPER: dict[str, Any] = {"latent_dim": 200, "network": _PAPER_NETWORK}
_OFFICIAL: dict[str, Any] = {
    "latent_dim": 200,
    "network": _OFFICIAL_NETWORK,
    "optimizer": OptimizerSettings(decay_biases=True),
}
_IMAGENET_DATA = DataSettings(source="imagenet", size=(72, 72), crop=(64, 64), flip=True)
_IMAGENET_112_DATA = replace(_IMAGENET_DATA, size=(128, 128), crop=(112, 112))
_imagenet_paper = partial(
    Preset, name="imagenet_paper", data=_IMAGENET_DATA, train=TrainSettings(epochs=100)
)
_imagenet_official = partial(
    Preset,
    name="imagenet_official",
    data=_IMAGENET_DATA,
    train=TrainSettings(epochs=100, statistics_batches=1000),
)

# Narrow networks, for small pictures on two cores.
_SMALL: dict[str, Any] = {
    "latent_dim": 100,
    "network": replace(
        _OFFICIAL_NETWORK,
        width=32,
        encoder="six_layer",
        encoder_width=None,
        alexnet=AlexNetSettings(),
        latent_init="same",
        norm_gain_std=0.02,
        bias=True,
    ),
    "optimizer": _CONSTANT,
}
_NARROW_DCGAN = ConvSettings(width=32, discriminator="six_layer")
_images = partial(
    Preset,
    name="images",
    data=DataSettings(source="cifar10"),
    train=TrainSettings(
        epochs=25,
        least_steps=2000,  # 300 pictures would make 120 steps, after which nothing is learned
        batch_size=64,
        precision="auto",
        statistics_batches=100,
    ),
)
_HARDWARE = "1 thread of 2 shared CPU cores, bf16"
_DCGAN = "DCGAN, arXiv 1511.06434"
_BIGAN = "BiGAN, arXiv 1605.09782"

IMAGE_PRESETS = (
    # ALI on CIFAR-10; the paper trains 6,475 epochs, the script 1,000.
    Preset(
        "bigan",
        "ali",
        BiGANSettings(
            latent_dim=64,
            prior="normal",
            encoder="gaussian",
            network=ALISettings(),
            optimizer=replace(_CONSTANT, learning_rate=1e-4, weight_decay=0),
        ),
        DataSettings(source="cifar10"),
        TrainSettings(epochs=6475, batch_size=100, statistics_batches=100),
        source="ALI, arXiv 1606.00704, appendix A, and its authors' code",
    ),
    # DCGAN at 64x64, as its authors' code has it (L2 of 1e-5, used there for faces).
    Preset(
        "gan",
        "dcgan",
        replace(
            _DCGAN_GAME,
            optimizer=replace(_CONSTANT, weight_decay=1e-5, decay_biases=True, decay_gains=True),
        ),
        DataSettings(source="imagenet", size=(64, 64)),
        source=f"{_DCGAN}, authors' code",
    ),
    # The net of DCGAN's features: 32x32, a D of six layers, z of 256 dimensions. G is the usual
    # one; that of the authors' ImageNet script has six 3x3 layers as D has.
    Preset(
        "gan",
        "dcgan_features",
        replace(
            _DCGAN_GAME,
            latent_dim=256,
            network=replace(_DCGAN_NETWORK, discriminator="six_layer"),
        ),
        DataSettings(source="imagenet", size=(32, 32)),
        TrainSettings(epochs=30),
        source=f"{_DCGAN}, section 5.1",
    ),
    # DCGAN on SVHN: D of 64, 128, 256 channels; its training was not published.
    Preset(
        "gan",
        "dcgan_svhn",
        replace(
            _DCGAN_GAME,
            prior="normal",
            network=replace(_DCGAN_NETWORK, width=64),
            optimizer=replace(_CONSTANT, learning_rate=5e-4),
        ),
        DataSettings(source="svhn"),
        TrainSettings(epochs=200, batch_size=64, statistics_batches=100),
        source=f"{_DCGAN}, section 5.2",
    ),
    # The features of a D that is an AlexNet, as E is in the other rows of the table.
    _imagenet_paper(
        "gan",
        settings=GANSettings(
            latent_dim=200,
            network=replace(_PAPER_NETWORK, discriminator="alexnet", discriminator_width=96),
        ),
        source=f"{_BIGAN}, Table 3, D",
    ),
    _imagenet_official(
        "gan",
        settings=replace(
            GANSettings(**_OFFICIAL, term_weight=0.5),
            network=replace(_OFFICIAL_NETWORK, discriminator="alexnet", discriminator_width=96),
        ),
        source=f"{_BIGAN}, Table 3, D, authors' code",
    ),
    # A narrow DCGAN, with the six-layer D of its features.
    _images(
        "gan",
        settings=replace(_DCGAN_GAME, network=_NARROW_DCGAN),
        score="CIFAR-10: L2-SVM on convs@4 of D 72.6 (untrained 61.5, pixels 40.9)",
        time="17 min of one core",
        hardware=_HARDWARE,
        source="ours, after DCGAN",
    ),
    # The same with spectral norm, hinge, R1 and differentiable augmentation.
    _images(
        "gan",
        name="images_modern",
        settings=replace(
            _DCGAN_GAME,
            prior="normal",
            objective="hinge",
            gradient_penalty=0.1,
            augment=True,
            network=replace(_NARROW_DCGAN, discriminator_norm="spectral"),
        ),
        score="CIFAR-10: L2-SVM on convs@4 of D 70.9 (untrained 64.3, pixels 40.9)",
        time="27 min of one core",
        hardware=_HARDWARE,
    ),
    # Short side 72, crops of 64 that reach to both ends of the long side, flips.
    _imagenet_paper(
        "bigan", settings=BiGANSettings(**_PAPER), source=f"{_BIGAN}, Table 3, as printed"
    ),
    _imagenet_official(
        "bigan",
        settings=BiGANSettings(**_OFFICIAL, term_weight=0.5),
        source=f"{_BIGAN}, authors' code",
    ),
    # The generalised BiGAN: E sees crops of 112 of a short side of 128, G and D work at 64.
    _imagenet_paper(
        "bigan",
        name="imagenet_112_paper",
        settings=BiGANSettings(
            latent_dim=200, network=replace(_PAPER_NETWORK, image_size=(64, 64))
        ),
        data=_IMAGENET_112_DATA,
        source=f"{_BIGAN}, section 3.5, as printed",
    ),
    _imagenet_official(
        "bigan",
        name="imagenet_112_official",
        settings=replace(
            BiGANSettings(**_OFFICIAL, term_weight=0.5),
            network=replace(_OFFICIAL_NETWORK, image_size=(64, 64)),
        ),
        data=_IMAGENET_112_DATA,
        source=f"{_BIGAN}, section 3.5, authors' code",
    ),
    # With a cycle term, or reconstructions are no nearer to the data than their mean is.
    _images(
        "bigan",
        settings=BiGANSettings(**_SMALL, term_weight=0.5, cycle_weight=0.005, cycle_loss="l2"),
        score="2,500 images, 10 epochs, seed 0: reconstruction 0.85 (MNIST), 0.38 (CIFAR-10), 0.42"
        " (Imagenette) of the mean's error",
        time="3 to 5 min of one core",
        hardware=_HARDWARE,
        source="ours, after BiGAN",
    ),
    _images(
        "bigan",
        name="images_plain",
        settings=BiGANSettings(**_SMALL, term_weight=0.5),
        score="CIFAR-10: L2-SVM on convs@4 of E 70.5 (untrained 60.1, pixels 40.9)",
        time="28 min of one core",
        hardware=_HARDWARE,
        source="ours, after BiGAN",
    ),
    # E learns after the GAN, 50 of 100 epochs each, as in Table 1.
    _imagenet_paper(
        "latent_regressor",
        settings=LatentRegressorSettings(**_PAPER),
        source=f"{_BIGAN}, Table 3, LR",
    ),
    # E learns together with the GAN, as in the authors' code.
    _imagenet_official(
        "latent_regressor",
        settings=LatentRegressorSettings(
            **_OFFICIAL, regress="during", term_weight=0.5, zero_init_encoder=True
        ),
        source=f"{_BIGAN}, Table 3, LR, authors' code",
    ),
    # G descends the regression as well.
    _imagenet_paper(
        "latent_regressor",
        name="imagenet_joint_paper",
        settings=LatentRegressorSettings(**_PAPER, regress="during", joint_weight=0.25),
        source=f"{_BIGAN}, Table 3, Joint LR",
    ),
    # In the authors' code, E too descends G's loss, in which its own weighs 0.25: weight decay
    # counts four times as much against it as here.
    _imagenet_official(
        "latent_regressor",
        name="imagenet_joint_official",
        settings=LatentRegressorSettings(
            **_OFFICIAL,
            regress="during",
            joint_weight=0.25,
            term_weight=0.5,
            zero_init_encoder=True,
        ),
        source=f"{_BIGAN}, Table 3, Joint LR, authors' code",
    ),
    # A joint latent regressor.
    _images(
        "latent_regressor",
        settings=LatentRegressorSettings(**_SMALL, regress="during", joint_weight=0.25),
        score="not measured yet",
    ),
    # Row `AE (l2)`.
    _imagenet_paper(
        "autoencoder", settings=AutoencoderSettings(**_PAPER), source=f"{_BIGAN}, Table 3, AE"
    ),
    # The authors' code holds no autoencoder; these are its networks.
    _imagenet_official(
        "autoencoder",
        settings=AutoencoderSettings(**_OFFICIAL),
        source=f"{_BIGAN}, networks of the authors' code",
    ),
    _images(
        "autoencoder",
        settings=AutoencoderSettings(**_SMALL),
        score="not measured yet",
    ),
)
