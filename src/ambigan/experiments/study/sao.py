"""SAO beside SimCLR and a plain game; with less and less augmentation; and in parts."""

from __future__ import annotations

from collections.abc import Mapping

from .design import CIFAR10, Arm, Study


def _sao(name: str, changes: Mapping[str, str], *, untrained: bool = False) -> Arm:
    layers = ("discriminator.pool", "discriminator.output")
    return Arm(name, "structural", changes, "images", layers, untrained)


def _simclr(name: str, changes: Mapping[str, str]) -> Arm:
    return Arm(name, "simclr", changes, "images", ("encoder.pool", "encoder.output"))


def _gan(name: str, changes: Mapping[str, str]) -> Arm:
    return Arm(name, "gan", changes, "residual", ("discriminator.pool",))


_COLOURS_KEPT = {"settings.views.jitter": "0", "settings.views.grayscale": "0"}
_WHOLE = {**_COLOURS_KEPT, "settings.views.min_scale": "1"}
_HALF = {**_COLOURS_KEPT, "settings.views.min_scale": "0.5"}
_FLIP = {"data.flip": "true"}
_CROP = {**_FLIP, "data.crop": "32,32", "data.short_side": "32,45"}
_NO_CLUSTER = {"settings.cluster_weight": "0"}
_BHATTACHARYYA = {"settings.divergence": "bhattacharyya"}
_SPECTRAL = {  # under which embeddings are short whatever is learned
    "settings.network.discriminator_norm": "spectral",
    "settings.smoothness_weight": "0",
    "settings.norm_weight": "0",
}
_PENALTY = {"settings.network.discriminator_norm": "group", "settings.smoothness_weight": "5"}
_SOURCE = "Structural Adversarial Objectives, arXiv 2310.00357"

# Crops of the two differ: SAO's are squares of whole images scaled to 32 to 45 pixels, SimCLR's
# are half to all of the area, of proportions 3:4 to 4:3.
SAO = _sao("SAO", {}, untrained=True)
SAO_FLIPS = _sao("SAO, flips", _FLIP)
SAO_CROPS = _sao("SAO, flips and crops", _CROP)
NO_VIEWS = _simclr("SimCLR, no views", {**_WHOLE, "settings.views.flip": "false"})
FLIPS = _simclr("SimCLR, flips", _WHOLE)
CROPS = _simclr("SimCLR, flips and crops", _HALF)
OWN_VIEWS = _simclr("SimCLR, its own views", {})
SPECTRAL = _gan("GAN, spectral norm", {})
PENALTY = _gan("GAN, gradient penalty", _PENALTY)

MAIN = Study(
    name="sao-main",
    title="SAO beside SimCLR and a plain game, on the same network",
    question="What does a discriminator that embeds learn, beside what its peers learn?",
    source=_SOURCE,
    settings=CIFAR10,
    passes=4,
    arms=(SAO, SPECTRAL, PENALTY, NO_VIEWS, OWN_VIEWS),
    judge=OWN_VIEWS,
    time="4 h 50 min on one thread of 2 shared CPU cores without bf16",
)
AUGMENTATION = Study(
    name="sao-augmentation",
    title="SAO and SimCLR with less and less augmentation",
    question="Which of the two needs augmentation made by hand?",
    source=_SOURCE,
    settings=CIFAR10,
    passes=4,
    arms=(SAO_CROPS, CROPS, SAO_FLIPS, FLIPS, SAO, NO_VIEWS, OWN_VIEWS),
    judge=OWN_VIEWS,
    time="trainings 4 h 45 min on one thread of 2 shared CPU cores without bf16",
)
ABLATION = Study(
    name="sao-ablation",
    title="SAO, one part changed at a time",
    question="What does each part of the objective bring?",
    source=_SOURCE,
    settings=CIFAR10,
    passes=4,
    arms=(
        SAO,
        _sao("no cluster term", _NO_CLUSTER),
        _sao("no cluster term, Bhattacharyya", {**_NO_CLUSTER, **_BHATTACHARYYA}),
        _sao("Bhattacharyya", _BHATTACHARYYA),
        _sao("no Gaussian term", {"settings.gaussian_weight": "0"}),
        _sao("no smoothness", {"settings.smoothness_weight": "0"}),
        _sao("spectral norm for group norm, smoothness and hinge", _SPECTRAL),
        _sao("no norm hinge", {"settings.norm_weight": "0"}),
        _sao("4 neighbours", {"settings.neighbors": "4"}),
        _sao("bank of 512", {"settings.bank_size": "512"}),
    ),
    time="at half the width, 3 passes: trainings 4 h on one thread of 2 shared CPU cores",
)

STUDIES = (MAIN, AUGMENTATION, ABLATION)
