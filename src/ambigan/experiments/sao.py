"""SAO against a plain game and methods of two views, with less augmentation, and in parts."""

from __future__ import annotations

from functools import partial

from .experiment import Experiment, RunSpec, register_experiment

_LAYERS = ("discriminator.pool", "discriminator.output")
_sao = partial(RunSpec, method="structural", layers=_LAYERS)
_peer = partial(RunSpec, layers=("encoder.pool", "encoder.output"))
_simclr = partial(_peer, method="simclr")
_gan = partial(RunSpec, method="gan", preset="residual", layers=("discriminator.pool",))

CIFAR10_SETTINGS = {"data.source": "cifar10", "data.max_train": "20000", "train.log_every": "20"}
"""So many images that one core without bf16 shows them to SAO's D four times in 80 minutes."""

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

# Crops of the two differ: SAO's are squares of whole images scaled to 32 to 45 pixels, SimCLR's
# are half to all of the area, of proportions 3:4 to 4:3.
SAO = _sao("SAO", untrained=True)
SAO_FLIPS = _sao("SAO, flips", changes=_FLIP)
SAO_CROPS = _sao("SAO, flips and crops", changes=_CROP)
NO_VIEWS = _simclr("SimCLR, no views", changes={**_WHOLE, "settings.views.flip": "false"})
FLIPS = _simclr("SimCLR, flips", changes=_WHOLE)
CROPS = _simclr("SimCLR, flips and crops", changes=_HALF)
OWN_VIEWS = _simclr("SimCLR, its own views")
BARLOW = _peer("Barlow Twins, its own views", "barlow_twins")
MOCO = _peer("MoCo, its own views", "moco")
BYOL = _peer("BYOL, its own views", "byol")
SPECTRAL = _gan("GAN, spectral norm")
PENALTY = _gan("GAN, gradient penalty", changes=_PENALTY)

_experiment = partial(
    Experiment,
    source="Structural Adversarial Objectives, arXiv 2310.00357",
    settings=CIFAR10_SETTINGS,
    epochs=4,
    protocols=("linear_lbfgs", "knn_sweep", "svm_l2", "kmeans"),
    curve="knn_sweep",
)

MAIN = register_experiment(
    _experiment(
        name="sao-main",
        title="SAO, a plain game and four methods of two views on the same network",
        notes="What does a discriminator that embeds learn, and what do its peers?",
        runs=(SAO, SPECTRAL, PENALTY, NO_VIEWS, OWN_VIEWS, MOCO, BARLOW, BYOL),
        reference_model=OWN_VIEWS.name,
        time="4 h 50 min on one thread of 2 shared CPU cores without bf16; MoCo, Barlow Twins and"
        " BYOL come on top and are not measured",
    )
)
AUGMENTATION = register_experiment(
    _experiment(
        name="sao-augmentation",
        title="SAO and SimCLR with less and less augmentation",
        notes="Which of the two needs augmentation made by hand?",
        runs=(SAO_CROPS, CROPS, SAO_FLIPS, FLIPS, SAO, NO_VIEWS, OWN_VIEWS),
        reference_model=OWN_VIEWS.name,
        time="trainings 4 h 45 min on one thread of 2 shared CPU cores without bf16",
    )
)
ON_CIFAR100 = register_experiment(
    _experiment(
        name="sao-cifar100",
        title="SAO, a plain game and four methods of two views on CIFAR-100",
        notes="Does what holds on ten classes hold on a hundred?",
        settings={**CIFAR10_SETTINGS, "data.source": "cifar100"},
        runs=(SAO, PENALTY, OWN_VIEWS, MOCO, BARLOW, BYOL),
        reference_model=OWN_VIEWS.name,
    )
)
ON_IMAGENET10 = register_experiment(
    _experiment(
        name="sao-imagenet10",
        title="SAO, a plain game and four methods of two views on ten classes of ImageNet",
        notes="Does what holds on CIFAR-10 hold on few photographs? --data names their folder.",
        settings={
            **CIFAR10_SETTINGS,
            "data.source": "folder:imagenette128",
            "data.size": "32,32",
        },
        epochs=32,
        runs=(SAO, PENALTY, OWN_VIEWS, MOCO, BARLOW, BYOL),
        reference_model=OWN_VIEWS.name,
    )
)
SMOOTHNESS = register_experiment(
    _experiment(
        name="sao-smoothness",
        title="SAO, its smoothness more or less strong",
        notes="How strong must the smoothness of D be, and around which slope?",
        runs=(
            SAO,
            *(
                _sao(f"smoothness {weight}", changes={"settings.smoothness_weight": weight})
                for weight in ("0", "0.1", "1", "20")
            ),
            _sao("slope 0", changes={"settings.smoothness_target": "0"}),
            _sao("slope 2", changes={"settings.smoothness_target": "2"}),
            _sao("4 power iterations", changes={"settings.power_iterations": "4"}),
        ),
    )
)
SAO_ABLATION = register_experiment(
    _experiment(
        name="sao-ablation",
        title="SAO, one part changed at a time",
        notes="What does each part of the objective bring?",
        runs=(
            SAO,
            _sao("no cluster term", changes=_NO_CLUSTER),
            _sao("no cluster term, Bhattacharyya", changes={**_NO_CLUSTER, **_BHATTACHARYYA}),
            _sao("Bhattacharyya", changes=_BHATTACHARYYA),
            _sao("no Gaussian term", changes={"settings.gaussian_weight": "0"}),
            _sao("no smoothness", changes={"settings.smoothness_weight": "0"}),
            _sao("spectral norm for group norm, smoothness and hinge", changes=_SPECTRAL),
            _sao("no norm hinge", changes={"settings.norm_weight": "0"}),
            _sao("4 neighbours", changes={"settings.neighbors": "4"}),
            _sao("bank of 512", changes={"settings.bank_size": "512"}),
            _sao("both players at once", changes={"settings.simultaneous": "true"}),
        ),
        time="at half the width, 3 epochs: trainings 4 h on one thread of 2 shared CPU cores",
    )
)

_LINEAR = {"settings.network.encoder_output": "linear"}
_GAUSSIAN = {"settings.gaussian_weight": "10"}
_CLUSTER = {"settings.cluster_weight": "10"}
_autoencoder = partial(RunSpec, method="autoencoder", preset="small")

AUTOENCODER = register_experiment(
    Experiment(
        name="sao-autoencoder",
        title="SAO's terms as regularisers of an autoencoder's latents",
        source="ours; Structural Adversarial Objectives, arXiv 2310.00357, leaves it open",
        notes="Do the Gaussian and the cluster term help features where there is no game?",
        settings={"data.source": "mnist", "data.max_train": "20000", **_LINEAR},
        epochs=10,
        runs=(
            _autoencoder("autoencoder", untrained=True),
            _autoencoder("Gaussian term", changes=_GAUSSIAN),
            _autoencoder("cluster term", changes=_CLUSTER),
            _autoencoder("both terms", changes={**_GAUSSIAN, **_CLUSTER}),
            RunSpec("BiGAN", "bigan", preset="small"),
        ),
        protocols=("few_labels_1", "few_labels_10", "logistic_lbfgs", "knn1_euclidean", "kmeans"),
        reconstructions=("reconstruction_mse",),
        pca_widths=(20,),
    )
)
